package provider

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type serviceResource struct{ base }

func newLoadBalancerService() resource.Resource {
	return &serviceResource{base{typeName: "load_balancer_service"}}
}

type serviceModel struct {
	ID              types.String `tfsdk:"id"`
	LoadBalancerID  types.String `tfsdk:"load_balancer_id"`
	Protocol        types.String `tfsdk:"protocol"`
	ListenPort      types.Int64  `tfsdk:"listen_port"`
	DestinationPort types.Int64  `tfsdk:"destination_port"`
	ProxyProtocol   types.Bool   `tfsdk:"proxyprotocol"`
	HealthCheck     types.List   `tfsdk:"health_check"`
}

func (r *serviceResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"id":               legacyID(),
			"load_balancer_id": requiredStringReplace(),
			"protocol":         requiredStringReplace(),
			"listen_port":      optionalComputedInt64(int64planmodifier.RequiresReplace()),
			"destination_port": optionalComputedInt64(),
			"proxyprotocol":    optionalComputedBool(),
		},
		Blocks: map[string]schema.Block{"health_check": healthCheckBlock()},
	}
}

// ModifyPlan keeps the health check that the API chose where the configuration names none.
func (r *serviceResource) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.Plan.Raw.IsNull() || req.State.Raw.IsNull() {
		return
	}
	var config, plan, state serviceModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if len(config.HealthCheck.Elements()) == 0 {
		plan.HealthCheck = state.HealthCheck
		resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	}
}

// listenPort is the configured port, or the protocol's own.
func (m serviceModel) listenPort() int {
	if port := m.ListenPort.ValueInt64(); port != 0 {
		return int(port)
	}
	switch m.Protocol.ValueString() {
	case "http":
		return 80
	case "https":
		return 443
	default:
		return 0
	}
}

func intPointer(value types.Int64) *int {
	if value.ValueInt64() == 0 {
		return nil
	}
	number := int(value.ValueInt64())
	return &number
}

func (m serviceModel) balancer(diags *diag.Diagnostics) *hcloud.LoadBalancer {
	return &hcloud.LoadBalancer{ID: parseID(m.LoadBalancerID.ValueString(), diags)}
}

func (r *serviceResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan serviceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	check := healthCheckOf(ctx, plan.HealthCheck, &resp.Diagnostics)
	balancer := plan.balancer(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	listenPort := plan.listenPort()
	options := hcloud.LoadBalancerAddServiceOpts{
		Protocol:        hcloud.LoadBalancerServiceProtocol(plan.Protocol.ValueString()),
		ListenPort:      &listenPort,
		DestinationPort: intPointer(plan.DestinationPort),
		HealthCheck:     check.addOptions(),
	}
	if plan.ProxyProtocol.ValueBool() {
		options.Proxyprotocol = plan.ProxyProtocol.ValueBoolPointer()
	}
	err := r.retryOn(ctx, retryTries, func() error {
		action, _, err := r.client.LoadBalancer.AddService(ctx, balancer, options)
		if err != nil {
			return err
		}
		return r.wait(ctx, action)
	}, hcloud.ErrorCodeServiceError)
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	plan.ID = types.StringValue(fmt.Sprintf("%d__%d", balancer.ID, listenPort))
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

// refresh fills the model from the service that its id `<load balancer id>__<listen port>` names.
func (r *serviceResource) refresh(ctx context.Context, model *serviceModel, diags *diag.Diagnostics) bool {
	balancerID, port, found := strings.Cut(model.ID.ValueString(), "__")
	listenPort, err := strconv.Atoi(port)
	if !found || err != nil {
		addError(diags, fmt.Errorf("invalid load balancer service id %q", model.ID.ValueString()))
		return true
	}
	// The real one takes any error of this look-up for "it is gone", and drops the service from the state in silence.
	balancer, _, err := r.client.LoadBalancer.GetByID(ctx, parseID(balancerID, diags))
	if err != nil || balancer == nil {
		return false
	}
	for _, service := range balancer.Services {
		if service.ListenPort == listenPort {
			model.fill(ctx, balancer, service, diags)
			return true
		}
	}
	return false
}

func (m *serviceModel) fill(
	ctx context.Context, balancer *hcloud.LoadBalancer, service hcloud.LoadBalancerService, diags *diag.Diagnostics,
) {
	m.LoadBalancerID = types.StringValue(formatID(balancer.ID))
	m.Protocol = types.StringValue(string(service.Protocol))
	m.ListenPort = types.Int64Value(int64(service.ListenPort))
	m.DestinationPort = types.Int64Value(int64(service.DestinationPort))
	m.ProxyProtocol = types.BoolValue(service.Proxyprotocol)
	m.HealthCheck = healthCheckFrom(ctx, service.HealthCheck, diags)
}

func (r *serviceResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state serviceModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !r.refresh(ctx, &state, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *serviceResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan serviceModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	check := healthCheckOf(ctx, plan.HealthCheck, &resp.Diagnostics)
	balancer := plan.balancer(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if there := plan; !r.refresh(ctx, &there, &resp.Diagnostics) {
		resp.State.RemoveResource(ctx)
		return
	}
	action, _, err := r.client.LoadBalancer.UpdateService(ctx, balancer, plan.listenPort(),
		hcloud.LoadBalancerUpdateServiceOpts{
			Protocol:        hcloud.LoadBalancerServiceProtocol(plan.Protocol.ValueString()),
			DestinationPort: intPointer(plan.DestinationPort),
			Proxyprotocol:   plan.ProxyProtocol.ValueBoolPointer(),
			HealthCheck:     check.updateOptions(),
		})
	if err == nil {
		err = r.wait(ctx, action)
	}
	if err != nil {
		addError(&resp.Diagnostics, err)
		return
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
}

func (r *serviceResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state serviceModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if there := state; !r.refresh(ctx, &there, &resp.Diagnostics) {
		return
	}
	action, _, err := r.client.LoadBalancer.DeleteService(ctx, state.balancer(&resp.Diagnostics), state.listenPort())
	if err == nil {
		err = r.wait(ctx, action)
	}
	addError(&resp.Diagnostics, ignoreNotFound(err))
}
