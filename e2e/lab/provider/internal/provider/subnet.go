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
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type subnetResource struct{ base }

func newSubnet() resource.Resource { return &subnetResource{base{typeName: "network_subnet"}} }

type subnetModel struct {
	ID          types.String `tfsdk:"id"`
	NetworkID   types.Int64  `tfsdk:"network_id"`
	Type        types.String `tfsdk:"type"`
	NetworkZone types.String `tfsdk:"network_zone"`
	IPRange     types.String `tfsdk:"ip_range"`
	Gateway     types.String `tfsdk:"gateway"`
	VSwitchID   types.Int64  `tfsdk:"vswitch_id"`
}

func (r *subnetResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":           legacyID(),
		"network_id":   requiredInt64Replace(),
		"type":         requiredStringReplace(),
		"network_zone": requiredStringReplace(),
		"ip_range":     requiredStringReplace(),
		"gateway":      computedString(),
		"vswitch_id":   optionalInt64Replace(),
	}}
}

// subnetID is the id that OpenTofu keeps: `<network id>-<ip range>`. The API itself has no ids for subnets.
func subnetID(networkID int64, ipRange *net.IPNet) string {
	return fmt.Sprintf("%d-%s", networkID, ipRange)
}

func parseSubnetID(text string) (int64, *net.IPNet, error) {
	id, cidr, _ := strings.Cut(text, "-")
	networkID, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0, nil, fmt.Errorf("unexpected subnet id '%s', expected '$NETWORK_ID-$SUBNET_IP_RANGE'", text)
	}
	_, ipRange, err := net.ParseCIDR(cidr)
	if err != nil {
		return 0, nil, fmt.Errorf("unexpected subnet id '%s', expected '$NETWORK_ID-$SUBNET_IP_RANGE'", text)
	}
	return networkID, ipRange, nil
}

func (r *subnetResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan subnetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	_, ipRange, err := net.ParseCIDR(plan.IPRange.ValueString())
	if err == nil {
		err = r.add(ctx, plan, ipRange)
	}
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	plan.ID = types.StringValue(subnetID(plan.NetworkID.ValueInt64(), ipRange))
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *subnetResource) add(ctx context.Context, plan subnetModel, ipRange *net.IPNet) error {
	options := hcloud.NetworkAddSubnetOpts{Subnet: hcloud.NetworkSubnet{
		IPRange:     ipRange,
		Type:        hcloud.NetworkSubnetType(plan.Type.ValueString()),
		NetworkZone: hcloud.NetworkZone(plan.NetworkZone.ValueString()),
		VSwitchID:   plan.VSwitchID.ValueInt64(),
	}}
	network := &hcloud.Network{ID: plan.NetworkID.ValueInt64()}
	return r.retryOn(ctx, retryTries, func() error {
		action, _, err := r.client.Network.AddSubnet(ctx, network, options)
		if err != nil {
			return err
		}
		return r.wait(ctx, action)
	}, hcloud.ErrorCodeConflict, hcloud.ErrorCodeLocked, hcloud.ErrorCodeVSwitchAlreadyUsed)
}

func (r *subnetResource) refresh(ctx context.Context, model *subnetModel, diags *diag.Diagnostics) bool {
	networkID, ipRange, err := parseSubnetID(model.ID.ValueString())
	if err != nil {
		addError(diags, err)
		return true
	}
	network, _, err := r.client.Network.GetByID(ctx, networkID)
	if err != nil || network == nil {
		addError(diags, err)
		return err != nil
	}
	for _, subnet := range network.Subnets {
		if subnet.IPRange.String() == ipRange.String() {
			model.fill(network, subnet)
			return true
		}
	}
	return false
}

func (m *subnetModel) fill(network *hcloud.Network, subnet hcloud.NetworkSubnet) {
	m.NetworkID = types.Int64Value(network.ID)
	m.Type = types.StringValue(string(subnet.Type))
	m.NetworkZone = types.StringValue(string(subnet.NetworkZone))
	m.IPRange = types.StringValue(subnet.IPRange.String())
	m.Gateway = ipText(subnet.Gateway)
	if subnet.Type == hcloud.NetworkSubnetTypeVSwitch {
		m.VSwitchID = types.Int64Value(subnet.VSwitchID)
	}
}

func (r *subnetResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state subnetModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update is never called: every change replaces a subnet.
func (r *subnetResource) Update(context.Context, resource.UpdateRequest, *resource.UpdateResponse) {}

func (r *subnetResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state subnetModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	networkID, ipRange, err := parseSubnetID(state.ID.ValueString())
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	attached := false
	err = r.retryOn(ctx, subnetDeleteTries, func() error {
		action, _, err := r.client.Network.DeleteSubnet(ctx, &hcloud.Network{ID: networkID},
			hcloud.NetworkDeleteSubnetOpts{Subnet: hcloud.NetworkSubnet{IPRange: ipRange}})
		attached = isCode(err, subnetDeleteRetries)
		if err != nil {
			return err
		}
		return r.wait(ctx, action)
	}, subnetDeleteRetries...)
	if attached {
		// The real one forgets the error after its last try, and goes on as if the subnet were gone.
		return
	}
	addError(&resp.Diagnostics, ignoreNotFound(err))
}

var subnetDeleteRetries = []hcloud.ErrorCode{
	hcloud.ErrorCodeConflict, hcloud.ErrorCodeLocked, hcloud.ErrorCodeServiceError,
}
