package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// Configuration is what the API says about the property of an access token.
type Configuration struct {
	EnterpriseID   preauth.ID
	EnterpriseName string
	// Now is the API's clock: its NowUtc or, without a usable one, the reply's Date,
	// which has whole seconds. It is the zero time when neither is there.
	Now time.Time
}

const (
	maxConfiguration = 4 << 20
	maxName          = 200
)

// Configuration asks configuration/get, which answers {"NowUtc": ...,
// "Enterprise": {"Id": ..., "Name": ...}} (vendor's docs). Beside telling the
// enterprise, it is a cheap check that address and tokens work. The error is a
// *Error when the API answered with anything but 2xx.
func (c *Client) Configuration(ctx context.Context) (Configuration, error) {
	var got Configuration
	header, err := c.call(ctx, request{
		operation: "configuration", resource: "configuration/get",
		use: func(body io.Reader) (err error) {
			got, err = decodeConfiguration(body)
			return err
		},
	})
	if err != nil {
		return Configuration{}, err
	}
	if got.Now.IsZero() {
		if date, err := http.ParseTime(header.Get("Date")); err == nil {
			got.Now = date
		}
	}
	return got, nil
}

// Enterprise names the enterprise that the access token belongs to.
func (c *Client) Enterprise(ctx context.Context) (preauth.ID, error) {
	got, err := c.Configuration(ctx)
	return got.EnterpriseID, err
}

func decodeConfiguration(r io.Reader) (Configuration, error) {
	body, err := httpx.ReadBody(r, maxConfiguration)
	if err != nil {
		return Configuration{}, err
	}
	found, twice, err := fields(body, "NowUtc", "Enterprise")
	if err != nil {
		return Configuration{}, fmt.Errorf("the configuration is not usable: %w", err)
	}
	enterprise, twiceInside, err := fields(found["Enterprise"], "Id", "Name")
	if err != nil {
		return Configuration{}, errors.New("the configuration names no Enterprise")
	}
	id, isID := idOf(enterprise["Id"])
	if !isID || twice["Enterprise"] || twiceInside["Id"] {
		return Configuration{}, errors.New("the configuration's Enterprise has no Id in UUID form")
	}
	name, _ := textOf(enterprise["Name"])
	got := Configuration{EnterpriseID: id, EnterpriseName: httpx.OneLine(name, maxName)}
	if text, isText := textOf(found["NowUtc"]); isText {
		if now, err := time.Parse(time.RFC3339Nano, text); err == nil {
			got.Now = now.UTC()
		}
	}
	return got, nil
}
