package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// legacyServer marks plans and states as made by the legacy type system, as the real provider does for its resources
// that are built on the older plugin SDK. Without the mark OpenTofu would refuse a state that differs from the
// configuration, such as the hash that stands for user_data, and would not apply ignore_changes to it.
type legacyServer struct {
	tfprotov6.ProviderServer
}

// modern names the resources that the real provider, too, builds on terraform-plugin-framework.
var modern = map[string]bool{"hcloud_ssh_key": true, "hcloud_load_balancer_network": true}

// NewServer returns the provider as OpenTofu's plugin protocol wants it.
func NewServer() tfprotov6.ProviderServer {
	return legacyServer{providerserver.NewProtocol6(hcloudProvider{})()}
}

func (s legacyServer) PlanResourceChange(
	ctx context.Context, req *tfprotov6.PlanResourceChangeRequest,
) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := s.ProviderServer.PlanResourceChange(ctx, req)
	if resp != nil {
		resp.UnsafeToUseLegacyTypeSystem = !modern[req.TypeName]
	}
	return resp, err
}

func (s legacyServer) ApplyResourceChange(
	ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest,
) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := s.ProviderServer.ApplyResourceChange(ctx, req)
	if resp != nil {
		resp.UnsafeToUseLegacyTypeSystem = !modern[req.TypeName]
	}
	return resp, err
}
