package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type publicNetModel struct {
	IPv4Enabled types.Bool  `tfsdk:"ipv4_enabled"`
	IPv6Enabled types.Bool  `tfsdk:"ipv6_enabled"`
	IPv4        types.Int64 `tfsdk:"ipv4"`
	IPv6        types.Int64 `tfsdk:"ipv6"`
}

func publicNetBlock() schema.Block {
	return schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
		"ipv4_enabled": schema.BoolAttribute{Optional: true},
		"ipv6_enabled": schema.BoolAttribute{Optional: true},
		"ipv4":         schema.Int64Attribute{Optional: true, Computed: true},
		"ipv6":         schema.Int64Attribute{Optional: true, Computed: true},
	}}}
}

// planPublicNet writes the defaults into the configured block. Without one, the state's stays.
func planPublicNet(ctx context.Context, config, state types.Set, diags *diag.Diagnostics) types.Set {
	if config.IsUnknown() {
		return config
	}
	models, err := decode[publicNetModel](ctx, config)
	addError(diags, err)
	if len(models) == 0 {
		return state
	}
	for i := range models {
		models[i].setDefaults()
	}
	set, found := types.SetValueFrom(ctx, publicNetObject(), models)
	diags.Append(found...)
	return set
}

func (m *publicNetModel) setDefaults() {
	for _, enabled := range []*types.Bool{&m.IPv4Enabled, &m.IPv6Enabled} {
		if enabled.IsNull() {
			*enabled = types.BoolValue(true)
		}
	}
	for _, id := range []*types.Int64{&m.IPv4, &m.IPv6} {
		if id.IsNull() {
			*id = types.Int64Value(0)
		}
	}
}

func publicNetOptions(ctx context.Context, set types.Set) (*hcloud.ServerCreatePublicNet, error) {
	models, err := decode[publicNetModel](ctx, set)
	if err != nil || len(models) == 0 {
		return nil, err
	}
	model := models[0]
	return &hcloud.ServerCreatePublicNet{
		EnableIPv4: model.IPv4Enabled.ValueBool(),
		EnableIPv6: model.IPv6Enabled.ValueBool(),
		IPv4:       primaryIP(model.IPv4),
		IPv6:       primaryIP(model.IPv6),
	}, nil
}

func primaryIP(id types.Int64) *hcloud.PrimaryIP {
	if id.ValueInt64() == 0 {
		return nil
	}
	return &hcloud.PrimaryIP{ID: id.ValueInt64()}
}
