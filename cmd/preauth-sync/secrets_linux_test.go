package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// Both APIs repeat what they were sent, in every reply that is not the right one,
// and the program is looked at wherever it shows anything.
func TestNoSecretLeavesTheProgram(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Schedule: always})
	pms := []string{w.ClientToken(), w.Enterprises()[0].AccessToken}
	v4 := []string{w.Tenants()[0].Password}
	secrets := slices.Concat(pms, v4)
	echo := func(operation string, status, times int, sent []string) {
		w.Inject(simulator.Fault{
			Operation: operation, Kind: simulator.KindRewrite, Times: times, Rewrite: func(int, []byte) (int, []byte) {
				text := fmt.Sprintf("you sent %q", sent)
				return status, fmt.Appendf(nil, `{"Message":%q,"error":%q,"trackingId":%q,"errors":[{"code":1,"message":%q}]}`, text, text, text, text)
			},
		})
	}
	echo(simulator.OpLogin, 400, 1, v4)
	echo(simulator.OpPoll, 403, 1, pms)
	echo(simulator.OpCreate, 400, 2, v4)
	d := w.daemon(t)
	places := map[string]string{}
	look := func() {
		for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
			_, body := d.get(t, path)
			places[path] += body
		}
	}
	d.says(t, "cycle.finished", 1)
	look()
	d.says(t, "action.parked", 2)
	d.says(t, "cycle.finished", 5)
	look()
	cmdline, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(d.cmd.Process.Pid), "cmdline"))
	if err != nil {
		t.Fatal(err)
	}
	places["the process list"] = string(cmdline)
	d.stop(t)
	places["the log"] = d.stderr.String()
	for _, args := range [][]string{
		{"status", "-o", "json"}, {"parked", "list", "-o", "json"}, {"state", "export"}, {"state", "backup", filepath.Join(w.dir, "copy.db")}, {"check"},
	} {
		p := w.run(t, 0, args...)
		places[strings.Join(args, " ")] = p.stdout.String() + p.stderr.String()
	}
	for _, file := range []string{w.state, w.state + ".gen", filepath.Join(w.dir, "copy.db")} {
		places[filepath.Base(file)] = read(t, file)
	}
	// What a panic would print: every goroutine's stack, in the middle of a create.
	open := w.gate(t, simulator.OpCreate)
	if _, err := w.AddPreauthorization(simulator.Preauthorization{CustomerID: w.customers[0], Amount: decimal.New(1230, -2)}); err != nil {
		t.Fatal(err)
	}
	before := w.seen(simulator.OpCreate)
	p := w.begin(t, "run")
	if err := w.await(t.Context(), simulator.OpCreate, before+1); err != nil {
		t.Fatal(err)
	}
	if err := p.signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	ended(t, p, 2)
	open()
	places["a dump of all stacks"] = p.stderr.String()
	if !strings.Contains(places["a dump of all stacks"], "goroutine ") {
		t.Error("there are no stacks in the dump")
	}
	for place, text := range places {
		if text == "" {
			t.Errorf("%s shows nothing at all", place)
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows a secret", place)
			}
		}
	}
}
