package app_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

func TestBothAPIsAreTriedAsOftenAsToldFromOutside(t *testing.T) {
	for name, c := range map[string]struct{ tries, connector, v4 int }{
		"twice": {2, 2, 2}, "as the clients would have it": {0, 6, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials := map[string]int{}
				a, err := app.Clients(unreachable(), app.Outside{Tries: c.tries, Transport: httpx.TransportConfig{
					NoProxy: true,
					DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
						dials[address]++
						return nil, errors.New("nobody is there")
					},
				}})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := a.Sources[0].Configuration(t.Context()); err == nil {
					t.Error("the PMS was reached")
				}
				if _, err := a.Sinks[0].Reach(t.Context()); err == nil {
					t.Error("v4 was reached")
				}
				if dials["pms.test:80"] != c.connector || dials["v4.test:80"] != c.v4 {
					t.Errorf("tried %v", dials)
				}
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// unreachable is as much of a configuration as both clients need.
func unreachable() *config.Config {
	token := httpx.NewSecret("token")
	return &config.Config{
		Log:       config.Log{Level: "error", Format: "json"},
		Connector: config.Connector{Address: "http://pms.test", Client: "test", ClientToken: token, Timeout: time.Minute, Concurrency: 1},
		V4: config.V4{
			Address: "http://v4.test", Timeout: time.Minute,
			Auth: config.Auth{LoginAddress: "http://v4.test/Login", Username: "u", Password: token},
		},
		Properties: []config.Property{{Name: "hotel", AccessToken: token}},
	}
}
