package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
)

const (
	retryTries         = 5
	firewallTries      = 2 * retryTries
	subnetDeleteTries  = 50
	retryBase          = time.Second
	paceRequestTimeout = 5 * time.Second
)

// retryOn calls f up to `tries` times while it fails with one of the codes, waiting a second, then twice as long each
// time up to a minute. The client itself already repeats requests that conflict, exceed the rate limit or time out.
func (b *base) retryOn(ctx context.Context, tries int, f func() error, codes ...hcloud.ErrorCode) error {
	backoff := hcloud.ExponentialBackoff(2, retryBase)
	for attempt := 0; ; attempt++ {
		err := f()
		if !isCode(err, codes) || attempt == tries-1 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(b.pace.of(backoff(attempt))):
		}
	}
}

// pace shortens the waiting between tries as the lab asks for: fifty tries are three quarters of an hour. It is asked
// for once, when it is first needed. Whoever has no such setting gets the real provider's times.
type pace struct {
	lab   string
	once  sync.Once
	share float64
}

// newPace knows where the lab's setting is: beside the API, whose endpoint ends in a version.
func newPace(endpoint string) *pace {
	if endpoint == "" {
		return &pace{share: 1}
	}
	return &pace{lab: endpoint[:strings.LastIndex(strings.TrimSuffix(endpoint, "/"), "/")+1] + "_lab/delays", share: 1}
}

// of is how much of the time really passes.
func (p *pace) of(duration time.Duration) time.Duration {
	p.once.Do(p.ask)
	return time.Duration(float64(duration) * p.share)
}

func (p *pace) ask() {
	if p.lab == "" {
		return
	}
	client := http.Client{Timeout: paceRequestTimeout}
	response, err := client.Get(p.lab)
	if err != nil {
		return
	}
	defer response.Body.Close()
	var delays struct {
		RetryShare *float64 `json:"provider_retry_share"`
	}
	if json.NewDecoder(response.Body).Decode(&delays) == nil && delays.RetryShare != nil {
		p.share = *delays.RetryShare
	}
}
