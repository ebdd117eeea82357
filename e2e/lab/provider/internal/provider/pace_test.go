package provider

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

// Half a second, doubled: up to a minute for the resources on the older plugin SDK, up to ten seconds for the others.
func TestPollIntervals(t *testing.T) {
	backoffs := pollBackoff(providerModel{}, &provider.ConfigureResponse{})
	for retries, want := range map[int]time.Duration{
		0: 500 * time.Millisecond, 1: time.Second, 5: 16 * time.Second, 6: 32 * time.Second, 7: time.Minute, 9: time.Minute,
	} {
		if got := backoffs.legacy(retries); got != want {
			t.Errorf("poll %d of the older SDK after %v, not %v", retries, got, want)
		}
		if got, want := backoffs.modern(retries), min(want, 10*time.Second); got != want {
			t.Errorf("poll %d of the framework after %v, not %v", retries, got, want)
		}
	}
}

func TestConfiguredPollInterval(t *testing.T) {
	config := providerModel{PollInterval: types.StringValue("2s"), PollFunction: types.StringValue("constant")}
	backoffs := pollBackoff(config, &provider.ConfigureResponse{})
	if backoffs.legacy(4) != 2*time.Second || backoffs.modern(4) != 2*time.Second {
		t.Error("a constant interval is not constant")
	}
}

func TestClientsByType(t *testing.T) {
	data := &providerData{legacy: hcloud.NewClient(), modern: hcloud.NewClient()}
	for typeName, want := range map[string]*hcloud.Client{
		"server": data.legacy, "network_subnet": data.legacy, "load_balancer_service": data.legacy,
		"ssh_key": data.modern, "load_balancer_network": data.modern,
	} {
		if data.client(typeName) != want {
			t.Errorf("hcloud_%s has the other client", typeName)
		}
	}
}

func TestRetriesEndWithTheLastError(t *testing.T) {
	b := base{pace: &pace{share: 0}}
	tried := 0
	refused := hcloud.Error{Code: hcloud.ErrorCodeConflict}
	err := b.retryOn(context.Background(), 7, func() error { tried++; return refused }, hcloud.ErrorCodeConflict)
	if tried != 7 || !errors.As(err, &refused) {
		t.Errorf("%d tries ended with %v", tried, err)
	}
	tried = 0
	_ = b.retryOn(context.Background(), 7, func() error { tried++; return refused }, hcloud.ErrorCodeLocked)
	if tried != 1 {
		t.Errorf("another code was tried %d times", tried)
	}
}

func TestPaceIsTheLabs(t *testing.T) {
	var asked int
	lab := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		asked++
		if request.URL.Path != "/_lab/delays" {
			t.Errorf("asked %s", request.URL.Path)
		}
		_, _ = answer.Write([]byte(`{"provider_retry_share": 0.25}`))
	}))
	defer lab.Close()
	paced := newPace(lab.URL + "/v1")
	if paced.of(8*time.Second) != 2*time.Second || paced.of(4*time.Second) != time.Second || asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	for _, endpoint := range []string{"", "http://127.0.0.1:1/v1"} {
		if newPace(endpoint).of(time.Second) != time.Second {
			t.Errorf("with the endpoint %q it does not wait as the real one does", endpoint)
		}
	}
}
