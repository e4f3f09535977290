package cli

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// probed serves a world with the payment method 101 for the test's length, and gives
// the configuration for it.
func probed(t *testing.T, mode config.Mode) (world *simulator.World, path string) {
	t.Helper()
	world = simulator.New(simulator.Options{Seed: 1})
	t.Cleanup(world.Close)
	if _, err := world.Populate(simulator.PopulateOptions{Customers: 1}); err != nil {
		t.Fatal(err)
	}
	server, err := simulator.Listen("127.0.0.1:0", world)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	path, _, err = writeSimulated(world, server.URL(), t.TempDir(), simulator.ConfigOptions{
		Timeout: time.Second, Settle: time.Second, Mode: string(mode),
	})
	if err != nil {
		t.Fatal(err)
	}
	return world, path
}

func TestAProbeBeginsWithAYes(t *testing.T) {
	for answer, sends := range map[string]int{"y\n": 1, "YES\n": 1, "n\n": 0, "\n": 0, "1.00\n": 0} {
		t.Run(strings.TrimSpace(answer), func(t *testing.T) {
			world, path := probed(t, config.ModeFull)
			code, out := atTerminal(t, answer, func() {
				if n := world.Account().Creates; n > 0 {
					t.Errorf("%d creates before the answer", n)
				}
			}, "-c", path, "check", "--probe", "101", "--amount", "2.50")
			account := world.Account()
			if code != 0 || account.Creates != sends || account.Captures != sends {
				t.Errorf("exit code %d, %+v; it said:\n%s", code, account, out)
			}
			if said := strings.Contains(out, "Nothing was sent."); said != (sends == 0) {
				t.Errorf("it said:\n%s", out)
			}
			if sends > 0 {
				suggestionLoads(t, path, out)
			}
		})
	}
}

// asking is a terminal whose user answers nothing; asked is called at the question.
type asking struct {
	mu    sync.Mutex
	seen  strings.Builder
	asked func()
}

func (a *asking) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen.Write(b)
	if strings.HasSuffix(a.seen.String(), "[y/N] ") {
		a.asked()
	}
	return len(b), nil
}

func TestAProbeThatIsInterruptedAtItsQuestionSaysThatNothingWasSent(t *testing.T) {
	world, path := probed(t, config.ModeObserve)
	ctx, interrupt := context.WithCancel(t.Context())
	in, _ := io.Pipe()
	defer func() { _ = in.Close() }()
	var out bytes.Buffer
	screen := &asking{asked: interrupt}
	code := Main(ctx, Process{
		Args: []string{"-c", path, "check", "--probe", "101", "--amount", "2.50"}, Stdin: in, Stdout: &out, Stderr: screen,
		LookupEnv: func(string) (string, bool) { return "", false }, Terminals: Terminals{Stdin: true},
	})
	if code != exitInterrupted || !strings.HasSuffix(out.String(), "\nNothing was sent.\n") || world.Account().Creates > 0 {
		t.Errorf("exit code %d; it said:\n%s", code, &out)
	}
	// It is sent in whatever mode, which whoever answers has to know.
	if want := "Charge 2.50 EUR to payment method 101, though mirror.mode is observe? [y/N] \npreauth-sync: interrupted\n"; screen.seen.String() != want {
		t.Errorf("it asked:\n%s", screen.seen.String())
	}
	if want := "\nmirror.mode is observe: the probe is sent all the same.\n"; !strings.Contains(out.String(), want) {
		t.Errorf("it said:\n%s", &out)
	}
}

func TestAPauseThatComesWhileAProbeAsksIsHeeded(t *testing.T) {
	world, path := probed(t, config.ModeFull)
	run := func(args ...string) {
		code := Main(t.Context(), Process{
			Args: append([]string{"-c", path}, args...), Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard,
			LookupEnv: func(string) (string, bool) { return "", false },
		})
		if code != 0 {
			t.Errorf("%s ends with %d", args[0], code)
		}
	}
	run("run", "--once")
	before := world.Account().Creates
	code, out := atTerminal(t, "y\n", func() { run("pause") }, "-c", path, "check", "--probe", "101", "--amount", "2.50")
	if code != exitFailed || !strings.Contains(out, "FAIL  writes ") || world.Account().Creates != before {
		t.Errorf("exit code %d; it said:\n%s", code, out)
	}
}

// gone is a terminal that is there until its user closes it.
type gone struct {
	bytes.Buffer

	closed atomic.Bool
}

func (g *gone) Write(b []byte) (int, error) {
	if g.closed.Load() {
		return 0, errFull
	}
	return g.Buffer.Write(b)
}

func TestAProbeWhoseTerminalGoesAwayIsGoneThroughWithAndTold(t *testing.T) {
	world, path := probed(t, config.ModeFull)
	out, errs := &gone{}, &bytes.Buffer{}
	world.Inject(simulator.Fault{Operation: simulator.OpCreate, Kind: simulator.KindDelay, Match: func(simulator.Request) bool {
		for _, each := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE} {
			if err := syscall.Kill(os.Getpid(), each); err != nil {
				t.Error(err)
			}
		}
		out.closed.Store(true)
		return true
	}})
	code := Main(t.Context(), Process{
		Args: []string{"-c", path, "check", "--probe", "101", "--amount", "2.50", "--yes"}, Stdin: strings.NewReader(""),
		Stdout: out, Stderr: errs, LookupEnv: func(string) (string, bool) { return "", false },
	})
	if account := world.Account(); code != exitFailed || account.Creates != 1 || account.Captures != 1 {
		t.Errorf("exit code %d, %+v", code, account)
	}
	if !strings.Contains(out.String(), "\nok    token          probe-") || strings.Contains(out.String(), "ok    create") {
		t.Errorf("stdout has:\n%s", out.String())
	}
	for _, want := range []string{"ok    create         identity 1,", "\nRefund by hand, ", "\npreauth-sync: " + errFull.Error() + "\n"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("stderr has no %q:\n%s", want, errs)
		}
	}
}

func TestAProbeThatCannotBeAnnouncedIsNotSent(t *testing.T) {
	world, path := probed(t, config.ModeFull)
	for _, args := range [][]string{{"--probe", "101", "--amount", "2.50", "--yes"}, nil} {
		errs := &bytes.Buffer{}
		code := Main(t.Context(), Process{
			Args: append([]string{"-c", path, "check"}, args...), Stdin: strings.NewReader(""),
			Stdout: full{}, Stderr: errs, LookupEnv: func(string) (string, bool) { return "", false },
		})
		if code != exitFailed || world.Account().Creates > 0 || !strings.HasSuffix(errs.String(), errFull.Error()+"\n") {
			t.Errorf("exit code %d, %d creates; it said:\n%s", code, world.Account().Creates, errs)
		}
	}
}

// suggestionLoads puts what a probe suggests into a configuration.
func suggestionLoads(t *testing.T, path, said string) {
	t.Helper()
	_, text, _ := strings.Cut(said, "\n\nv4:\n")
	text, _, _ = strings.Cut(text, "\n\n")
	var suggested, whole map[string]any
	content, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(content, &whole)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte("v4:\n"+text), &suggested); err != nil {
		t.Fatalf("%v in:\n%s", err, said)
	}
	keys := suggested["v4"].(map[string]any)
	if len(keys) != 5 {
		t.Errorf("%v", slices.Sorted(maps.Keys(keys)))
	}
	maps.Copy(whole["v4"].(map[string]any), keys)
	if content, err = yaml.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path, config.Options{}); err != nil {
		t.Error(err)
	}
}
