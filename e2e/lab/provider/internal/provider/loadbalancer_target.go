package provider

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type targetResource struct{ base }

func newLoadBalancerTarget() resource.Resource {
	return &targetResource{base{typeName: "load_balancer_target"}}
}

type targetModel struct {
	ID             types.String `tfsdk:"id"`
	LoadBalancerID types.Int64  `tfsdk:"load_balancer_id"`
	Type           types.String `tfsdk:"type"`
	ServerID       types.Int64  `tfsdk:"server_id"`
	LabelSelector  types.String `tfsdk:"label_selector"`
	IP             types.String `tfsdk:"ip"`
	UsePrivateIP   types.Bool   `tfsdk:"use_private_ip"`
}

func (r *targetResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":               legacyID(),
		"load_balancer_id": requiredInt64Replace(),
		"type":             requiredStringReplace(),
		"server_id":        optionalInt64Replace(),
		"label_selector":   optionalStringReplace(),
		"ip":               optionalStringReplace(),
		"use_private_ip":   optionalComputedBool(),
	}}
}

// ImportState takes `<load balancer id>__<type>__<server id, label selector or IP>`.
func (r *targetResource) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	parts := strings.SplitN(req.ID, "__", 3)
	if len(parts) != 3 {
		addError(&resp.Diagnostics, fmt.Errorf(
			"invalid import id %q: expected '$LOAD_BALANCER_ID__$TYPE__$IDENTIFIER'", req.ID))
		return
	}
	model := targetModel{
		LoadBalancerID: types.Int64Value(parseID(parts[0], &resp.Diagnostics)),
		Type:           types.StringValue(parts[1]),
	}
	switch hcloud.LoadBalancerTargetType(parts[1]) {
	case hcloud.LoadBalancerTargetTypeServer:
		model.ServerID = types.Int64Value(parseID(parts[2], &resp.Diagnostics))
	case hcloud.LoadBalancerTargetTypeLabelSelector:
		model.LabelSelector = types.StringValue(parts[2])
	default:
		model.IP = types.StringValue(parts[2])
	}
	model.ID = types.StringValue(model.stateID())
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

// stateID is the id that the real provider keeps in the state; it is not the one that an import takes.
func (m targetModel) stateID() string {
	balancer := m.LoadBalancerID.ValueInt64()
	switch hcloud.LoadBalancerTargetType(m.Type.ValueString()) {
	case hcloud.LoadBalancerTargetTypeServer:
		return fmt.Sprintf("lb-srv-tgt-%d-%d", m.ServerID.ValueInt64(), balancer)
	case hcloud.LoadBalancerTargetTypeLabelSelector:
		return fmt.Sprintf("lb-label-selector-tgt-%x-%d", sha256.Sum256([]byte(m.LabelSelector.ValueString())), balancer)
	default:
		return fmt.Sprintf("lb-ip-tgt-%x-%d", sha256.Sum256([]byte(m.IP.ValueString())), balancer)
	}
}

func (r *targetResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan targetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	err := r.retryOn(ctx, retryTries, func() error { return r.add(ctx, plan) }, hcloud.ErrorCodeConflict, hcloud.ErrorCodeLocked)
	if err != nil && !hcloud.IsError(err, hcloud.ErrorCodeTargetAlreadyDefined) {
		addError(&resp.Diagnostics, err)
		return
	}
	plan.ID = types.StringValue(plan.stateID())
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *targetResource) add(ctx context.Context, plan targetModel) error {
	balancer := &hcloud.LoadBalancer{ID: plan.LoadBalancerID.ValueInt64()}
	var usePrivateIP *bool
	if plan.UsePrivateIP.ValueBool() {
		usePrivateIP = plan.UsePrivateIP.ValueBoolPointer()
	}
	var action *hcloud.Action
	var err error
	switch kind := hcloud.LoadBalancerTargetType(plan.Type.ValueString()); kind {
	case hcloud.LoadBalancerTargetTypeServer:
		action, _, err = r.client.LoadBalancer.AddServerTarget(ctx, balancer, hcloud.LoadBalancerAddServerTargetOpts{
			Server: &hcloud.Server{ID: plan.ServerID.ValueInt64()}, UsePrivateIP: usePrivateIP,
		})
	case hcloud.LoadBalancerTargetTypeLabelSelector:
		action, _, err = r.client.LoadBalancer.AddLabelSelectorTarget(ctx, balancer,
			hcloud.LoadBalancerAddLabelSelectorTargetOpts{
				Selector: plan.LabelSelector.ValueString(), UsePrivateIP: usePrivateIP,
			})
	case hcloud.LoadBalancerTargetTypeIP:
		action, _, err = r.client.LoadBalancer.AddIPTarget(ctx, balancer,
			hcloud.LoadBalancerAddIPTargetOpts{IP: net.ParseIP(plan.IP.ValueString())})
	default:
		return fmt.Errorf("unsupported target type: %s", kind)
	}
	if err != nil {
		return fmt.Errorf("add %s target: %w", plan.Type.ValueString(), err)
	}
	return r.wait(ctx, action)
}

func (m targetModel) is(target hcloud.LoadBalancerTarget) bool {
	if string(target.Type) != m.Type.ValueString() {
		return false
	}
	switch target.Type {
	case hcloud.LoadBalancerTargetTypeServer:
		return target.Server.Server.ID == m.ServerID.ValueInt64()
	case hcloud.LoadBalancerTargetTypeLabelSelector:
		return target.LabelSelector.Selector == m.LabelSelector.ValueString()
	default:
		return target.IP.IP == m.IP.ValueString()
	}
}

func (r *targetResource) refresh(ctx context.Context, model *targetModel, diags *diag.Diagnostics) bool {
	balancer, _, err := r.client.LoadBalancer.GetByID(ctx, model.LoadBalancerID.ValueInt64())
	if err != nil || balancer == nil {
		addError(diags, err)
		return err != nil
	}
	for _, target := range balancer.Targets {
		if model.is(target) {
			model.UsePrivateIP = types.BoolValue(target.UsePrivateIP)
			return true
		}
	}
	return false
}

func (r *targetResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state targetModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

// Update takes the target away and adds it again: the API cannot change one.
func (r *targetResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state targetModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := errors.Join(r.remove(ctx, state), r.add(ctx, plan)); err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *targetResource) remove(ctx context.Context, state targetModel) error {
	balancer := &hcloud.LoadBalancer{ID: state.LoadBalancerID.ValueInt64()}
	var action *hcloud.Action
	var err error
	switch hcloud.LoadBalancerTargetType(state.Type.ValueString()) {
	case hcloud.LoadBalancerTargetTypeServer:
		server := &hcloud.Server{ID: state.ServerID.ValueInt64()}
		action, _, err = r.client.LoadBalancer.RemoveServerTarget(ctx, balancer, server)
	case hcloud.LoadBalancerTargetTypeLabelSelector:
		action, _, err = r.client.LoadBalancer.RemoveLabelSelectorTarget(ctx, balancer, state.LabelSelector.ValueString())
	default:
		action, _, err = r.client.LoadBalancer.RemoveIPTarget(ctx, balancer, net.ParseIP(state.IP.ValueString()))
	}
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}

// Delete is content with a target that is gone, but not with a load balancer that is: so is the real one.
func (r *targetResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state targetModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	balancer, _, err := r.client.LoadBalancer.GetByID(ctx, state.LoadBalancerID.ValueInt64())
	if err == nil && balancer == nil {
		err = fmt.Errorf("load balancer %d: not found", state.LoadBalancerID.ValueInt64())
	}
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	if !slices.ContainsFunc(balancer.Targets, state.is) {
		return
	}
	err = r.retryOn(ctx, retryTries, func() error { return r.remove(ctx, state) },
		hcloud.ErrorCodeConflict, hcloud.ErrorCodeLocked)
	if !hcloud.IsError(err, "load_balancer_target_not_found") {
		addError(&resp.Diagnostics, err)
	}
}
