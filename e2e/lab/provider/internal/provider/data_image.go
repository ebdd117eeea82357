package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type imageData struct{ dataBase }

func newImageData() datasource.DataSource { return &imageData{dataBase{typeName: "image"}} }

type imageModel struct {
	ID                types.Int64  `tfsdk:"id"`
	Name              types.String `tfsdk:"name"`
	Description       types.String `tfsdk:"description"`
	Type              types.String `tfsdk:"type"`
	Architecture      types.String `tfsdk:"architecture"`
	Created           types.String `tfsdk:"created"`
	Deprecated        types.String `tfsdk:"deprecated"`
	OSFlavor          types.String `tfsdk:"os_flavor"`
	OSVersion         types.String `tfsdk:"os_version"`
	RapidDeploy       types.Bool   `tfsdk:"rapid_deploy"`
	Labels            types.Map    `tfsdk:"labels"`
	IncludeDeprecated types.Bool   `tfsdk:"include_deprecated"`
	MostRecent        types.Bool   `tfsdk:"most_recent"`
	WithArchitecture  types.String `tfsdk:"with_architecture"`
	WithSelector      types.String `tfsdk:"with_selector"`
	WithStatus        types.Set    `tfsdk:"with_status"`
}

func (d *imageData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text, option := schema.StringAttribute{Computed: true}, schema.StringAttribute{Optional: true}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":                 schema.Int64Attribute{Optional: true},
		"name":               option,
		"description":        text,
		"type":               text,
		"architecture":       text,
		"created":            text,
		"deprecated":         text,
		"os_flavor":          text,
		"os_version":         text,
		"rapid_deploy":       schema.BoolAttribute{Computed: true},
		"labels":             schema.MapAttribute{ElementType: types.StringType, Computed: true},
		"include_deprecated": schema.BoolAttribute{Optional: true},
		"most_recent":        schema.BoolAttribute{Optional: true},
		"with_architecture":  option,
		"with_selector":      option,
		"with_status":        schema.SetAttribute{ElementType: types.StringType, Optional: true},
	}}
}

func (d *imageData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config imageModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	image, err := d.find(ctx, config)
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	config.fill(image)
	resp.Diagnostics.Append(resp.State.Set(ctx, config)...)
}

func (d *imageData) find(ctx context.Context, config imageModel) (*hcloud.Image, error) {
	if id := config.ID.ValueInt64(); id != 0 {
		image, _, err := d.client.Image.GetByID(ctx, id)
		if err == nil && image == nil {
			err = fmt.Errorf("no Image found with id %d", id)
		}
		return image, err
	}
	images, err := d.client.Image.AllWithOpts(ctx, config.listOptions())
	if err != nil {
		return nil, err
	}
	switch {
	case len(images) == 0:
		return nil, fmt.Errorf("no image found matching the selection")
	case len(images) > 1 && !config.MostRecent.ValueBool():
		return nil, fmt.Errorf("more than one image found for the selection, set most_recent to choose the newest")
	}
	newest := images[0]
	for _, image := range images {
		if image.Created.After(newest.Created) {
			newest = image
		}
	}
	return newest, nil
}

func (m imageModel) listOptions() hcloud.ImageListOpts {
	architecture := hcloud.ArchitectureX86
	if wanted := m.WithArchitecture.ValueString(); wanted != "" {
		architecture = hcloud.Architecture(wanted)
	}
	options := hcloud.ImageListOpts{
		Name: m.Name.ValueString(), Architecture: []hcloud.Architecture{architecture},
		IncludeDeprecated: m.IncludeDeprecated.ValueBool(),
	}
	options.LabelSelector = m.WithSelector.ValueString()
	for _, status := range stringsOf(m.WithStatus) {
		options.Status = append(options.Status, hcloud.ImageStatus(status))
	}
	return options
}

func (m *imageModel) fill(image *hcloud.Image) {
	m.ID = types.Int64Value(image.ID)
	m.Name = types.StringValue(image.Name)
	m.Description = types.StringValue(image.Description)
	m.Type = types.StringValue(string(image.Type))
	m.Architecture = types.StringValue(string(image.Architecture))
	m.Created = types.StringValue(image.Created.Format(time.RFC3339))
	m.OSFlavor = types.StringValue(image.OSFlavor)
	m.OSVersion = types.StringValue(image.OSVersion)
	m.RapidDeploy = types.BoolValue(image.RapidDeploy)
	m.Labels = labelsComputed(image.Labels)
	m.Deprecated = types.StringNull()
	if image.IsDeprecated() {
		m.Deprecated = types.StringValue(image.Deprecated.Format(time.RFC3339))
	}
}
