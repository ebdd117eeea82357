package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type locationModel struct {
	ID          types.Int64   `tfsdk:"id"`
	Name        types.String  `tfsdk:"name"`
	Description types.String  `tfsdk:"description"`
	Country     types.String  `tfsdk:"country"`
	City        types.String  `tfsdk:"city"`
	Latitude    types.Float64 `tfsdk:"latitude"`
	Longitude   types.Float64 `tfsdk:"longitude"`
	NetworkZone types.String  `tfsdk:"network_zone"`
}

func locationFrom(location *hcloud.Location) locationModel {
	return locationModel{
		ID:          types.Int64Value(location.ID),
		Name:        types.StringValue(location.Name),
		Description: types.StringValue(location.Description),
		Country:     types.StringValue(location.Country),
		City:        types.StringValue(location.City),
		Latitude:    types.Float64Value(location.Latitude),
		Longitude:   types.Float64Value(location.Longitude),
		NetworkZone: types.StringValue(string(location.NetworkZone)),
	}
}

type locationData struct{ dataBase }

func newLocationData() datasource.DataSource { return &locationData{dataBase{typeName: "location"}} }

func (d *locationData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := schema.StringAttribute{Computed: true}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":           schema.Int64Attribute{Optional: true},
		"name":         schema.StringAttribute{Optional: true},
		"description":  text,
		"country":      text,
		"city":         text,
		"latitude":     schema.Float64Attribute{Computed: true},
		"longitude":    schema.Float64Attribute{Computed: true},
		"network_zone": text,
	}}
}

func (d *locationData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config locationModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	wanted := config.Name.ValueString()
	if wanted == "" {
		wanted = formatID(config.ID.ValueInt64())
	}
	location, _, err := d.client.Location.Get(ctx, wanted)
	if err == nil && location == nil {
		err = fmt.Errorf("location %s not found", wanted)
	}
	if err != nil {
		addModernError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, locationFrom(location))...)
}

type locationsData struct{ dataBase }

func newLocationsData() datasource.DataSource { return &locationsData{dataBase{typeName: "locations"}} }

type locationsModel struct {
	ID           types.String `tfsdk:"id"`
	LocationIDs  types.List   `tfsdk:"location_ids"`
	Names        types.List   `tfsdk:"names"`
	Descriptions types.List   `tfsdk:"descriptions"`
	Locations    types.List   `tfsdk:"locations"`
}

func locationObject() types.ObjectType {
	return types.ObjectType{AttrTypes: map[string]attr.Type{
		"id": types.Int64Type, "name": types.StringType, "description": types.StringType,
		"country": types.StringType, "city": types.StringType, "network_zone": types.StringType,
		"latitude": types.Float64Type, "longitude": types.Float64Type,
	}}
}

func (d *locationsData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	deprecated := schema.ListAttribute{
		ElementType: types.StringType, Computed: true, DeprecationMessage: "Use the locations list instead.",
	}
	text := schema.StringAttribute{Computed: true}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":           text,
		"location_ids": deprecated,
		"names":        deprecated,
		"descriptions": deprecated,
		"locations": schema.ListNestedAttribute{
			Computed: true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"id": schema.Int64Attribute{Computed: true}, "name": text, "description": text,
				"country": text, "city": text, "network_zone": text,
				"latitude": schema.Float64Attribute{Computed: true}, "longitude": schema.Float64Attribute{Computed: true},
			}},
		},
	}}
}

func (d *locationsData) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	all, err := d.client.Location.All(ctx)
	if err != nil {
		addModernError(&resp.Diagnostics, err)
		return
	}
	var ids, names, descriptions []string
	var models []locationModel
	for _, location := range all {
		ids = append(ids, formatID(location.ID))
		names = append(names, location.Name)
		descriptions = append(descriptions, location.Description)
		models = append(models, locationFrom(location))
	}
	state := locationsModel{
		ID: types.StringValue("locations"), LocationIDs: stringList(ids), Names: stringList(names),
		Descriptions: stringList(descriptions),
	}
	locations, found := types.ListValueFrom(ctx, locationObject(), models)
	resp.Diagnostics.Append(found...)
	state.Locations = locations
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func stringList(texts []string) types.List {
	elements := make([]attr.Value, len(texts))
	for i, text := range texts {
		elements[i] = types.StringValue(text)
	}
	return types.ListValueMust(types.StringType, elements)
}
