package provider

import (
	"context"
	"net"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type networkResource struct{ base }

func newNetwork() resource.Resource { return &networkResource{base{typeName: "network"}} }

type networkModel struct {
	ID                    types.String `tfsdk:"id"`
	Name                  types.String `tfsdk:"name"`
	IPRange               types.String `tfsdk:"ip_range"`
	Labels                types.Map    `tfsdk:"labels"`
	DeleteProtection      types.Bool   `tfsdk:"delete_protection"`
	ExposeRoutesToVSwitch types.Bool   `tfsdk:"expose_routes_to_vswitch"`
}

func (r *networkResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":                       legacyID(),
		"name":                     requiredString(),
		"ip_range":                 requiredStringReplace(),
		"labels":                   optionalLabels(),
		"delete_protection":        optionalFlag(),
		"expose_routes_to_vswitch": optionalFlag(),
	}}
}

func (r *networkResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan networkModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	_, ipRange, err := net.ParseCIDR(plan.IPRange.ValueString())
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	network, _, err := r.client.Network.Create(ctx, hcloud.NetworkCreateOpts{
		Name: plan.Name.ValueString(), IPRange: ipRange, Labels: labelsFrom(plan.Labels),
		ExposeRoutesToVSwitch: plan.ExposeRoutesToVSwitch.ValueBool(),
	})
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	plan.ID = types.StringValue(formatID(network.ID))
	if plan.DeleteProtection.ValueBool() {
		addError(&resp.Diagnostics, r.protect(ctx, network, true))
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *networkResource) protect(ctx context.Context, network *hcloud.Network, on bool) error {
	action, _, err := r.client.Network.ChangeProtection(ctx, network, hcloud.NetworkChangeProtectionOpts{Delete: &on})
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}

// refresh fills the model from the API. It returns false when the network is gone.
func (r *networkResource) refresh(ctx context.Context, model *networkModel, diags *diag.Diagnostics) bool {
	network, _, err := r.client.Network.GetByID(ctx, parseID(model.ID.ValueString(), diags))
	if err != nil || network == nil {
		addError(diags, err)
		return err != nil
	}
	model.Name = types.StringValue(network.Name)
	model.IPRange = types.StringValue(network.IPRange.String())
	model.Labels = labelsTo(network.Labels, model.Labels)
	model.DeleteProtection = types.BoolValue(network.Protection.Delete)
	model.ExposeRoutesToVSwitch = types.BoolValue(network.ExposeRoutesToVSwitch)
	return true
}

func (r *networkResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state networkModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *networkResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state networkModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.change(ctx, plan, state, &resp.Diagnostics); err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *networkResource) change(ctx context.Context, plan, state networkModel, diags *diag.Diagnostics) error {
	network := &hcloud.Network{ID: parseID(state.ID.ValueString(), diags)}
	_, _, err := r.client.Network.Update(ctx, network, hcloud.NetworkUpdateOpts{
		Name: plan.Name.ValueString(), Labels: labelsFrom(plan.Labels),
		ExposeRoutesToVSwitch: plan.ExposeRoutesToVSwitch.ValueBoolPointer(),
	})
	if err != nil || plan.DeleteProtection.Equal(state.DeleteProtection) {
		return err
	}
	return r.protect(ctx, network, plan.DeleteProtection.ValueBool())
}

func (r *networkResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state networkModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	network := &hcloud.Network{ID: parseID(state.ID.ValueString(), &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	_, err := r.client.Network.Delete(ctx, network)
	addError(&resp.Diagnostics, ignoreNotFound(err))
}
