package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type serverTypeData struct{ dataBase }

func newServerTypeData() datasource.DataSource {
	return &serverTypeData{dataBase{typeName: "server_type"}}
}

type serverTypeModel struct {
	ID                   types.Int64   `tfsdk:"id"`
	Name                 types.String  `tfsdk:"name"`
	Description          types.String  `tfsdk:"description"`
	Category             types.String  `tfsdk:"category"`
	Cores                types.Int64   `tfsdk:"cores"`
	Memory               types.Float64 `tfsdk:"memory"`
	Disk                 types.Int64   `tfsdk:"disk"`
	StorageType          types.String  `tfsdk:"storage_type"`
	CPUType              types.String  `tfsdk:"cpu_type"`
	Architecture         types.String  `tfsdk:"architecture"`
	IncludedTraffic      types.Int64   `tfsdk:"included_traffic"`
	IsDeprecated         types.Bool    `tfsdk:"is_deprecated"`
	DeprecationAnnounced types.String  `tfsdk:"deprecation_announced"`
	UnavailableAfter     types.String  `tfsdk:"unavailable_after"`
	Locations            types.List    `tfsdk:"locations"`
}

type offerModel struct {
	ID                   types.Int64  `tfsdk:"id"`
	Name                 types.String `tfsdk:"name"`
	Available            types.Bool   `tfsdk:"available"`
	Recommended          types.Bool   `tfsdk:"recommended"`
	IsDeprecated         types.Bool   `tfsdk:"is_deprecated"`
	DeprecationAnnounced types.String `tfsdk:"deprecation_announced"`
	UnavailableAfter     types.String `tfsdk:"unavailable_after"`
}

func offerObject() types.ObjectType {
	return types.ObjectType{AttrTypes: map[string]attr.Type{
		"id": types.Int64Type, "name": types.StringType, "available": types.BoolType,
		"recommended": types.BoolType, "is_deprecated": types.BoolType,
		"deprecation_announced": types.StringType, "unavailable_after": types.StringType,
	}}
}

func (d *serverTypeData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	const deprecated = "Use the locations list instead."
	text, number, flag := schema.StringAttribute{Computed: true}, schema.Int64Attribute{Computed: true},
		schema.BoolAttribute{Computed: true}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":                    schema.Int64Attribute{Optional: true},
		"name":                  schema.StringAttribute{Optional: true},
		"description":           text,
		"category":              text,
		"cores":                 number,
		"memory":                schema.Float64Attribute{Computed: true},
		"disk":                  number,
		"storage_type":          text,
		"cpu_type":              text,
		"architecture":          text,
		"included_traffic":      schema.Int64Attribute{Computed: true, DeprecationMessage: deprecated},
		"is_deprecated":         schema.BoolAttribute{Computed: true, DeprecationMessage: deprecated},
		"deprecation_announced": schema.StringAttribute{Computed: true, DeprecationMessage: deprecated},
		"unavailable_after":     schema.StringAttribute{Computed: true, DeprecationMessage: deprecated},
		"locations": schema.ListNestedAttribute{
			Computed: true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"id": number, "name": text, "available": flag, "recommended": flag, "is_deprecated": flag,
				"deprecation_announced": text, "unavailable_after": text,
			}},
		},
	}}
}

func (d *serverTypeData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config serverTypeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	wanted := config.Name.ValueString()
	if wanted == "" {
		wanted = formatID(config.ID.ValueInt64())
	}
	serverType, _, err := d.client.ServerType.Get(ctx, wanted)
	if err == nil && serverType == nil {
		err = fmt.Errorf("server type %s not found", wanted)
	}
	if err != nil {
		addModernError(&resp.Diagnostics, err)
		return
	}
	state := serverTypeFrom(serverType)
	locations, found := types.ListValueFrom(ctx, offerObject(), offersFrom(serverType.Locations))
	resp.Diagnostics.Append(found...)
	state.Locations = locations
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func serverTypeFrom(t *hcloud.ServerType) serverTypeModel {
	announced, after := deprecationTexts(t.DeprecatableResource)
	return serverTypeModel{
		ID: types.Int64Value(t.ID), Name: types.StringValue(t.Name), Description: types.StringValue(t.Description),
		Category: types.StringValue(t.Category), Cores: types.Int64Value(int64(t.Cores)),
		Memory: types.Float64Value(float64(t.Memory)), Disk: types.Int64Value(int64(t.Disk)),
		StorageType: types.StringValue(string(t.StorageType)), CPUType: types.StringValue(string(t.CPUType)),
		Architecture: types.StringValue(string(t.Architecture)), IncludedTraffic: types.Int64Value(0),
		IsDeprecated: types.BoolValue(t.IsDeprecated()), DeprecationAnnounced: announced, UnavailableAfter: after,
	}
}

func offersFrom(locations []hcloud.ServerTypeLocation) []offerModel {
	offers := make([]offerModel, len(locations))
	for i, location := range locations {
		announced, after := deprecationTexts(location.DeprecatableResource)
		offers[i] = offerModel{
			ID: types.Int64Value(location.Location.ID), Name: types.StringValue(location.Location.Name),
			Available: types.BoolValue(location.Available), Recommended: types.BoolValue(location.Recommended),
			IsDeprecated: types.BoolValue(location.IsDeprecated()), DeprecationAnnounced: announced, UnavailableAfter: after,
		}
	}
	return offers
}

func deprecationTexts(resource hcloud.DeprecatableResource) (announced, unavailableAfter types.String) {
	if !resource.IsDeprecated() {
		return types.StringNull(), types.StringNull()
	}
	return types.StringValue(resource.DeprecationAnnounced().Format(time.RFC3339)),
		types.StringValue(resource.UnavailableAfter().Format(time.RFC3339))
}
