package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

type scriptKey struct{}

// script is what one script has begun.
type script struct {
	worlds    []*served
	processes map[string]*process
}

func newScript() *script { return &script{processes: map[string]*process{}} }

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

func (s *script) close() {
	for _, p := range s.processes {
		p.kill()
	}
	for _, w := range s.worlds {
		w.close()
	}
}

// world is the newest.
func (s *script) world(ts *testscript.TestScript) *served {
	if len(s.worlds) == 0 {
		ts.Fatalf("there is no simulator yet")
	}
	return s.worlds[len(s.worlds)-1]
}

func (s *script) process(ts *testscript.TestScript, name string) *process {
	p := s.processes[name]
	if p == nil {
		ts.Fatalf("nothing has begun as %s", name)
	}
	return p
}

// usage ends the script unless the number of arguments is right.
func usage(ts *testscript.TestScript, neg bool, args []string, least int, form string) {
	if neg || len(args) < least {
		ts.Fatalf("usage: %s", form)
	}
}

// cmdSimulator serves a world: `simulator [KEY=VALUE...]` with customers, per,
// charged, seed, timeout, settle, updated_within, stays, lookup, first_run, new_customers, and
// extra=FILE, which is appended to the configuration. It writes $CONFIG and sets $SIM, $SIM_ADDRESS, $STATE,
// $ID1… and $CARD1…, $CUSTOMER1…, $TOKEN, its property's, and $OTHER_TOKEN, another
// property's.
func cmdSimulator(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 0, "simulator [KEY=VALUE...]")
	o := servedOptions{dir: ts.Getenv("WORK"), seed: 1}
	o.populate.Customers, o.populate.PerCustomer = 3, 2
	o.config.Timeout, o.config.Settle = 300*time.Millisecond, 200*time.Millisecond
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		ts.Check(o.set(ts, key, value))
	}
	w, err := serveWorld(o)
	ts.Check(err)
	s := scriptOf(ts)
	s.worlds = append(s.worlds, w)
	ts.Setenv("SIM", w.url)
	ts.Setenv("SIM_ADDRESS", w.server.Addr())
	ts.Setenv("CONFIG", w.config)
	ts.Setenv("STATE", w.state)
	other, err := w.AddEnterprise(simulator.Enterprise{Name: "not in the configuration"})
	ts.Check(err)
	ts.Setenv("TOKEN", w.Enterprises()[0].AccessToken)
	ts.Setenv("OTHER_TOKEN", other.AccessToken)
	for i, id := range w.ids {
		ts.Setenv(fmt.Sprintf("ID%d", i+1), id)
		p, _ := w.Preauthorization(id)
		ts.Setenv(fmt.Sprintf("CARD%d", i+1), p.CardID)
	}
	for i, id := range w.customers {
		ts.Setenv(fmt.Sprintf("CUSTOMER%d", i+1), id)
	}
}

func (o *servedOptions) set(ts *testscript.TestScript, key, value string) (err error) {
	switch key {
	case "customers":
		o.populate.Customers, err = strconv.Atoi(value)
	case "per":
		o.populate.PerCustomer, err = strconv.Atoi(value)
	case "charged":
		o.populate.Charged, err = strconv.ParseFloat(value, 64)
	case "seed":
		o.seed, err = strconv.ParseUint(value, 10, 64)
	case "timeout":
		o.config.Timeout, err = time.ParseDuration(value)
	case "settle":
		o.config.Settle, err = time.ParseDuration(value)
	case "updated_within":
		o.config.UpdatedWithin, err = time.ParseDuration(value)
	case "stays":
		o.populate.Stay, err = time.ParseDuration(value)
		o.config.ReservationsWithin = o.populate.Stay
	case "lookup":
		o.populate.Cards, o.config.Lookup = true, value
	case "first_run":
		o.config.FirstRun = value
	case "new_customers":
		o.config.NewCustomers = value
	case "extra":
		o.config.Extra = ts.ReadFile(value)
	default:
		err = fmt.Errorf("the simulator has no %s", key)
	}
	return err
}

// cmdSim talks to the administration over HTTP: `sim fault JSON`, `sim calm`,
// `sim options JSON`, `sim set ID JSON`, `sim method JSON`, and `sim account KEY=VALUE...`, which
// compares. `sim await OPERATION N` waits until N requests have arrived, and
// `sim seen OPERATION N` compares how many have, and `sim writes N` the creates
// and captures together.
func cmdSim(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1, "sim fault|calm|options|set|method|account|await|seen|writes ...")
	w, ctx := scriptOf(ts).world(ts), context.Background()
	rest := args[1:]
	switch args[0] {
	case "fault":
		ts.Check(w.admin(ctx, "POST", "faults", []byte(rest[0]), nil))
	case "options":
		ts.Check(w.admin(ctx, "POST", "options", []byte(rest[0]), nil))
	case "set":
		body := fmt.Sprintf(`{"id": %q, %s`, rest[0], strings.TrimPrefix(rest[1], "{"))
		ts.Check(w.admin(ctx, "POST", "preauthorizations", []byte(body), nil))
	case "method":
		ts.Check(w.admin(ctx, "POST", "methods", []byte(rest[0]), nil))
	case "calm":
		ts.Check(w.admin(ctx, "DELETE", "faults", nil, nil))
		w.watch()
	case "account":
		var account map[string]any
		ts.Check(w.admin(ctx, "GET", "account", nil, &account))
		compareAccount(ts, account, rest)
	case "await":
		n, err := strconv.Atoi(rest[1])
		ts.Check(err)
		ts.Check(w.await(ctx, rest[0], n))
	case "seen":
		if n := w.seen(rest[0]); strconv.Itoa(n) != rest[1] {
			ts.Fatalf("%d requests %s have arrived, not %s", n, rest[0], rest[1])
		}
	case "writes":
		n := w.seen(simulator.OpCreate) + w.seen(simulator.OpCapture)
		if strconv.Itoa(n) != rest[0] {
			ts.Fatalf("%d writes have arrived, not %s", n, rest[0])
		}
	default:
		ts.Fatalf("sim has no %s", args[0])
	}
}

// compareAccount compares what is named; duplicates and violations always.
func compareAccount(ts *testscript.TestScript, account map[string]any, wanted []string) {
	wanted = append(wanted, "duplicate_creates=0", "duplicate_captures=0", "violations=[]")
	for _, each := range wanted {
		key, want, _ := strings.Cut(each, "=")
		if got := fmt.Sprint(account[key]); got != want {
			ts.Fatalf("the account has %s=%s, not %s", key, got, want)
		}
	}
}

// cmdEdit replaces the first occurrence of a text: `edit FILE OLD NEW`.
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 3, "edit FILE OLD NEW")
	before := ts.ReadFile(args[0])
	after := strings.Replace(before, args[1], args[2], 1)
	if before == after {
		ts.Fatalf("%s does not contain %q:\n%s", args[0], args[1], before)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(after), 0o600))
}

// cmdEmpty wants a folder with nothing in it: `empty FOLDER`.
func cmdEmpty(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 1, "empty FOLDER")
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s is not empty: %v", args[0], entries)
	}
}

// cmdDamage makes a state file one to be refused: `damage FILE torn|bit|foreign|newer`.
func cmdDamage(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, "damage FILE torn|bit|foreign|newer")
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	switch args[1] {
	case "torn":
		ts.Check(os.Truncate(path, 3*int64(os.Getpagesize()))) // the two heads and a page
	case "bit":
		at := bytes.Index(content, []byte("preauth-sync state"))
		if at < 0 {
			ts.Fatalf("the state file does not contain its mark")
		}
		content[at] ^= 1
		for next := at; next >= 0; next = bytes.Index(content, []byte("preauth-sync state")) {
			content[next] ^= 1 // older copies of the page too
		}
		ts.Check(os.WriteFile(path, content, 0o600))
	case "foreign":
		ts.Check(os.Remove(path))
		ts.Check(putInto(path, "another program", "key", []byte("value")))
	case "newer":
		// A document is its body and the checksum of its place and body.
		ts.Check(putInto(path, "meta", "schema", sealed("meta", "schema", "99")))
	default:
		ts.Fatalf("there is no damage %s", args[1])
	}
}

func putInto(path, bucket, key string, value []byte) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), value)
	})
	return errors.Join(err, db.Close())
}

// noSecrets wants none of the worlds' tokens and passwords in what was said.
func (s *script) noSecrets(ts *testscript.TestScript, said string) {
	for _, w := range s.worlds {
		for _, secret := range w.secrets() {
			if strings.Contains(said, secret) {
				ts.Fatalf("a secret was said")
			}
		}
	}
}

// cmdExits runs a command and compares its exit code: `exits CODE COMMAND...`.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, "exits CODE COMMAND...")
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	s := scriptOf(ts)
	s.noSecrets(ts, ts.ReadFile("stdout"))
	s.noSecrets(ts, ts.ReadFile("stderr"))
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("it ended with %d, not %s", got, args[0])
	}
}

// cmdBegin starts a command in the background: `begin NAME COMMAND...`.
func cmdBegin(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, "begin NAME COMMAND...")
	env := []string{"PREAUTH_SYNC_CONFIG=" + ts.Getenv("PREAUTH_SYNC_CONFIG"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	p, err := startProcess(ts.MkAbs("."), env, args[1], args[2:]...)
	ts.Check(err)
	scriptOf(ts).processes[args[0]] = p
}

// cmdSaid waits until a process has written what matches: `said NAME stdout|stderr REGEXP`.
func cmdSaid(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 3, "said NAME stdout|stderr REGEXP")
	p := scriptOf(ts).process(ts, args[0])
	out := &p.stdout
	if args[1] == "stderr" {
		out = &p.stderr
	}
	pattern, err := regexp.Compile(args[2])
	ts.Check(err)
	ts.Check(out.await(context.Background(), pattern))
}

// cmdSignal sends TERM or INT: `signal NAME TERM`.
func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, "signal NAME TERM|INT")
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT}
	ts.Check(scriptOf(ts).process(ts, args[0]).signal(signals[args[1]]))
}

// cmdEnded waits for the end and compares the exit code: `ended NAME CODE`. What
// the process said is then in the files NAME.stdout and NAME.stderr.
func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, args, 2, "ended NAME CODE")
	p := scriptOf(ts).process(ts, args[0])
	code, err := p.wait(context.Background())
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stdout"), []byte(p.stdout.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".stderr"), []byte(p.stderr.String()), 0o600))
	if !slices.Contains(p.cmd.Args, "simulate") { // which prints its configuration
		scriptOf(ts).noSecrets(ts, p.stdout.String()+p.stderr.String())
	}
	if strconv.Itoa(code) != args[1] {
		ts.Fatalf("%s ended with %d, not %s; it said:\n%s%s", args[0], code, args[1], &p.stdout, &p.stderr)
	}
}
