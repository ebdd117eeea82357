package provider

import (
	"context"
	"net"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

type ruleModel struct {
	Direction      types.String `tfsdk:"direction"`
	Protocol       types.String `tfsdk:"protocol"`
	Port           types.String `tfsdk:"port"`
	SourceIPs      types.Set    `tfsdk:"source_ips"`
	DestinationIPs types.Set    `tfsdk:"destination_ips"`
	Description    types.String `tfsdk:"description"`
}

func ruleBlock() schema.Block {
	ranges := schema.SetAttribute{ElementType: types.StringType, Optional: true}
	return schema.SetNestedBlock{NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
		"direction":       requiredString(),
		"protocol":        requiredString(),
		"port":            schema.StringAttribute{Optional: true},
		"source_ips":      ranges,
		"destination_ips": ranges,
		"description":     schema.StringAttribute{Optional: true},
	}}}
}

func (m *ruleModel) normalise() {
	if m.Port.ValueString() == "" && !m.Port.IsUnknown() {
		m.Port = types.StringNull()
	}
	if m.Description.ValueString() == "" && !m.Description.IsUnknown() {
		m.Description = types.StringNull()
	}
	if len(m.SourceIPs.Elements()) == 0 && !m.SourceIPs.IsUnknown() {
		m.SourceIPs = types.SetNull(types.StringType)
	}
	if len(m.DestinationIPs.Elements()) == 0 && !m.DestinationIPs.IsUnknown() {
		m.DestinationIPs = types.SetNull(types.StringType)
	}
}

func ruleFrom(rule hcloud.FirewallRule) ruleModel {
	model := ruleModel{
		Direction:      types.StringValue(string(rule.Direction)),
		Protocol:       types.StringValue(string(rule.Protocol)),
		Port:           types.StringPointerValue(rule.Port),
		SourceIPs:      nonEmptySet(rangeTexts(rule.SourceIPs)),
		DestinationIPs: nonEmptySet(rangeTexts(rule.DestinationIPs)),
		Description:    types.StringPointerValue(rule.Description),
	}
	model.normalise()
	return model
}

func rangeTexts(ranges []net.IPNet) []string {
	texts := make([]string, len(ranges))
	for i := range ranges {
		texts[i] = ranges[i].String()
	}
	return texts
}

func rulesOf(ctx context.Context, set types.Set) ([]hcloud.FirewallRule, error) {
	models, err := decode[ruleModel](ctx, set)
	if err != nil {
		return nil, err
	}
	rules := make([]hcloud.FirewallRule, len(models))
	for i, model := range models {
		if rules[i], err = model.rule(); err != nil {
			return nil, err
		}
	}
	return rules, nil
}

func (m ruleModel) rule() (hcloud.FirewallRule, error) {
	sources, err := parseRanges(stringsOf(m.SourceIPs))
	if err != nil {
		return hcloud.FirewallRule{}, err
	}
	destinations, err := parseRanges(stringsOf(m.DestinationIPs))
	return hcloud.FirewallRule{
		Direction:      hcloud.FirewallRuleDirection(m.Direction.ValueString()),
		Protocol:       hcloud.FirewallRuleProtocol(m.Protocol.ValueString()),
		Port:           m.Port.ValueStringPointer(),
		Description:    m.Description.ValueStringPointer(),
		SourceIPs:      sources,
		DestinationIPs: destinations,
	}, err
}

func parseRanges(texts []string) ([]net.IPNet, error) {
	ranges := make([]net.IPNet, len(texts))
	for i, text := range texts {
		_, network, err := net.ParseCIDR(text)
		if err != nil {
			return nil, err
		}
		ranges[i] = *network
	}
	return ranges, nil
}

func ruleSet(ctx context.Context, models []ruleModel, diags *diag.Diagnostics) types.Set {
	set, found := types.SetValueFrom(ctx, ruleBlock().Type().(types.SetType).ElemType, models)
	diags.Append(found...)
	return set
}
