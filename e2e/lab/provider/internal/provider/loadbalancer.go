package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type loadBalancerResource struct{ base }

func newLoadBalancer() resource.Resource {
	return &loadBalancerResource{base{typeName: "load_balancer"}}
}

type loadBalancerModel struct {
	ID               types.String `tfsdk:"id"`
	Name             types.String `tfsdk:"name"`
	LoadBalancerType types.String `tfsdk:"load_balancer_type"`
	Location         types.String `tfsdk:"location"`
	NetworkZone      types.String `tfsdk:"network_zone"`
	Labels           types.Map    `tfsdk:"labels"`
	DeleteProtection types.Bool   `tfsdk:"delete_protection"`
	IPv4             types.String `tfsdk:"ipv4"`
	IPv6             types.String `tfsdk:"ipv6"`
	NetworkID        types.Int64  `tfsdk:"network_id"`
	NetworkIP        types.String `tfsdk:"network_ip"`
	Algorithm        types.List   `tfsdk:"algorithm"`
}

type algorithmModel struct {
	Type types.String `tfsdk:"type"`
}

func algorithmBlock() schema.ListNestedBlock {
	return schema.ListNestedBlock{
		NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
			"type": schema.StringAttribute{Optional: true, Computed: true},
		}},
		Validators:    atMostOneBlock,
		PlanModifiers: []planmodifier.List{listplanmodifier.UseStateForUnknown()},
	}
}

func (r *loadBalancerResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"id":                 legacyID(),
			"name":               requiredString(),
			"load_balancer_type": requiredString(),
			"location":           optionalComputedStringReplace(),
			"network_zone":       optionalComputedStringReplace(),
			"labels":             optionalComputedLabels(),
			"delete_protection":  optionalFlag(),
			"ipv4":               computedString(),
			"ipv6":               computedString(),
			"network_id":         computedInt64(),
			"network_ip":         computedString(),
		},
		Blocks: map[string]schema.Block{"algorithm": algorithmBlock()},
	}
}

// ModifyPlan keeps the algorithm that the API chose where the configuration names none.
func (r *loadBalancerResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, plan, state loadBalancerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if req.State.Raw.IsNull() || len(config.Algorithm.Elements()) > 0 {
		return
	}
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	plan.Algorithm = state.Algorithm
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

func (r *loadBalancerResource) Create(
	ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse,
) {
	var plan loadBalancerModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	result, _, err := r.client.LoadBalancer.Create(ctx, plan.createOptions(ctx, &resp.Diagnostics))
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	// From here on the load balancer exists: it is in the state whatever fails, and then tainted.
	plan.ID = types.StringValue(formatID(result.LoadBalancer.ID))
	err = r.wait(ctx, result.Action)
	if err == nil && plan.DeleteProtection.ValueBool() {
		err = r.protect(ctx, result.LoadBalancer, true)
	}
	addError(&resp.Diagnostics, err)
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (m *loadBalancerModel) createOptions(ctx context.Context, diags *diag.Diagnostics) hcloud.LoadBalancerCreateOpts {
	options := hcloud.LoadBalancerCreateOpts{
		Name:             m.Name.ValueString(),
		LoadBalancerType: &hcloud.LoadBalancerType{Name: m.LoadBalancerType.ValueString()},
		Labels:           labelsFrom(m.Labels),
		NetworkZone:      hcloud.NetworkZone(m.NetworkZone.ValueString()),
	}
	if location := m.Location.ValueString(); location != "" {
		options.Location = &hcloud.Location{Name: location}
	}
	if algorithm := m.algorithm(ctx, diags); algorithm != "" {
		options.Algorithm = &hcloud.LoadBalancerAlgorithm{Type: algorithm}
	}
	return options
}

func (m *loadBalancerModel) algorithm(ctx context.Context, diags *diag.Diagnostics) hcloud.LoadBalancerAlgorithmType {
	var blocks []algorithmModel
	diags.Append(m.Algorithm.ElementsAs(ctx, &blocks, false)...)
	if len(blocks) == 0 {
		return ""
	}
	return hcloud.LoadBalancerAlgorithmType(blocks[0].Type.ValueString())
}

func (r *loadBalancerResource) refresh(ctx context.Context, model *loadBalancerModel, diags *diag.Diagnostics) bool {
	balancer, _, err := r.client.LoadBalancer.GetByID(ctx, parseID(model.ID.ValueString(), diags))
	if err != nil || balancer == nil {
		addError(diags, err)
		return err != nil
	}
	model.fill(ctx, balancer, diags)
	return true
}

func (m *loadBalancerModel) fill(ctx context.Context, balancer *hcloud.LoadBalancer, diags *diag.Diagnostics) {
	m.Name = types.StringValue(balancer.Name)
	m.LoadBalancerType = types.StringValue(balancer.LoadBalancerType.Name)
	m.Location = types.StringValue(balancer.Location.Name)
	m.NetworkZone = types.StringValue(string(balancer.Location.NetworkZone))
	m.Labels = labelsComputed(balancer.Labels)
	m.DeleteProtection = types.BoolValue(balancer.Protection.Delete)
	m.IPv4 = ipText(balancer.PublicNet.IPv4.IP)
	m.IPv6 = ipText(balancer.PublicNet.IPv6.IP)
	m.NetworkID, m.NetworkIP = types.Int64Null(), types.StringNull()
	if len(balancer.PrivateNet) > 0 {
		m.NetworkID = types.Int64Value(balancer.PrivateNet[0].Network.ID)
		m.NetworkIP = ipText(balancer.PrivateNet[0].IP)
	}
	blocks := []algorithmModel{{Type: types.StringValue(string(balancer.Algorithm.Type))}}
	algorithm, found := types.ListValueFrom(ctx, algorithmBlock().Type().(types.ListType).ElemType, blocks)
	diags.Append(found...)
	m.Algorithm = algorithm
}

func (r *loadBalancerResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state loadBalancerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *loadBalancerResource) Update(
	ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse,
) {
	var plan, state loadBalancerModel
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

func (r *loadBalancerResource) change(
	ctx context.Context, plan, state loadBalancerModel, diags *diag.Diagnostics,
) error {
	balancer := &hcloud.LoadBalancer{ID: parseID(state.ID.ValueString(), diags)}
	if !plan.Name.Equal(state.Name) || !plan.Labels.Equal(state.Labels) {
		_, _, err := r.client.LoadBalancer.Update(ctx, balancer, hcloud.LoadBalancerUpdateOpts{
			Name: plan.Name.ValueString(), Labels: labelsFrom(plan.Labels),
		})
		if err != nil {
			return err
		}
	}
	if !plan.LoadBalancerType.Equal(state.LoadBalancerType) {
		if err := r.changeType(ctx, balancer, plan.LoadBalancerType.ValueString()); err != nil {
			return err
		}
	}
	if !plan.Algorithm.Equal(state.Algorithm) {
		if err := r.changeAlgorithm(ctx, balancer, plan.algorithm(ctx, diags)); err != nil {
			return err
		}
	}
	if plan.DeleteProtection.Equal(state.DeleteProtection) {
		return nil
	}
	return r.protect(ctx, balancer, plan.DeleteProtection.ValueBool())
}

func (r *loadBalancerResource) changeType(ctx context.Context, balancer *hcloud.LoadBalancer, name string) error {
	action, _, err := r.client.LoadBalancer.ChangeType(ctx, balancer, hcloud.LoadBalancerChangeTypeOpts{
		LoadBalancerType: &hcloud.LoadBalancerType{Name: name},
	})
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}

func (r *loadBalancerResource) changeAlgorithm(
	ctx context.Context, balancer *hcloud.LoadBalancer, algorithm hcloud.LoadBalancerAlgorithmType,
) error {
	action, _, err := r.client.LoadBalancer.ChangeAlgorithm(ctx, balancer,
		hcloud.LoadBalancerChangeAlgorithmOpts{Type: algorithm})
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}

func (r *loadBalancerResource) protect(ctx context.Context, balancer *hcloud.LoadBalancer, on bool) error {
	action, _, err := r.client.LoadBalancer.ChangeProtection(ctx, balancer,
		hcloud.LoadBalancerChangeProtectionOpts{Delete: &on})
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}

func (r *loadBalancerResource) Delete(
	ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse,
) {
	var state loadBalancerModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	_, err := r.client.LoadBalancer.Delete(ctx,
		&hcloud.LoadBalancer{ID: parseID(state.ID.ValueString(), &resp.Diagnostics)})
	addError(&resp.Diagnostics, ignoreNotFound(err))
}
