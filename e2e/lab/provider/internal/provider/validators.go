package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// atMostOneBlock refuses a second block of a kind, as max_items does in the older plugin SDK.
var atMostOneBlock = []validator.List{atMostOne{}}

type atMostOne struct{}

func (atMostOne) Description(context.Context) string { return "at most one block" }

func (v atMostOne) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (atMostOne) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	if len(req.ConfigValue.Elements()) > 1 {
		resp.Diagnostics.AddAttributeError(req.Path, "Too many blocks", "No more than 1 block is allowed.")
	}
}
