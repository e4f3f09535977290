package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// reload sends SIGHUP and waits for the answer, which is an event.
func (d *daemon) reload(t *testing.T, event string) {
	t.Helper()
	n := told(t, d.process, event)
	d.kick(t, syscall.SIGHUP)
	d.says(t, event, n+1)
}

// secondProperty adds one with two preauthorizations to the world, and gives a
// configuration that names both.
func (s *served) secondProperty(t *testing.T) (configured string) {
	t.Helper()
	e, err := s.AddEnterprise(simulator.Enterprise{Name: "hotel-2", Currency: "EUR"})
	if err != nil {
		t.Fatal(err)
	}
	more, err := s.Populate(simulator.PopulateOptions{Enterprise: e.Name, Customers: 2})
	if err != nil {
		t.Fatal(err)
	}
	s.ids = append(s.ids, more.Preauthorizations...)
	content := read(t, s.config)
	return fmt.Sprintf("%s  - name: hotel-2\n    access_token: %s\n    currency: EUR\n    customers:\n      ids: [%s]\n"+
		"    payment_methods:\n      default: 101\n", content, e.AccessToken, strings.Join(more.Customers, ", "))
}

func TestAReloadPutsAnotherConfigurationInForce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, schedule, extra, before, after string
		// holds waits for what only the new configuration does.
		holds func(t *testing.T, d *daemon)
	}{
		{"the fuse is raised", always, "mirror:\n  max_actions_per_cycle: 5\n", "cycle: 5", "cycle: 0", func(t *testing.T, d *daemon) {
			t.Helper()
			d.says(t, "create.applied", 6)
		}},
		{"cycles come more often", seldom, "", seldom, always, func(t *testing.T, d *daemon) {
			t.Helper()
			d.says(t, "cycle.finished", 2)
		}},
		{"the log tells more", always, "log:\n  level: info\n", "level: info", "level: debug", func(t *testing.T, d *daemon) {
			t.Helper()
			d.says(t, "request", 1)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{Schedule: c.schedule, Extra: c.extra})
			d := w.daemon(t)
			d.says(t, "cycle.finished", 1)
			w.edit(t, c.before, c.after)
			d.reload(t, "config.reloaded")
			c.holds(t, d)
			d.stop(t)
			w.account(t, 6, 0)
			w.audit(t)
		})
	}
}

func TestAPropertyComesAndGoesWithAReload(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always})
	d := w.daemon(t)
	d.says(t, "cycle.finished", 1)
	one := read(t, w.config)
	write(t, w.config, w.secondProperty(t))
	d.reload(t, "config.reloaded")
	d.says(t, "create.applied", 8)
	const held = `preauth_sync_preauthorizations{phase="created",property="hotel-2"}`
	if n, shown := d.scrape(t)[held]; !shown || n != 2 {
		t.Errorf("%s is %v", held, n)
	}
	write(t, w.config, one)
	d.reload(t, "config.reloaded")
	for series := range d.scrape(t) {
		if strings.Contains(series, "hotel-2") {
			t.Errorf("%s is still there", series)
		}
	}
	d.stop(t)
	w.account(t, 8, 0)
	w.audit(t)
}

func TestTheCustomersFileNeedsNoReload(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always})
	list := filepath.Join(w.dir, "customers.txt")
	write(t, list, w.customers[0]+"\n")
	content := read(t, w.config)
	_, rest, _ := strings.Cut(content, "ids: [")
	ids, _, _ := strings.Cut(rest, "]")
	w.edit(t, "ids: ["+ids+"]", "file: customers.txt")
	d := w.daemon(t)
	d.says(t, "cycle.finished", 1)
	w.account(t, 2, 0)
	write(t, list, strings.Join(w.customers, "\n")+"\n")
	d.says(t, "create.applied", 6)
	d.stop(t)
	if n := told(t, d.process, "config.reloaded"); n > 0 {
		t.Errorf("the configuration was read again %d times", n)
	}
	w.audit(t)
}

// TestAReloadThatIsRefusedChangesNothing: one daemon meets every refusal, and goes
// on. Then the configuration is mended.
func TestAReloadThatIsRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always})
	d := w.daemon(t)
	d.says(t, "cycle.finished", 1)
	good := read(t, w.config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	for _, c := range []struct{ name, before, after, says string }{
		{"a key that does not exist, with its line", "schedule:", "shedule:", "is refused: line 1, column 1: shedule"},
		{"no YAML at all", "properties:", "properties: [", "is refused: line "},
		{"another state file", w.state, w.state + ".other", "state.path has changed from"},
		{"another PMS", "connector:\n  address: \"http://127.0.0.1", "connector:\n  address: \"http://127.0.0.2", "the addresses have changed"},
		{"another sink", "v4:\n  address: \"http://127.0.0.1", "v4:\n  address: \"http://127.0.0.2", "the addresses have changed"},
		{
			"an address for metrics where somebody listens", strings.TrimPrefix(d.url, "http://"), listener.Addr().String(),
			"end what else listens there, or change metrics.listen",
		},
	} {
		write(t, w.config, good)
		w.edit(t, c.before, c.after)
		d.reload(t, "config.refused")
		text := d.stderr.String()
		if at := strings.LastIndex(text, `"event":"config.refused"`); !strings.Contains(text[at:], c.says) {
			t.Errorf("%s: it does not say %q:\n%s", c.name, c.says, text[at:])
		}
		d.get(t, "/metrics")
	}
	w.charge(t, 0)
	d.says(t, "capture.applied", 1)
	write(t, w.config, good)
	d.reload(t, "config.reloaded")
	d.stop(t)
	w.account(t, 6, 1)
	w.audit(t)
}

func TestMetricsMoveWithAReload(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	d := w.daemon(t)
	d.ready(t)
	was, is := strings.TrimPrefix(d.url, "http://"), freeAddress(t)
	w.edit(t, was, is)
	d.reload(t, "config.reloaded")
	if _, err := net.Dial("tcp", was); err == nil {
		t.Error("somebody still listens at the old address")
	}
	d.url = "http://" + is
	d.ready(t)
	w.edit(t, is, "")
	d.reload(t, "config.reloaded")
	if _, err := net.Dial("tcp", is); err == nil {
		t.Error("somebody still listens when metrics are off")
	}
	d.stop(t)
}

func TestAReloadWaitsForTheCycleUnderWay(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom, Timeout: patience, Settle: patience})
	open := w.gate(t, simulator.OpCreate)
	d := w.daemon(t)
	d.sends(t, simulator.OpCreate, 1)
	w.edit(t, seldom, always)
	d.kick(t, syscall.SIGHUP)
	// The signal is on its way; that it is not answered yet shows in the order below.
	open()
	d.says(t, "config.reloaded", 1)
	d.says(t, "cycle.finished", 2)
	d.stop(t)
	first, _, _ := strings.Cut(d.stderr.String(), `"event":"config.reloaded"`)
	if strings.Count(first, `"event":"create.applied"`) != 6 || !strings.Contains(first, `"event":"cycle.finished"`) {
		t.Errorf("the reload did not wait:\n%s", first)
	}
	w.account(t, 6, 0)
	w.audit(t)
}

func TestManyReloadsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always})
	d := w.daemon(t)
	d.says(t, "cycle.finished", 1)
	before := d.scrape(t)
	const many = 20
	for range many {
		d.kick(t, syscall.SIGHUP)
	}
	for range many {
		d.reload(t, "config.reloaded")
	}
	w.charge(t, 0, 1)
	d.says(t, "capture.applied", 2)
	after := d.scrape(t)
	const few = 10 // connections come and go
	for _, series := range []string{"process_open_fds", "go_goroutines"} {
		if after[series] > before[series]+few {
			t.Errorf("%s went from %v to %v", series, before[series], after[series])
		}
	}
	d.stop(t)
	if n := told(t, d.process, "config.refused"); n > 0 {
		t.Errorf("%d were refused:\n%s", n, &d.stderr)
	}
	w.account(t, 6, 2)
	w.audit(t)
}

func TestATerminationWaitsForAReloadUnderWay(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	d := w.daemon(t)
	d.ready(t)
	was, is := strings.TrimPrefix(d.url, "http://"), freeAddress(t)
	// A client that says nothing keeps the old address from closing for a while.
	silent, err := net.Dial("tcp", was)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	w.edit(t, was, is)
	d.kick(t, syscall.SIGHUP)
	d.deaf(t, was) // the new configuration holds, and the old address is being left
	d.kick(t, syscall.SIGTERM)
	d.stopped(t, 0)
	if told(t, d.process, "config.reloaded") != 1 {
		t.Errorf("the reload did not come to its end:\n%s", &d.stderr)
	}
	w.account(t, 6, 0)
	w.audit(t)
}

// deaf waits until nobody listens at an address any more.
func (d *daemon) deaf(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = conn.Close()
		if ctx.Err() != nil {
			t.Fatalf("somebody listens at %s still; it said:\n%s", address, &d.stderr)
		}
		d.after(10 * time.Millisecond)
	}
}

func TestAScrapeThatHangsIsNoFailureOfAStop(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: seldom})
	d := w.daemon(t)
	d.ready(t)
	silent, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	d.stop(t)
}
