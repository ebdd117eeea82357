package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type healthCheckModel struct {
	Protocol types.String `tfsdk:"protocol"`
	Port     types.Int64  `tfsdk:"port"`
	Interval types.Int64  `tfsdk:"interval"`
	Timeout  types.Int64  `tfsdk:"timeout"`
	Retries  types.Int64  `tfsdk:"retries"`
}

func healthCheckBlock() schema.ListNestedBlock {
	number := schema.Int64Attribute{Required: true}
	return schema.ListNestedBlock{
		NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
			"protocol": requiredString(),
			"port":     number,
			"interval": number,
			"timeout":  number,
			"retries":  number,
		}},
		Validators: atMostOneBlock,
	}
}

func healthCheckObject() attr.Type { return healthCheckBlock().Type().(types.ListType).ElemType }

// healthCheckOf returns the configured check, nil without one.
func healthCheckOf(ctx context.Context, list types.List, diags *diag.Diagnostics) *healthCheckModel {
	var blocks []healthCheckModel
	diags.Append(list.ElementsAs(ctx, &blocks, false)...)
	if len(blocks) == 0 {
		return nil
	}
	return &blocks[0]
}

func healthCheckFrom(
	ctx context.Context, check hcloud.LoadBalancerServiceHealthCheck, diags *diag.Diagnostics,
) types.List {
	list, found := types.ListValueFrom(ctx, healthCheckObject(), []healthCheckModel{{
		Protocol: types.StringValue(string(check.Protocol)),
		Port:     types.Int64Value(int64(check.Port)),
		Interval: types.Int64Value(int64(check.Interval / time.Second)),
		Timeout:  types.Int64Value(int64(check.Timeout / time.Second)),
		Retries:  types.Int64Value(int64(check.Retries)),
	}})
	diags.Append(found...)
	return list
}

func seconds(value types.Int64) *time.Duration {
	duration := time.Duration(value.ValueInt64()) * time.Second
	return &duration
}

func (m *healthCheckModel) addOptions() *hcloud.LoadBalancerAddServiceOptsHealthCheck {
	if m == nil {
		return nil
	}
	return &hcloud.LoadBalancerAddServiceOptsHealthCheck{
		Protocol: hcloud.LoadBalancerServiceProtocol(m.Protocol.ValueString()),
		Port:     intPointer(m.Port), Retries: intPointer(m.Retries),
		Interval: seconds(m.Interval), Timeout: seconds(m.Timeout),
	}
}

func (m *healthCheckModel) updateOptions() *hcloud.LoadBalancerUpdateServiceOptsHealthCheck {
	if m == nil {
		return nil
	}
	return &hcloud.LoadBalancerUpdateServiceOptsHealthCheck{
		Protocol: hcloud.LoadBalancerServiceProtocol(m.Protocol.ValueString()),
		Port:     intPointer(m.Port), Retries: intPointer(m.Retries),
		Interval: seconds(m.Interval), Timeout: seconds(m.Timeout),
	}
}
