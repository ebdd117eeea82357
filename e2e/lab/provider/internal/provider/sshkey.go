package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type sshKeyResource struct{ base }

func newSSHKey() resource.Resource { return &sshKeyResource{base{typeName: "ssh_key"}} }

type sshKeyModel struct {
	ID          types.String `tfsdk:"id"`
	Name        types.String `tfsdk:"name"`
	PublicKey   types.String `tfsdk:"public_key"`
	Fingerprint types.String `tfsdk:"fingerprint"`
	Labels      types.Map    `tfsdk:"labels"`
}

func (r *sshKeyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"id":          computedString(),
		"name":        requiredString(),
		"public_key":  requiredStringReplace(),
		"fingerprint": computedString(),
		"labels":      optionalComputedLabels(),
	}}
}

func (r *sshKeyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan sshKeyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, _, err := r.client.SSHKey.Create(ctx, hcloud.SSHKeyCreateOpts{
		Name: plan.Name.ValueString(), PublicKey: plan.PublicKey.ValueString(), Labels: labelsFrom(plan.Labels),
	})
	if err != nil {
		addModernError(&resp.Diagnostics, err)
		return
	}
	plan.fill(key)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// fill keeps the public key as it was configured: the API drops white space around it.
func (m *sshKeyModel) fill(key *hcloud.SSHKey) {
	m.ID = types.StringValue(formatID(key.ID))
	m.Name = types.StringValue(key.Name)
	m.Fingerprint = types.StringValue(key.Fingerprint)
	m.Labels = labelsComputed(key.Labels)
	if m.PublicKey.IsNull() {
		m.PublicKey = types.StringValue(key.PublicKey)
	}
}

func (r *sshKeyResource) refresh(ctx context.Context, model *sshKeyModel, diags *diag.Diagnostics) bool {
	key, _, err := r.client.SSHKey.GetByID(ctx, parseID(model.ID.ValueString(), diags))
	if err != nil || key == nil {
		addModernError(diags, err)
		return err != nil
	}
	model.fill(key)
	return true
}

func (r *sshKeyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state sshKeyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *sshKeyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan sshKeyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	key, _, err := r.client.SSHKey.Update(ctx, &hcloud.SSHKey{ID: parseID(plan.ID.ValueString(), &resp.Diagnostics)},
		hcloud.SSHKeyUpdateOpts{Name: plan.Name.ValueString(), Labels: labelsFrom(plan.Labels)})
	if err != nil {
		addModernError(&resp.Diagnostics, err)
		return
	}
	plan.fill(key)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *sshKeyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state sshKeyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	_, err := r.client.SSHKey.Delete(ctx, &hcloud.SSHKey{ID: parseID(state.ID.ValueString(), &resp.Diagnostics)})
	addModernError(&resp.Diagnostics, ignoreNotFound(err))
}
