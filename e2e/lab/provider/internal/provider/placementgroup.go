package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type placementGroupResource struct{ base }

func newPlacementGroup() resource.Resource {
	return &placementGroupResource{base{typeName: "placement_group"}}
}

type placementGroupModel struct {
	ID      types.String `tfsdk:"id"`
	Name    types.String `tfsdk:"name"`
	Type    types.String `tfsdk:"type"`
	Labels  types.Map    `tfsdk:"labels"`
	Servers types.Set    `tfsdk:"servers"`
}

func (r *placementGroupResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":      legacyID(),
		"name":    requiredString(),
		"type":    requiredStringReplace(),
		"labels":  optionalLabels(),
		"servers": computedInt64Set(),
	}}
}

func (r *placementGroupResource) Create(
	ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse,
) {
	var plan placementGroupModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	result, _, err := r.client.PlacementGroup.Create(ctx, hcloud.PlacementGroupCreateOpts{
		Name: plan.Name.ValueString(), Labels: labelsFrom(plan.Labels),
		Type: hcloud.PlacementGroupType(plan.Type.ValueString()),
	})
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	plan.ID = types.StringValue(formatID(result.PlacementGroup.ID))
	addError(&resp.Diagnostics, r.wait(ctx, result.Action))
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *placementGroupResource) refresh(
	ctx context.Context, model *placementGroupModel, diags *diag.Diagnostics,
) bool {
	group, _, err := r.client.PlacementGroup.GetByID(ctx, parseID(model.ID.ValueString(), diags))
	if err != nil || group == nil {
		addError(diags, err)
		return err != nil
	}
	model.Name = types.StringValue(group.Name)
	model.Type = types.StringValue(string(group.Type))
	model.Labels = labelsTo(group.Labels, model.Labels)
	model.Servers = int64Set(group.Servers)
	return true
}

func (r *placementGroupResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state placementGroupModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *placementGroupResource) Update(
	ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse,
) {
	var plan placementGroupModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	group := &hcloud.PlacementGroup{ID: parseID(plan.ID.ValueString(), &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	_, _, err := r.client.PlacementGroup.Update(ctx, group, hcloud.PlacementGroupUpdateOpts{
		Name: plan.Name.ValueString(), Labels: labelsFrom(plan.Labels),
	})
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *placementGroupResource) Delete(
	ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse,
) {
	var state placementGroupModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	group := &hcloud.PlacementGroup{ID: parseID(state.ID.ValueString(), &resp.Diagnostics)}
	// No second try, and what is gone is an error: so does the real one.
	_, err := r.client.PlacementGroup.Delete(ctx, group)
	addError(&resp.Diagnostics, err)
}
