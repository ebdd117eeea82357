package provider

import (
	"context"
	"crypto/sha1" // #nosec G505 -- not for security: the real provider's format
	"encoding/base64"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// userDataHash is what the real provider keeps of user_data in the state.
func userDataHash(userData string) string {
	sum := sha1.Sum([]byte(userData)) // #nosec G401
	return base64.StdEncoding.EncodeToString(sum[:])
}

// hashedUserData plans the hash in place of the text, and a replacement when the hash differs from the state's.
type hashedUserData struct{}

func (hashedUserData) Description(context.Context) string {
	return "kept as a hash; a change replaces the server"
}

func (m hashedUserData) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (hashedUserData) PlanModifyString(
	_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse,
) {
	if req.ConfigValue.IsUnknown() {
		resp.RequiresReplace = !req.State.Raw.IsNull()
		return
	}
	// With ignore_changes the configuration carries the state's own value, which is a hash already.
	planned := req.ConfigValue
	if !planned.IsNull() && !planned.Equal(req.StateValue) {
		planned = types.StringValue(userDataHash(planned.ValueString()))
	}
	resp.PlanValue = planned
	resp.RequiresReplace = !req.State.Raw.IsNull() && !planned.Equal(req.StateValue)
}
