package provider

import (
	"context"
	"net"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// labelsFrom reads a map of labels; null and unknown are an empty map.
func labelsFrom(value types.Map) map[string]string {
	labels := make(map[string]string, len(value.Elements()))
	for key, element := range value.Elements() {
		if text, ok := element.(types.String); ok {
			labels[key] = text.ValueString()
		}
	}
	return labels
}

// labelsTo makes the value of labels. An object without labels keeps a null that the configuration left null.
func labelsTo(labels map[string]string, prior types.Map) types.Map {
	if len(labels) == 0 && (prior.IsNull() || prior.IsUnknown()) {
		return types.MapNull(types.StringType)
	}
	elements := make(map[string]attr.Value, len(labels))
	for key, text := range labels {
		elements[key] = types.StringValue(text)
	}
	return types.MapValueMust(types.StringType, elements)
}

// labelsComputed is labelsTo for attributes that are computed: they are never null.
func labelsComputed(labels map[string]string) types.Map {
	return labelsTo(labels, types.MapValueMust(types.StringType, nil))
}

func int64s(value interface{ Elements() []attr.Value }) []int64 {
	numbers := make([]int64, 0, len(value.Elements()))
	for _, element := range value.Elements() {
		if number, ok := element.(types.Int64); ok {
			numbers = append(numbers, number.ValueInt64())
		}
	}
	return numbers
}

func int64Set(numbers []int64) types.Set {
	elements := make([]attr.Value, len(numbers))
	for i, number := range numbers {
		elements[i] = types.Int64Value(number)
	}
	return types.SetValueMust(types.Int64Type, elements)
}

func stringsOf(value interface{ Elements() []attr.Value }) []string {
	texts := make([]string, 0, len(value.Elements()))
	for _, element := range value.Elements() {
		if text, ok := element.(types.String); ok {
			texts = append(texts, text.ValueString())
		}
	}
	return texts
}

func stringSet(texts []string) types.Set {
	elements := make([]attr.Value, len(texts))
	for i, text := range texts {
		elements[i] = types.StringValue(text)
	}
	return types.SetValueMust(types.StringType, elements)
}

// nonEmptySet is a set of strings that is null when there are none.
func nonEmptySet(texts []string) types.Set {
	if len(texts) == 0 {
		return types.SetNull(types.StringType)
	}
	return stringSet(texts)
}

func ipText(ip net.IP) types.String {
	if len(ip) == 0 {
		return types.StringNull()
	}
	return types.StringValue(ip.String())
}

func ipTexts(ips []net.IP) []string {
	texts := make([]string, len(ips))
	for i, ip := range ips {
		texts[i] = ip.String()
	}
	return texts
}

func parseIPs(texts []string) []net.IP {
	ips := make([]net.IP, len(texts))
	for i, text := range texts {
		ips[i] = net.ParseIP(text)
	}
	return ips
}

// decode reads a set of objects into models. A null or unknown set has none.
func decode[M any](ctx context.Context, set types.Set) ([]M, error) {
	var models []M
	if set.IsNull() || set.IsUnknown() {
		return nil, nil
	}
	if diags := set.ElementsAs(ctx, &models, false); diags.HasError() {
		return nil, diagError(diags)
	}
	return models, nil
}
