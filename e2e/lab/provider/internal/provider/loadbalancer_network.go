package provider

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type loadBalancerNetworkResource struct{ base }

func newLoadBalancerNetwork() resource.Resource {
	return &loadBalancerNetworkResource{base{typeName: "load_balancer_network"}}
}

type loadBalancerNetworkModel struct {
	ID                    types.String `tfsdk:"id"`
	LoadBalancerID        types.Int64  `tfsdk:"load_balancer_id"`
	NetworkID             types.Int64  `tfsdk:"network_id"`
	SubnetID              types.String `tfsdk:"subnet_id"`
	IP                    types.String `tfsdk:"ip"`
	EnablePublicInterface types.Bool   `tfsdk:"enable_public_interface"`
}

func (r *loadBalancerNetworkResource) Schema(
	_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse,
) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":               computedString(),
		"load_balancer_id": requiredInt64Replace(),
		"network_id":       optionalComputedInt64(int64planmodifier.RequiresReplace()),
		"subnet_id":        optionalStringReplace(),
		"ip":               optionalComputedStringReplace(),
		"enable_public_interface": schema.BoolAttribute{
			Optional: true, Computed: true, Default: booldefault.StaticBool(true),
		},
	}}
}

// ImportState takes `<load balancer id>-<network id>`.
func (r *loadBalancerNetworkResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	model := loadBalancerNetworkModel{ID: types.StringValue(req.ID)}
	if err := model.readID(); err != nil {
		addModernError(&resp.Diagnostics, err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func (m *loadBalancerNetworkModel) readID() error {
	balancer, network, _ := strings.Cut(m.ID.ValueString(), "-")
	balancerID, err := strconv.ParseInt(balancer, 10, 64)
	if err != nil {
		return fmt.Errorf("invalid load balancer network id %q: expected '$LOAD_BALANCER_ID-$NETWORK_ID'", m.ID.ValueString())
	}
	networkID, err := strconv.ParseInt(network, 10, 64)
	if err != nil {
		return fmt.Errorf("invalid load balancer network id %q: expected '$LOAD_BALANCER_ID-$NETWORK_ID'", m.ID.ValueString())
	}
	m.LoadBalancerID, m.NetworkID = types.Int64Value(balancerID), types.Int64Value(networkID)
	return nil
}

func (r *loadBalancerNetworkResource) Create(
	ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse,
) {
	var plan loadBalancerNetworkModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	network, ipRange, err := networkBlockModel{NetworkID: plan.NetworkID, SubnetID: plan.SubnetID}.network()
	if err == nil {
		err = r.attach(ctx, plan, network, ipRange)
	}
	if err != nil {
		addModernError(&resp.Diagnostics, err)
		return
	}
	plan.NetworkID = types.Int64Value(network.ID)
	plan.ID = types.StringValue(fmt.Sprintf("%d-%d", plan.LoadBalancerID.ValueInt64(), network.ID))
	if !plan.EnablePublicInterface.ValueBool() {
		addModernError(&resp.Diagnostics, r.setPublicInterface(ctx, plan))
	}
	if !r.refresh(ctx, &plan, &resp.Diagnostics) {
		addModernError(&resp.Diagnostics, fmt.Errorf("load balancer is not attached to the network"))
		plan.IP = types.StringNull()
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *loadBalancerNetworkResource) attach(
	ctx context.Context, plan loadBalancerNetworkModel, network *hcloud.Network, ipRange *net.IPNet,
) error {
	options := hcloud.LoadBalancerAttachToNetworkOpts{Network: network, IPRange: ipRange}
	if ip := plan.IP.ValueString(); ip != "" {
		options.IP, options.IPRange = net.ParseIP(ip), nil
	}
	balancer := &hcloud.LoadBalancer{ID: plan.LoadBalancerID.ValueInt64()}
	err := r.retryOn(ctx, retryTries, func() error {
		action, _, err := r.client.LoadBalancer.AttachToNetwork(ctx, balancer, options)
		if err != nil {
			return err
		}
		return r.wait(ctx, action)
	}, hcloud.ErrorCodeConflict, hcloud.ErrorCodeLocked, hcloud.ErrorCodeServiceError, hcloud.ErrorCodeNoSubnetAvailable)
	if hcloud.IsError(err, hcloud.ErrorCodeLoadBalancerAlreadyAttached) {
		return nil
	}
	return err
}

func (r *loadBalancerNetworkResource) setPublicInterface(ctx context.Context, plan loadBalancerNetworkModel) error {
	balancer := &hcloud.LoadBalancer{ID: plan.LoadBalancerID.ValueInt64()}
	change := r.client.LoadBalancer.DisablePublicInterface
	if plan.EnablePublicInterface.ValueBool() {
		change = r.client.LoadBalancer.EnablePublicInterface
	}
	action, _, err := change(ctx, balancer)
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}

// refresh fills the model from the API. It returns false when the attachment is gone.
func (r *loadBalancerNetworkResource) refresh(
	ctx context.Context, model *loadBalancerNetworkModel, diags *diag.Diagnostics,
) bool {
	balancer, _, err := r.client.LoadBalancer.GetByID(ctx, model.LoadBalancerID.ValueInt64())
	if err != nil || balancer == nil {
		addModernError(diags, err)
		return err != nil
	}
	for _, private := range balancer.PrivateNet {
		if private.Network.ID == model.NetworkID.ValueInt64() {
			model.IP = ipText(private.IP)
			model.EnablePublicInterface = types.BoolValue(balancer.PublicNet.Enabled)
			return true
		}
	}
	return false
}

func (r *loadBalancerNetworkResource) Read(
	ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse,
) {
	var state loadBalancerNetworkModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update changes the public interface; everything else replaces the attachment.
func (r *loadBalancerNetworkResource) Update(
	ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse,
) {
	var plan loadBalancerNetworkModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	addModernError(&resp.Diagnostics, r.setPublicInterface(ctx, plan))
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *loadBalancerNetworkResource) Delete(
	ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse,
) {
	var state loadBalancerNetworkModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	balancer := &hcloud.LoadBalancer{ID: state.LoadBalancerID.ValueInt64()}
	options := hcloud.LoadBalancerDetachFromNetworkOpts{Network: &hcloud.Network{ID: state.NetworkID.ValueInt64()}}
	err := r.retryOn(ctx, retryTries, func() error {
		action, _, err := r.client.LoadBalancer.DetachFromNetwork(ctx, balancer, options)
		if err != nil {
			return err
		}
		return r.wait(ctx, action)
	}, hcloud.ErrorCodeConflict, hcloud.ErrorCodeLocked, hcloud.ErrorCodeServiceError)
	addModernError(&resp.Diagnostics, ignoreNotFound(err))
}
