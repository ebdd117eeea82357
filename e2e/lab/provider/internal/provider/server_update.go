package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

func (r *serverResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state serverModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	server, _, err := r.client.Server.GetByID(ctx, parseID(state.ID.ValueString(), &resp.Diagnostics))
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	if server == nil {
		resp.State.RemoveResource(ctx)
		return
	}
	if err := r.change(ctx, server, plan, state); err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// change brings the server to the plan, step by step in the real provider's order.
func (r *serverResource) change(ctx context.Context, server *hcloud.Server, plan, state serverModel) error {
	steps := []struct {
		changed bool
		do      func() error
	}{
		{!plan.Name.Equal(state.Name) || !plan.Labels.Equal(state.Labels), func() error {
			_, _, err := r.client.Server.Update(ctx, server, hcloud.ServerUpdateOpts{
				Name: plan.Name.ValueString(), Labels: labelsFrom(plan.Labels),
			})
			return err
		}},
		{!plan.ServerType.Equal(state.ServerType), func() error { return r.changeType(ctx, server, plan) }},
		{!plan.Network.Equal(state.Network), func() error { return r.changeNetworks(ctx, server, plan) }},
		{!plan.FirewallIDs.Equal(state.FirewallIDs), func() error { return r.changeFirewalls(ctx, server, plan) }},
		{!plan.PublicNet.Equal(state.PublicNet), func() error { return errPublicNetChange }},
		{!plan.PlacementGroupID.Equal(state.PlacementGroupID), func() error {
			return r.changePlacementGroup(ctx, server, plan.PlacementGroupID.ValueInt64())
		}},
		{
			!plan.DeleteProtection.Equal(state.DeleteProtection) || !plan.RebuildProtection.Equal(state.RebuildProtection),
			func() error { return r.protect(ctx, server, plan) },
		},
	}
	for _, step := range steps {
		if !step.changed {
			continue
		}
		if err := step.do(); err != nil {
			return err
		}
	}
	return nil
}

// changeType powers the server off first: the API changes the type of a stopped server only.
func (r *serverResource) changeType(ctx context.Context, server *hcloud.Server, plan serverModel) error {
	if server.Status == hcloud.ServerStatusRunning {
		action, _, err := r.client.Server.Poweroff(ctx, server)
		if err != nil {
			return err
		}
		if err := r.wait(ctx, action); err != nil {
			return err
		}
	}
	action, _, err := r.client.Server.ChangeType(ctx, server, hcloud.ServerChangeTypeOpts{
		ServerType:  &hcloud.ServerType{Name: plan.ServerType.ValueString()},
		UpgradeDisk: !plan.KeepDisk.ValueBool(),
	})
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}

// changeNetworks attaches and detaches; an address cannot be changed in place, so a new one means both.
func (r *serverResource) changeNetworks(ctx context.Context, server *hcloud.Server, plan serverModel) error {
	wanted, err := decode[networkBlockModel](ctx, plan.Network)
	if err != nil {
		return err
	}
	kept := make([]bool, len(wanted))
	for _, private := range server.PrivateNet {
		index := slices.IndexFunc(wanted, func(block networkBlockModel) bool {
			network, _, err := block.network()
			ip := block.IP.ValueString()
			return err == nil && network.ID == private.Network.ID && (ip == "" || ip == private.IP.String())
		})
		if index >= 0 {
			kept[index] = true
			continue
		}
		if err := r.detach(ctx, server, private.Network); err != nil {
			return err
		}
	}
	for i, block := range wanted {
		if kept[i] {
			continue
		}
		if err := r.attach(ctx, server, block); err != nil {
			return err
		}
	}
	return nil
}

func (r *serverResource) changeFirewalls(ctx context.Context, server *hcloud.Server, plan serverModel) error {
	wanted := int64s(plan.FirewallIDs)
	resources := []hcloud.FirewallResource{{
		Type: hcloud.FirewallResourceTypeServer, Server: &hcloud.FirewallResourceServer{ID: server.ID},
	}}
	var applied []int64
	for _, status := range server.PublicNet.Firewalls {
		applied = append(applied, status.Firewall.ID)
		if slices.Contains(wanted, status.Firewall.ID) {
			continue
		}
		actions, _, err := r.client.Firewall.RemoveResources(ctx, &status.Firewall, resources)
		if err != nil {
			return err
		}
		if err := r.wait(ctx, actions...); err != nil {
			return err
		}
	}
	for _, id := range wanted {
		if slices.Contains(applied, id) {
			continue
		}
		actions, _, err := r.client.Firewall.ApplyResources(ctx, &hcloud.Firewall{ID: id}, resources)
		if err != nil {
			return err
		}
		if err := r.wait(ctx, actions...); err != nil {
			return err
		}
	}
	return nil
}

// changePlacementGroup powers nothing off, although the API adds a stopped server only: a running one is out of its old
// group by then, and not in the new one.
func (r *serverResource) changePlacementGroup(ctx context.Context, server *hcloud.Server, id int64) error {
	if server.PlacementGroup != nil {
		action, _, err := r.client.Server.RemoveFromPlacementGroup(ctx, server)
		if err != nil {
			return err
		}
		if err := r.wait(ctx, action); err != nil {
			return err
		}
	}
	if id == 0 {
		return nil
	}
	action, _, err := r.client.Server.AddToPlacementGroup(ctx, server, &hcloud.PlacementGroup{ID: id})
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}

func (r *serverResource) protect(ctx context.Context, server *hcloud.Server, plan serverModel) error {
	remove, rebuild := plan.DeleteProtection.ValueBool(), plan.RebuildProtection.ValueBool()
	action, _, err := r.client.Server.ChangeProtection(ctx, server,
		hcloud.ServerChangeProtectionOpts{Delete: &remove, Rebuild: &rebuild})
	if err != nil {
		return err
	}
	return r.wait(ctx, action)
}
