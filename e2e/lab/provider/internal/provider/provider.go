// Package provider implements the stand-in for the provider hetznercloud/hcloud.
package provider

import (
	"context"
	"os"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

// Version is the version of the real provider whose schema and calls this one follows.
const Version = "1.68.0"

const tokenLength = 64

type hcloudProvider struct{}

var _ provider.Provider = hcloudProvider{}

type providerModel struct {
	Token           types.String `tfsdk:"token"`
	Endpoint        types.String `tfsdk:"endpoint"`
	EndpointHetzner types.String `tfsdk:"endpoint_hetzner"`
	PollInterval    types.String `tfsdk:"poll_interval"`
	PollFunction    types.String `tfsdk:"poll_function"`
}

func (hcloudProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "hcloud"
	resp.Version = Version
}

func (hcloudProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"token":            schema.StringAttribute{Optional: true, Sensitive: true},
		"endpoint":         schema.StringAttribute{Optional: true},
		"endpoint_hetzner": schema.StringAttribute{Optional: true},
		"poll_interval":    schema.StringAttribute{Optional: true},
		"poll_function":    schema.StringAttribute{Optional: true},
	}}
}

func (hcloudProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}

	token := valueOrEnv(config.Token, "HCLOUD_TOKEN")
	checkToken(token, resp)
	backoff := pollBackoff(config, resp)
	if resp.Diagnostics.HasError() {
		return
	}

	options := []hcloud.ClientOption{
		hcloud.WithApplication("hcloud-terraform", Version),
		hcloud.WithToken(token),
	}
	endpoint := valueOrEnv(config.Endpoint, "HCLOUD_ENDPOINT")
	if endpoint != "" {
		options = append(options, hcloud.WithEndpoint(endpoint))
	}
	client := func(poll hcloud.BackoffFunc) *hcloud.Client {
		return hcloud.NewClient(append(options, hcloud.WithPollOpts(hcloud.PollOpts{BackoffFunc: poll}))...)
	}
	data := &providerData{legacy: client(backoff.legacy), modern: client(backoff.modern), pace: newPace(endpoint)}
	resp.ResourceData, resp.DataSourceData = data, data
}

// providerData is what resources and data sources get. The real provider is two in one process: the resources on the
// older plugin SDK and those on terraform-plugin-framework each have a client, and these poll differently.
type providerData struct {
	legacy, modern *hcloud.Client
	pace           *pace
}

func (d *providerData) client(typeName string) *hcloud.Client {
	if modern["hcloud_"+typeName] {
		return d.modern
	}
	return d.legacy
}

func valueOrEnv(value types.String, name string) string {
	if text := value.ValueString(); text != "" {
		return text
	}
	return os.Getenv(name)
}

func checkToken(token string, resp *provider.ConfigureResponse) {
	switch {
	case token == "":
		resp.Diagnostics.AddAttributeError(path.Root("token"), "Missing Hetzner Cloud API token",
			"While configuring the provider, the Hetzner Cloud API token was not found in the HCLOUD_TOKEN "+
				"environment variable or provider configuration block token attribute.")
	case len(token) != tokenLength:
		resp.Diagnostics.AddAttributeError(path.Root("token"),
			"entered token is invalid (must be exactly 64 characters long)", "")
	}
}

const (
	pollBase       = 500 * time.Millisecond
	pollMultiplier = 2
	modernPollCap  = 10 * time.Second
)

// pollBackoffs are how long to wait between polls of an action.
type pollBackoffs struct{ legacy, modern hcloud.BackoffFunc }

// pollBackoff has the real provider's defaults: half a second, doubled up to a minute for the resources on the older
// plugin SDK, and up to ten seconds for the others. A configured interval holds for both.
func pollBackoff(config providerModel, resp *provider.ConfigureResponse) pollBackoffs {
	if config.PollInterval.ValueString() == "" {
		return pollBackoffs{
			legacy: hcloud.ExponentialBackoff(pollMultiplier, pollBase),
			modern: hcloud.ExponentialBackoffWithOpts(hcloud.ExponentialBackoffOpts{
				Base: pollBase, Multiplier: pollMultiplier, Cap: modernPollCap,
			}),
		}
	}
	interval, err := time.ParseDuration(config.PollInterval.ValueString())
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("poll_interval"), "Unparsable poll interval value", err.Error())
	}
	switch function := config.PollFunction.ValueString(); function {
	case "constant":
		constant := hcloud.ConstantBackoff(interval)
		return pollBackoffs{constant, constant}
	case "", "exponential":
		exponential := hcloud.ExponentialBackoff(pollMultiplier, interval)
		return pollBackoffs{exponential, exponential}
	default:
		resp.Diagnostics.AddAttributeError(path.Root("poll_function"), "Invalid Attribute Value Match",
			"poll_function must be one of: constant, exponential; got: "+function)
		return pollBackoffs{}
	}
}

func (hcloudProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		newNetwork, newSubnet, newFirewall, newSSHKey, newPlacementGroup, newServer,
		newLoadBalancer, newLoadBalancerNetwork, newLoadBalancerService, newLoadBalancerTarget,
	}
}

func (hcloudProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{newImageData, newServerTypeData, newLocationData, newLocationsData}
}
