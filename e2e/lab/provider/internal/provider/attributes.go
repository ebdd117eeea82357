package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/boolplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// The constructors below name the kinds of attribute that occur: required or optional, computed or not, and whether a
// change replaces the resource. Computed values keep their last value in a plan, as with the older plugin SDK.

func requiredString() schema.StringAttribute { return schema.StringAttribute{Required: true} }

func requiredStringReplace() schema.StringAttribute {
	return schema.StringAttribute{
		Required: true, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
	}
}

func optionalStringReplace() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
	}
}

func computedString() schema.StringAttribute {
	return schema.StringAttribute{
		Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

// legacyID is the id attribute of a resource that the real provider builds on the older plugin SDK.
func legacyID() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true,
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func optionalComputedStringReplace() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true,
		PlanModifiers: []planmodifier.String{
			stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplace(),
		},
	}
}

func requiredInt64Replace() schema.Int64Attribute {
	return schema.Int64Attribute{
		Required: true, PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()},
	}
}

func optionalInt64Replace() schema.Int64Attribute {
	return schema.Int64Attribute{
		Optional: true, PlanModifiers: []planmodifier.Int64{int64planmodifier.RequiresReplace()},
	}
}

func computedInt64() schema.Int64Attribute {
	return schema.Int64Attribute{
		Computed: true, PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
	}
}

func optionalComputedInt64(modifiers ...planmodifier.Int64) schema.Int64Attribute {
	return schema.Int64Attribute{
		Optional: true, Computed: true,
		PlanModifiers: append([]planmodifier.Int64{int64planmodifier.UseStateForUnknown()}, modifiers...),
	}
}

func optionalComputedBool(modifiers ...planmodifier.Bool) schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional: true, Computed: true,
		PlanModifiers: append([]planmodifier.Bool{boolplanmodifier.UseStateForUnknown()}, modifiers...),
	}
}

func optionalLabels() schema.MapAttribute {
	return schema.MapAttribute{ElementType: types.StringType, Optional: true}
}

func optionalComputedLabels() schema.MapAttribute {
	return schema.MapAttribute{
		ElementType: types.StringType, Optional: true, Computed: true,
		PlanModifiers: []planmodifier.Map{mapplanmodifier.UseStateForUnknown()},
	}
}

func computedInt64Set() schema.SetAttribute {
	return schema.SetAttribute{
		ElementType: types.Int64Type, Computed: true,
		PlanModifiers: []planmodifier.Set{setplanmodifier.UseStateForUnknown()},
	}
}

// falseByDefault plans false where the configuration says nothing, as a default does in the older plugin SDK. The
// attribute is not computed, so an imported resource shows an update from null to false, as with the real provider.
type falseByDefault struct{}

func optionalFlag() schema.BoolAttribute {
	return schema.BoolAttribute{Optional: true, PlanModifiers: []planmodifier.Bool{falseByDefault{}}}
}

func (falseByDefault) Description(context.Context) string { return "false unless configured" }

func (m falseByDefault) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (falseByDefault) PlanModifyBool(_ context.Context, req planmodifier.BoolRequest, resp *planmodifier.BoolResponse) {
	if req.ConfigValue.IsNull() {
		resp.PlanValue = types.BoolValue(false)
	}
}

// diagError makes one error of diagnostics, for functions that return errors.
func diagError(diags diag.Diagnostics) error {
	var all []error
	for _, diagnostic := range diags.Errors() {
		all = append(all, errors.New(diagnostic.Summary()+": "+diagnostic.Detail()))
	}
	return errors.Join(all...)
}
