// Command terraform-provider-hcloud is a stand-in for the provider hetznercloud/hcloud, for the lab and the tests only.
//
// The real provider cannot be built from Go modules, so this one is written anew on terraform-plugin-framework and the
// official SDK hcloud-go. Its schema equals the real one's for what it supports, and it calls the same API paths in the
// same order. Users run the real provider; nothing of this goes into an image for them.
package main

import (
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/openova-io/catalyst-operator/e2e/lab/provider/internal/provider"
)

const address = "registry.opentofu.org/hetznercloud/hcloud"

func main() {
	debug := flag.Bool("debug", false, "run as a server that a debugger and OpenTofu attach to")
	flag.Parse()

	var options []tf6server.ServeOpt
	if *debug {
		options = append(options, tf6server.WithManagedDebug())
	}
	if err := tf6server.Serve(address, provider.NewServer, options...); err != nil {
		log.Fatal(err)
	}
}
