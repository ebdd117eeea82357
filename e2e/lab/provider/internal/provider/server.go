package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

const serverCreateTimeout = 90 * time.Minute

type serverResource struct{ base }

func newServer() resource.Resource { return &serverResource{base{typeName: "server"}} }

type serverModel struct {
	ID                      types.String `tfsdk:"id"`
	Name                    types.String `tfsdk:"name"`
	ServerType              types.String `tfsdk:"server_type"`
	Image                   types.String `tfsdk:"image"`
	Location                types.String `tfsdk:"location"`
	UserData                types.String `tfsdk:"user_data"`
	SSHKeys                 types.List   `tfsdk:"ssh_keys"`
	Labels                  types.Map    `tfsdk:"labels"`
	FirewallIDs             types.Set    `tfsdk:"firewall_ids"`
	IgnoreRemoteFirewallIDs types.Bool   `tfsdk:"ignore_remote_firewall_ids"`
	PlacementGroupID        types.Int64  `tfsdk:"placement_group_id"`
	KeepDisk                types.Bool   `tfsdk:"keep_disk"`
	DeleteProtection        types.Bool   `tfsdk:"delete_protection"`
	RebuildProtection       types.Bool   `tfsdk:"rebuild_protection"`
	ShutdownBeforeDeletion  types.Bool   `tfsdk:"shutdown_before_deletion"`
	Status                  types.String `tfsdk:"status"`
	IPv4Address             types.String `tfsdk:"ipv4_address"`
	IPv6Address             types.String `tfsdk:"ipv6_address"`
	IPv6Network             types.String `tfsdk:"ipv6_network"`
	PrimaryDiskSize         types.Int64  `tfsdk:"primary_disk_size"`
	Network                 types.Set    `tfsdk:"network"`
	PublicNet               types.Set    `tfsdk:"public_net"`
	Timeouts                types.Object `tfsdk:"timeouts"`
}

func (r *serverResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"id":          legacyID(),
			"name":        requiredString(),
			"server_type": requiredString(),
			"image":       optionalComputedStringReplace(),
			"location":    optionalComputedStringReplace(),
			"user_data": schema.StringAttribute{
				Optional: true, PlanModifiers: []planmodifier.String{hashedUserData{}},
			},
			"ssh_keys": schema.ListAttribute{
				ElementType: types.StringType, Optional: true,
				PlanModifiers: []planmodifier.List{listplanmodifier.RequiresReplace()},
			},
			"labels": optionalLabels(),
			"firewall_ids": schema.SetAttribute{
				ElementType: types.Int64Type, Optional: true, Computed: true,
				PlanModifiers: []planmodifier.Set{setplanmodifier.UseStateForUnknown()},
			},
			"ignore_remote_firewall_ids": optionalFlag(),
			"placement_group_id":         schema.Int64Attribute{Optional: true},
			"keep_disk":                  optionalFlag(),
			"delete_protection":          optionalFlag(),
			"rebuild_protection":         optionalFlag(),
			"shutdown_before_deletion":   optionalFlag(),
			"status":                     computedString(),
			"ipv4_address":               computedString(),
			"ipv6_address":               computedString(),
			"ipv6_network":               computedString(),
			"primary_disk_size":          computedInt64(),
		},
		Blocks: map[string]schema.Block{
			"network":    networkBlock(),
			"public_net": publicNetBlock(),
			"timeouts": schema.SingleNestedBlock{Attributes: map[string]schema.Attribute{
				"create": schema.StringAttribute{Optional: true},
			}},
		},
	}
}

// ModifyPlan settles the blocks: what the configuration does not name keeps the state's value.
func (r *serverResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, plan serverModel
	state := serverModel{
		Network:   types.SetNull(networkObject()),
		PublicNet: types.SetNull(publicNetObject()),
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	plan.Network = planNetworks(ctx, config.Network, state.Network, &resp.Diagnostics)
	plan.PublicNet = planPublicNet(ctx, config.PublicNet, state.PublicNet, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

func (m serverModel) createTimeout() (time.Duration, error) {
	text, ok := m.Timeouts.Attributes()["create"].(types.String)
	if !ok || text.ValueString() == "" {
		return serverCreateTimeout, nil
	}
	return time.ParseDuration(text.ValueString())
}

// refresh fills the model from the API. It returns false when the server is gone.
func (r *serverResource) refresh(ctx context.Context, model *serverModel, diags *diag.Diagnostics) bool {
	server, _, err := r.client.Server.GetByID(ctx, parseID(model.ID.ValueString(), diags))
	if err != nil || server == nil {
		addError(diags, err)
		return err != nil
	}
	model.fill(server)
	model.Network = networksFrom(ctx, server, model.Network, diags)
	return true
}

func (m *serverModel) fill(server *hcloud.Server) {
	m.Name = types.StringValue(server.Name)
	m.ServerType = types.StringValue(server.ServerType.Name)
	m.Location = types.StringValue(server.Location.Name)
	m.Status = types.StringValue(string(server.Status))
	m.Labels = labelsTo(server.Labels, m.Labels)
	m.PrimaryDiskSize = types.Int64Value(int64(server.PrimaryDiskSize))
	m.DeleteProtection = types.BoolValue(server.Protection.Delete)
	m.RebuildProtection = types.BoolValue(server.Protection.Rebuild)
	m.fillImage(server.Image)
	m.fillAddresses(server.PublicNet)
	m.fillFirewalls(server.PublicNet.Firewalls)
	m.PlacementGroupID = types.Int64Null()
	if server.PlacementGroup != nil {
		m.PlacementGroupID = types.Int64Value(server.PlacementGroup.ID)
	}
}

func (m *serverModel) fillImage(image *hcloud.Image) {
	switch {
	case image == nil:
		m.Image = types.StringNull()
	case image.Name != "":
		m.Image = types.StringValue(image.Name)
	default:
		m.Image = types.StringValue(formatID(image.ID))
	}
}

func (m *serverModel) fillAddresses(public hcloud.ServerPublicNet) {
	m.IPv4Address, m.IPv6Address, m.IPv6Network = types.StringNull(), types.StringNull(), types.StringNull()
	if !public.IPv4.IsUnspecified() {
		m.IPv4Address = ipText(public.IPv4.IP)
	}
	if !public.IPv6.IsUnspecified() {
		first := append([]byte(nil), public.IPv6.IP...)
		first[len(first)-1]++
		m.IPv6Address = ipText(first)
		m.IPv6Network = types.StringValue(public.IPv6.Network.String())
	}
}

func (m *serverModel) fillFirewalls(firewalls []*hcloud.ServerFirewallStatus) {
	if m.IgnoreRemoteFirewallIDs.ValueBool() && !m.FirewallIDs.IsUnknown() {
		return
	}
	ids := make([]int64, len(firewalls))
	for i, status := range firewalls {
		ids[i] = status.Firewall.ID
	}
	m.FirewallIDs = int64Set(ids)
}

func (r *serverResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state serverModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *serverResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state serverModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	server := &hcloud.Server{ID: parseID(state.ID.ValueString(), &resp.Diagnostics)}
	if state.ShutdownBeforeDeletion.ValueBool() {
		r.shutDown(ctx, server, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	// A server that is gone is an error: so it is for the real one.
	result, _, err := r.client.Server.DeleteWithResult(ctx, server)
	if err == nil {
		err = r.wait(ctx, result.Action)
	}
	addError(&resp.Diagnostics, err)
}

const shutdownPolls = 10

// shutDown asks the server to stop and waits up to 30 seconds for it; one that does not is deleted all the same.
func (r *serverResource) shutDown(ctx context.Context, server *hcloud.Server, diags *diag.Diagnostics) {
	action, _, err := r.client.Server.Shutdown(ctx, server)
	if err == nil {
		err = r.wait(ctx, action)
	}
	if err != nil {
		addError(diags, err)
		return
	}
	for range shutdownPolls {
		current, _, err := r.client.Server.GetByID(ctx, server.ID)
		if err != nil || current == nil || current.Status == hcloud.ServerStatusOff {
			addError(diags, err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(3 * time.Second):
		}
	}
	diags.AddWarning(fmt.Sprintf(
		"Server id %d took longer than 30s to shut down gracefully, deleting it anyways.", server.ID), "")
}

func networkObject() attr.Type   { return networkBlock().Type().(types.SetType).ElemType }
func publicNetObject() attr.Type { return publicNetBlock().Type().(types.SetType).ElemType }
