package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// unsupported names every attribute and block of the real provider's schema that this stand-in does not have, within
// the types that it has. A configuration that uses one fails to validate, which is better than being ignored.
var unsupported = []string{
	"hcloud_firewall.apply_to",
	"hcloud_load_balancer.target",
	"hcloud_load_balancer_service.http",
	"hcloud_load_balancer_service.health_check.http",
	"hcloud_server.allow_deprecated_images",
	"hcloud_server.backup_window",
	"hcloud_server.backups",
	"hcloud_server.datacenter",
	"hcloud_server.iso",
	"hcloud_server.rescue",
	"data.hcloud_image.selector",
}

// described names the attributes that are called `description`. The real provider has them, but the file in testdata
// lost them when its descriptions were removed.
var described = []string{
	"hcloud_firewall.rule.description",
	"data.hcloud_image.description",
	"data.hcloud_location.description",
	"data.hcloud_server_type.description",
}

// nestedAttributes names the attributes that the file shows as a list of objects with nested attributes. Their shape is
// compared by name only.
var nestedAttributes = []string{"data.hcloud_locations.locations", "data.hcloud_server_type.locations"}

type realSchema struct {
	Provider    realBlockHolder            `json:"provider_config"`
	Resources   map[string]realBlockHolder `json:"resource_schemas"`
	DataSources map[string]realBlockHolder `json:"data_source_schemas"`
}

type realBlockHolder struct {
	Block realBlock `json:"block"`
}

type realBlock struct {
	Attributes map[string]realAttribute `json:"attributes"`
	BlockTypes map[string]struct {
		Block       realBlock `json:"block"`
		NestingMode string    `json:"nesting_mode"`
	} `json:"block_types"`
}

type realAttribute struct {
	Type                                                json.RawMessage
	Required, Optional, Computed, Sensitive, Deprecated bool
}

func (a realAttribute) String() string {
	return fmt.Sprintf("%s required=%t optional=%t computed=%t sensitive=%t deprecated=%t",
		compactJSON(a.Type), a.Required, a.Optional, a.Computed, a.Sensitive, a.Deprecated)
}

func compactJSON(raw json.RawMessage) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return string(raw)
	}
	return compact.String()
}

// flatten maps the dotted path of every attribute to its properties and of every block to its nesting.
func (b realBlock) flatten(path string, into map[string]string) {
	for name, attribute := range b.Attributes {
		into[path+"."+name] = attribute.String()
	}
	for name, block := range b.BlockTypes {
		into[path+"."+name] = "block " + block.NestingMode
		block.Block.flatten(path+"."+name, into)
	}
}

func flattenOurs(t *testing.T, block *tfprotov6.SchemaBlock, path string, into map[string]string) {
	t.Helper()
	for _, attribute := range block.Attributes {
		described := realAttribute{
			Required: attribute.Required, Optional: attribute.Optional, Computed: attribute.Computed,
			Sensitive: attribute.Sensitive, Deprecated: attribute.Deprecated,
		}
		if attribute.Type != nil {
			raw, err := attribute.Type.MarshalJSON() //nolint:staticcheck // the protocol's own JSON form is what is compared
			if err != nil {
				t.Fatal(err)
			}
			described.Type = raw
		}
		into[path+"."+attribute.Name] = described.String()
	}
	for _, nested := range block.BlockTypes {
		into[path+"."+nested.TypeName] = "block " + strings.ToLower(nested.Nesting.String())
		flattenOurs(t, nested.Block, path+"."+nested.TypeName, into)
	}
}

func readReal(t *testing.T) realSchema {
	t.Helper()
	raw, err := os.ReadFile("testdata/hcloud-schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var real realSchema
	if err := json.Unmarshal(raw, &real); err != nil {
		t.Fatal(err)
	}
	return real
}

func TestSchemaEqualsTheRealProviders(t *testing.T) {
	real := readReal(t)
	ours, err := NewServer().GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	real.Provider.Block.flatten("provider", want)
	flattenOurs(t, ours.Provider.Block, "provider", got)
	for name, schema := range ours.ResourceSchemas {
		real.Resources[name].Block.flatten(name, want)
		flattenOurs(t, schema.Block, name, got)
	}
	for name, schema := range ours.DataSourceSchemas {
		real.DataSources[name].Block.flatten("data."+name, want)
		flattenOurs(t, schema.Block, "data."+name, got)
	}
	compare(t, want, got)
}

func compare(t *testing.T, want, got map[string]string) {
	t.Helper()
	for path, expected := range want {
		actual, supported := got[path]
		switch {
		case isUnder(path, unsupported):
			if supported {
				t.Errorf("%s is supported; take it off the list of what is not", path)
			}
		case !supported:
			t.Errorf("%s is missing: the real provider has %s", path, expected)
		case actual != expected && !slices.Contains(nestedAttributes, path):
			t.Errorf("%s differs:\n real %s\n ours %s", path, expected, actual)
		}
	}
	for path := range got {
		if _, known := want[path]; !known && !slices.Contains(described, path) {
			t.Errorf("%s is not in the real provider's schema", path)
		}
	}
	for _, path := range unsupported {
		if _, known := want[path]; !known {
			t.Errorf("%s is listed as unsupported but the real provider has no such thing", path)
		}
	}
}

func isUnder(path string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return path == root || strings.HasPrefix(path, root+".")
	})
}
