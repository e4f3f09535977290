package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// outpost is a second server of a world, which can be taken away.
type outpost struct {
	world   *served
	address string
	server  *simulator.Server
}

// outpostOf serves v4 at an address of its own, and tells the configuration.
func outpostOf(t *testing.T, w *served) *outpost {
	t.Helper()
	o := &outpost{world: w, address: "127.0.0.1:0"}
	o.up(t)
	t.Cleanup(func() { _ = o.server.Close() })
	before, v4, _ := strings.Cut(read(t, w.config), "v4:\n")
	write(t, w.config, before+"v4:\n"+strings.ReplaceAll(v4, w.url, o.server.URL()))
	return o
}

func (o *outpost) up(t *testing.T) {
	t.Helper()
	var err error
	if o.server, err = simulator.Listen(o.address, o.world.world); err != nil {
		t.Fatal(err)
	}
	o.address = o.server.Addr()
}

func (o *outpost) down(t *testing.T) {
	t.Helper()
	if err := o.server.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADaemonGoesOnOnceV4IsBack(t *testing.T) {
	t.Parallel()
	t.Run("when it was away from the start", func(t *testing.T) {
		t.Parallel()
		w := six(t, simulator.ConfigOptions{Schedule: always})
		v4 := outpostOf(t, w)
		v4.down(t)
		d := w.daemon(t)
		d.says(t, "sink.unusable", 1)
		d.becomes(t, http.StatusServiceUnavailable, "the sink could not be used in the last cycle")
		v4.up(t)
		d.says(t, "create.applied", 6)
		d.ready(t)
		d.stop(t)
		w.account(t, 6, 0)
		w.audit(t)
	})
	t.Run("when it failed while the daemon ran", func(t *testing.T) {
		t.Parallel()
		w := six(t, simulator.ConfigOptions{Schedule: always})
		d := w.daemon(t)
		d.ready(t)
		w.Inject(simulator.Fault{API: simulator.APIV4, Kind: simulator.KindStatus})
		const more = 5 // as many as make an outage
		for range more {
			w.add(t)
		}
		d.says(t, "sink.outage", 1)
		d.becomes(t, http.StatusServiceUnavailable, "the sink could not be used in the last cycle")
		w.calm()
		d.says(t, "create.applied", 6+more)
		d.ready(t)
		d.stop(t)
		w.account(t, 6+more, 0)
		w.audit(t)
	})
}

func TestADaemonGoesOnOnceThePMSIsBack(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always})
	outpostOf(t, w)
	pms := outpost{world: w, address: w.server.Addr(), server: w.server}
	pms.down(t)
	d := w.daemon(t)
	d.says(t, "request.retried", 1)
	pms.up(t)
	w.server = pms.server
	d.says(t, "create.applied", 6)
	d.stop(t)
	w.account(t, 6, 0)
	w.audit(t)
}

func TestAWrongSecretIsToldInEachCycleUntilAReloadMendsIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, event, advice, unready string }{
		{"password", "sink.unusable", "v4 refused the login", "the sink could not be used"},
		{"access_token", "source.failed", "check connector.client_token and the property's access_token", "no property could be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{Schedule: always})
			good := read(t, w.config)
			w.edit(t, c.name+`: "`, c.name+`: "0`)
			d := w.daemon(t)
			d.says(t, c.event, 2)
			if !strings.Contains(d.stderr.String(), c.advice) {
				t.Errorf("it does not say %q:\n%s", c.advice, &d.stderr)
			}
			success := d.scrape(t)[`preauth_sync_last_success_timestamp_seconds{property="hotel-1"}`]
			if success != 0 && c.name == "access_token" {
				t.Errorf("a success is shown: %v", success)
			}
			d.becomes(t, 503, c.unready)
			w.account(t, 0, 0)
			address := strings.TrimPrefix(d.url, "http://")
			write(t, w.config, strings.Replace(good, `listen: ""`, `listen: "`+address+`"`, 1))
			d.reload(t, "config.reloaded")
			d.says(t, "create.applied", 6)
			d.ready(t)
			d.stop(t)
			w.account(t, 6, 0)
			w.audit(t)
		})
	}
}
