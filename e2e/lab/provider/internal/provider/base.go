package provider

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

// base holds what every resource shares: its type name, the API client, the pace of retries and import by id.
type base struct {
	typeName string
	client   *hcloud.Client
	pace     *pace
}

func (b *base) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + b.typeName
}

func (b *base) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if data, ok := req.ProviderData.(*providerData); ok {
		b.client, b.pace = data.client(b.typeName), data.pace
	}
}

func (b *base) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	resource.ImportStatePassthroughID(ctx, path.Root("id"), req, resp)
}

// wait polls until every action has ended, and returns the error of the first that failed.
func (b *base) wait(ctx context.Context, actions ...*hcloud.Action) error {
	return b.client.Action.WaitFor(ctx, actions...)
}

// dataBase holds what every data source shares.
type dataBase struct {
	typeName string
	client   *hcloud.Client
}

func (b *dataBase) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + b.typeName
}

func (b *dataBase) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	if data, ok := req.ProviderData.(*providerData); ok {
		b.client = data.client(b.typeName)
	}
}

// parseID reads the numeric id that OpenTofu keeps as a string. An id that is no number reports an error.
func parseID(text string, diags *diag.Diagnostics) int64 {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		diags.AddError(fmt.Sprintf("invalid id %q", text), "The id of a Hetzner Cloud resource is a number.")
	}
	return id
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }
