package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
	"github.com/hetznercloud/hcloud-go/v2/hcloud/exp/deprecationutil"
)

func (r *serverResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var config, plan serverModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, err := plan.createTimeout()
	if err != nil || resp.Diagnostics.HasError() {
		addError(&resp.Diagnostics, err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	result, err := r.order(ctx, plan, config.UserData.ValueString(), &resp.Diagnostics)
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	// From here on the server exists: it is in the state whatever fails, and then tainted.
	plan.ID = types.StringValue(formatID(result.Server.ID))
	if err := r.finishCreate(ctx, plan, result); err != nil {
		addError(&resp.Diagnostics, err)
	} else {
		r.refresh(ctx, &plan, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// order looks up what the request needs by id, in the order of the real provider, and posts it.
func (r *serverResource) order(
	ctx context.Context, plan serverModel, userData string, diags *diag.Diagnostics,
) (hcloud.ServerCreateResult, error) {
	var none hcloud.ServerCreateResult
	serverType, _, err := r.client.ServerType.GetByName(ctx, plan.ServerType.ValueString())
	if err != nil {
		return none, err
	}
	if serverType == nil {
		return none, fmt.Errorf("server type %s not found", plan.ServerType.ValueString())
	}
	if err := orderable(serverType, plan.Location.ValueString(), diags); err != nil {
		return none, err
	}
	image, err := r.image(ctx, plan.Image.ValueString(), serverType.Architecture)
	if err != nil {
		return none, err
	}
	keys, err := r.sshKeys(ctx, stringsOf(plan.SSHKeys))
	if err != nil {
		return none, err
	}
	options := plan.createOptions(image, keys, userData)
	if options.PublicNet, err = publicNetOptions(ctx, plan.PublicNet); err != nil {
		return none, err
	}
	result, _, err := r.client.Server.Create(ctx, options)
	return result, err
}

// orderable refuses a server type that can no longer be ordered where it is wanted, and warns of one that soon cannot.
func orderable(serverType *hcloud.ServerType, location string, diags *diag.Diagnostics) error {
	message, unavailable := deprecationutil.ServerTypeMessage(serverType, location)
	if unavailable {
		return errors.New(message)
	}
	if message != "" {
		diags.AddWarning(message, "")
	}
	return nil
}

func (r *serverResource) image(
	ctx context.Context, name string, architecture hcloud.Architecture,
) (*hcloud.Image, error) {
	image, _, err := r.client.Image.GetForArchitecture(ctx, name, architecture)
	if err != nil {
		return nil, err
	}
	if image == nil {
		return nil, fmt.Errorf("image %s for architecture %s not found", name, architecture)
	}
	if message, unavailable := deprecationutil.ImageMessage(image); unavailable {
		return nil, errors.New(message)
	}
	return image, nil
}

func (r *serverResource) sshKeys(ctx context.Context, namesOrIDs []string) ([]*hcloud.SSHKey, error) {
	keys := make([]*hcloud.SSHKey, len(namesOrIDs))
	for i, nameOrID := range namesOrIDs {
		key, _, err := r.client.SSHKey.Get(ctx, nameOrID)
		if err != nil {
			return nil, err
		}
		if key == nil {
			return nil, fmt.Errorf("SSH key not found: %s", nameOrID)
		}
		keys[i] = key
	}
	return keys, nil
}

func (m serverModel) createOptions(
	image *hcloud.Image, keys []*hcloud.SSHKey, userData string,
) hcloud.ServerCreateOpts {
	options := hcloud.ServerCreateOpts{
		Name:       m.Name.ValueString(),
		ServerType: &hcloud.ServerType{Name: m.ServerType.ValueString()},
		Image:      image,
		SSHKeys:    keys,
		UserData:   userData,
		Labels:     labelsFrom(m.Labels),
	}
	if location := m.Location.ValueString(); location != "" {
		options.Location = &hcloud.Location{Name: location}
	}
	for _, id := range int64s(m.FirewallIDs) {
		options.Firewalls = append(options.Firewalls,
			&hcloud.ServerCreateFirewall{Firewall: hcloud.Firewall{ID: id}})
	}
	if id := m.PlacementGroupID.ValueInt64(); id != 0 {
		options.PlacementGroup = &hcloud.PlacementGroup{ID: id}
	}
	return options
}

// finishCreate waits for the order's actions, then attaches the networks: the server boots before it has them.
func (r *serverResource) finishCreate(ctx context.Context, plan serverModel, result hcloud.ServerCreateResult) error {
	if err := r.wait(ctx, append(result.NextActions, result.Action)...); err != nil {
		return err
	}
	networks, err := decode[networkBlockModel](ctx, plan.Network)
	if err != nil {
		return err
	}
	for _, network := range networks {
		if err := r.attach(ctx, result.Server, network); err != nil {
			return err
		}
	}
	if !plan.DeleteProtection.ValueBool() && !plan.RebuildProtection.ValueBool() {
		return nil
	}
	return r.protect(ctx, result.Server, plan)
}

var errPublicNetChange = errors.New(
	"changing public_net of an existing server is not built into this stand-in for the provider")
