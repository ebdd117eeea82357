package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type firewallResource struct{ base }

func newFirewall() resource.Resource { return &firewallResource{base{typeName: "firewall"}} }

type firewallModel struct {
	ID     types.String `tfsdk:"id"`
	Name   types.String `tfsdk:"name"`
	Labels types.Map    `tfsdk:"labels"`
	Rule   types.Set    `tfsdk:"rule"`
}

func (r *firewallResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"id":     legacyID(),
			"name":   requiredString(),
			"labels": optionalComputedLabels(),
		},
		Blocks: map[string]schema.Block{"rule": ruleBlock()},
	}
}

// ModifyPlan writes the rules as the API will give them back, so that an empty list and none are the same.
func (r *firewallResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan firewallModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	models, err := decode[ruleModel](ctx, plan.Rule)
	if err != nil || resp.Diagnostics.HasError() || plan.Rule.IsUnknown() {
		addError(&resp.Diagnostics, err)
		return
	}
	for i := range models {
		models[i].normalise()
	}
	plan.Rule = ruleSet(ctx, models, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

func (r *firewallResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan firewallModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	rules, err := rulesOf(ctx, plan.Rule)
	if err != nil || resp.Diagnostics.HasError() {
		addError(&resp.Diagnostics, err)
		return
	}
	result, _, err := r.client.Firewall.Create(ctx, hcloud.FirewallCreateOpts{
		Name: plan.Name.ValueString(), Labels: labelsFrom(plan.Labels), Rules: rules,
	})
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	plan.ID = types.StringValue(formatID(result.Firewall.ID))
	addError(&resp.Diagnostics, r.wait(ctx, result.Actions...))
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *firewallResource) refresh(ctx context.Context, model *firewallModel, diags *diag.Diagnostics) bool {
	firewall, _, err := r.client.Firewall.GetByID(ctx, parseID(model.ID.ValueString(), diags))
	if err != nil || firewall == nil {
		addError(diags, err)
		return err != nil
	}
	model.Name = types.StringValue(firewall.Name)
	model.Labels = labelsComputed(firewall.Labels)
	models := make([]ruleModel, len(firewall.Rules))
	for i, rule := range firewall.Rules {
		models[i] = ruleFrom(rule)
	}
	model.Rule = ruleSet(ctx, models, diags)
	return true
}

func (r *firewallResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state firewallModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *firewallResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state firewallModel
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

func (r *firewallResource) change(ctx context.Context, plan, state firewallModel, diags *diag.Diagnostics) error {
	firewall := &hcloud.Firewall{ID: parseID(state.ID.ValueString(), diags)}
	if !plan.Rule.Equal(state.Rule) {
		if err := r.setRules(ctx, firewall, plan.Rule); err != nil {
			return err
		}
	}
	if plan.Name.Equal(state.Name) && plan.Labels.Equal(state.Labels) {
		return nil
	}
	_, _, err := r.client.Firewall.Update(ctx, firewall, hcloud.FirewallUpdateOpts{
		Name: plan.Name.ValueString(), Labels: labelsFrom(plan.Labels),
	})
	return err
}

func (r *firewallResource) setRules(ctx context.Context, firewall *hcloud.Firewall, set types.Set) error {
	rules, err := rulesOf(ctx, set)
	if err != nil {
		return err
	}
	actions, _, err := r.client.Firewall.SetRules(ctx, firewall, hcloud.FirewallSetRulesOpts{Rules: rules})
	if err != nil {
		return err
	}
	return r.wait(ctx, actions...)
}

// Delete detaches the firewall from everything that has it, foreign servers too, and then deletes it.
func (r *firewallResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state firewallModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	firewall, _, err := r.client.Firewall.GetByID(ctx, parseID(state.ID.ValueString(), &resp.Diagnostics))
	if err != nil || resp.Diagnostics.HasError() {
		addError(&resp.Diagnostics, err)
		return
	}
	// The real one does not look whether the firewall is still there. One that was deleted meanwhile is a nil that is
	// followed, and the plugin dies of it: OpenTofu says "Plugin did not respond".
	if len(firewall.AppliedTo) > 0 {
		if err := r.detach(ctx, firewall); err != nil {
			addError(&resp.Diagnostics, err)
			return
		}
	}
	err = r.retryOn(ctx, firewallTries, func() error {
		_, err := r.client.Firewall.Delete(ctx, firewall)
		return ignoreNotFound(err)
	}, hcloud.ErrorCodeConflict, hcloud.ErrorCodeResourceInUse)
	addError(&resp.Diagnostics, err)
}

func (r *firewallResource) detach(ctx context.Context, firewall *hcloud.Firewall) error {
	actions, _, err := r.client.Firewall.RemoveResources(ctx, firewall, firewall.AppliedTo)
	if isCode(err, []hcloud.ErrorCode{hcloud.ErrorCodeNotFound, hcloud.ErrorCodeFirewallResourceNotFound}) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.wait(ctx, actions...)
}
