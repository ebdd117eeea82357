package provider

import (
	"context"
	"fmt"
	"net"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type networkBlockModel struct {
	NetworkID  types.Int64  `tfsdk:"network_id"`
	SubnetID   types.String `tfsdk:"subnet_id"`
	IP         types.String `tfsdk:"ip"`
	AliasIPs   types.Set    `tfsdk:"alias_ips"`
	MACAddress types.String `tfsdk:"mac_address"`
}

func networkBlock() schema.Block {
	return schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
		"network_id":  schema.Int64Attribute{Optional: true, Computed: true},
		"subnet_id":   schema.StringAttribute{Optional: true, Computed: true},
		"ip":          schema.StringAttribute{Optional: true, Computed: true},
		"alias_ips":   schema.SetAttribute{ElementType: types.StringType, Optional: true, Computed: true},
		"mac_address": schema.StringAttribute{Computed: true},
	}}}
}

// network resolves the block to a network and, where a subnet is named, its range.
func (m networkBlockModel) network() (*hcloud.Network, *net.IPNet, error) {
	if subnet := m.SubnetID.ValueString(); subnet != "" {
		id, ipRange, err := parseSubnetID(subnet)
		return &hcloud.Network{ID: id}, ipRange, err
	}
	if m.NetworkID.ValueInt64() == 0 {
		return nil, nil, fmt.Errorf("either network_id or subnet_id must be set")
	}
	return &hcloud.Network{ID: m.NetworkID.ValueInt64()}, nil, nil
}

// planNetworks plans the state's blocks where they satisfy the configuration, and new ones elsewhere. Without any
// block in the configuration the attachments are somebody else's (hcloud_server_network) and stay as they are.
func planNetworks(ctx context.Context, config, state types.Set, diags *diag.Diagnostics) types.Set {
	if config.IsUnknown() {
		return config
	}
	wanted, err := decode[networkBlockModel](ctx, config)
	addError(diags, err)
	if len(wanted) == 0 {
		return state
	}
	existing, err := decode[networkBlockModel](ctx, state)
	addError(diags, err)
	planned := make([]networkBlockModel, len(wanted))
	for i, want := range wanted {
		planned[i] = want.plan(existing)
	}
	return networkSet(ctx, planned, diags)
}

func (m networkBlockModel) plan(existing []networkBlockModel) networkBlockModel {
	for _, have := range existing {
		if m.satisfiedBy(have) {
			return have
		}
	}
	if m.NetworkID.IsNull() {
		m.NetworkID = types.Int64Unknown()
	}
	if m.IP.IsNull() {
		m.IP = types.StringUnknown()
	}
	if m.AliasIPs.IsNull() {
		m.AliasIPs = types.SetUnknown(types.StringType)
	}
	m.MACAddress = types.StringUnknown()
	return m
}

func (m networkBlockModel) satisfiedBy(have networkBlockModel) bool {
	if m.NetworkID.IsUnknown() || m.SubnetID.IsUnknown() || m.IP.IsUnknown() || m.AliasIPs.IsUnknown() {
		return false
	}
	network, _, err := m.network()
	return err == nil && network.ID == have.NetworkID.ValueInt64() &&
		(m.IP.IsNull() || m.IP.Equal(have.IP)) &&
		(m.AliasIPs.IsNull() || m.AliasIPs.Equal(have.AliasIPs))
}

// networksFrom reads the attachments of a server; the API knows no subnets there, so they come from the prior blocks.
// As with the real provider, a server without prior blocks keeps none, attached or not: an imported server plans an
// update that names its network, and applying it finds the attachment there or makes it.
func networksFrom(
	ctx context.Context, server *hcloud.Server, prior types.Set, diags *diag.Diagnostics,
) types.Set {
	before, err := decode[networkBlockModel](ctx, prior)
	addError(diags, err)
	if len(before) == 0 {
		return networkSet(ctx, []networkBlockModel{}, diags)
	}
	subnets := make(map[int64]types.String, len(before))
	for _, block := range before {
		if network, _, err := block.network(); err == nil && !block.SubnetID.IsUnknown() {
			subnets[network.ID] = block.SubnetID
		}
	}
	models := make([]networkBlockModel, len(server.PrivateNet))
	for i, private := range server.PrivateNet {
		models[i] = networkBlockModel{
			NetworkID:  types.Int64Value(private.Network.ID),
			SubnetID:   subnets[private.Network.ID],
			IP:         ipText(private.IP),
			AliasIPs:   stringSet(ipTexts(private.Aliases)),
			MACAddress: types.StringValue(private.MACAddress),
		}
	}
	return networkSet(ctx, models, diags)
}

func networkSet(ctx context.Context, models []networkBlockModel, diags *diag.Diagnostics) types.Set {
	set, found := types.SetValueFrom(ctx, networkObject(), models)
	diags.Append(found...)
	return set
}

func (r *serverResource) attach(ctx context.Context, server *hcloud.Server, block networkBlockModel) error {
	network, ipRange, err := block.network()
	if err != nil {
		return err
	}
	options := hcloud.ServerAttachToNetworkOpts{Network: network, IPRange: ipRange}
	if ip := block.IP.ValueString(); ip != "" {
		options.IP = net.ParseIP(ip)
		options.IPRange = nil
	}
	if aliases := stringsOf(block.AliasIPs); len(aliases) > 0 {
		options.AliasIPs = parseIPs(aliases)
	}
	err = r.retryOn(ctx, retryTries, func() error {
		action, _, err := r.client.Server.AttachToNetwork(ctx, server, options)
		if err != nil {
			return err
		}
		return r.wait(ctx, action)
	}, hcloud.ErrorCodeConflict, hcloud.ErrorCodeLocked, hcloud.ErrorCodeServiceError, hcloud.ErrorCodeNoSubnetAvailable)
	if err != nil && !hcloud.IsError(err, hcloud.ErrorCodeServerAlreadyAttached) {
		return fmt.Errorf("attach server to network: %w", err)
	}
	return nil
}

func (r *serverResource) detach(ctx context.Context, server *hcloud.Server, network *hcloud.Network) error {
	err := r.retryOn(ctx, retryTries, func() error {
		action, _, err := r.client.Server.DetachFromNetwork(ctx, server,
			hcloud.ServerDetachFromNetworkOpts{Network: network})
		if err != nil {
			return err
		}
		return r.wait(ctx, action)
	}, hcloud.ErrorCodeConflict, hcloud.ErrorCodeLocked, hcloud.ErrorCodeServiceError)
	if err = ignoreNotFound(err); err != nil {
		return fmt.Errorf("detach server from network: %w", err)
	}
	return nil
}
