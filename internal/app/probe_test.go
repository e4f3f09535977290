package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// probing runs a test with a probe of 12.50 EUR on the method 101 of a world, which
// settles within a minute.
func probing(t *testing.T, change func(*simulator.Settings), test func(*testing.T, *simulator.World, *app.Probe), configure ...func(*config.V4)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		world := simulator.New(simulator.Options{Seed: 1})
		defer world.Close()
		if err := world.Configure(change); err != nil {
			t.Fatal(err)
		}
		if _, err := world.Populate(simulator.PopulateOptions{Customers: 1}); err != nil {
			t.Fatal(err)
		}
		server := world.Memory()
		defer func() { _ = server.Close() }()
		file := filepath.Join(t.TempDir(), "config.yaml")
		text := world.ConfigYAML(simulator.ConfigOptions{Address: server.URL(), StatePath: "state.db", Timeout: 10 * time.Second, Settle: time.Minute})
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(file, config.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range configure {
			each(&cfg.V4)
		}
		probe, err := app.NewProbe(cfg, app.ProbeOrder{PaymentMethodID: 101, Amount: "12.50"}, app.Outside{
			Tries: 1, Transport: httpx.TransportConfig{DialContext: server.DialContext, NoProxy: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = probe.Close() }()
		test(t, world, probe)
		if got := world.Account(); len(got.Violations) > 0 || got.DuplicateCreates > 0 {
			t.Errorf("%+v", got)
		}
	})
}

// suggested are a probe's suggestions, as values by key.
func suggested(p *app.Probe, found app.ProbeFindings) map[string]string {
	values := map[string]string{}
	for _, each := range p.Suggest(found) {
		values[each.Key] = each.Value
	}
	return values
}

func TestAProbeFindsOutWhatASinkDoes(t *testing.T) {
	keep := func(*simulator.Settings) {}
	for _, c := range []struct {
		name    string
		change  func(*simulator.Settings)
		carried app.Carried
		// after is when Search shows the hold by its token; negative is never, and then
		// within is when that was found out.
		after, within time.Duration
		captured      app.ProbeAnswer
		again         app.ProbeAnswer
		want          map[string]string
	}{
		{
			"tokens are kept", keep, app.CarriesUnseen, 0, 0, app.AnswerDone, app.AnswerRefused,
			map[string]string{"transaction_token": "id", "settle": "1m0s", "capture_empty_reply": "unknown", "already_captured_codes": "[2005]", "created_by_user_id": "10"},
		},
		{
			"holds are shown late", func(s *simulator.Settings) { s.TokenPolicy, s.TokenDelay = simulator.TokenLate, 40*time.Second },
			app.CarriesUnseen, 40 * time.Second, 0, app.AnswerDone, app.AnswerRefused,
			map[string]string{"transaction_token": "id", "settle": "2m"},
		},
		{
			"tokens are shown late", func(s *simulator.Settings) { s.TokenPolicy, s.TokenDelay = simulator.TokenLateToken, 20*time.Second },
			app.CarriesUnseen, 20 * time.Second, 0, app.AnswerDone, app.AnswerRefused,
			map[string]string{"transaction_token": "id", "settle": "1m0s"},
		},
		{
			"tokens are shown too late", func(s *simulator.Settings) { s.TokenPolicy, s.TokenDelay = simulator.TokenLateToken, time.Hour },
			app.CarriesNone, -1, time.Minute, app.AnswerDone, app.AnswerRefused,
			map[string]string{"transaction_token": "none", "settle": "1m0s"},
		},
		{
			"tokens are overwritten", func(s *simulator.Settings) { s.TokenPolicy = simulator.TokenOverwrite },
			app.CarriesOther, -1, 0, app.AnswerDone, app.AnswerRefused,
			map[string]string{"transaction_token": "none"},
		},
		{
			"tokens in other letters", func(s *simulator.Settings) { s.UpperCaseTokens = true },
			app.CarriesOwn, 0, 0, app.AnswerDone, app.AnswerRefused,
			map[string]string{"transaction_token": "id"},
		},
		{
			"captures are answered without a body", func(s *simulator.Settings) { s.CaptureReply = simulator.ReplyEmpty },
			app.CarriesUnseen, 0, 0, app.AnswerEmpty, app.AnswerRefused,
			map[string]string{"capture_empty_reply": "unknown"},
		},
		{
			"a second capture charges again", func(s *simulator.Settings) { s.AllowDoubleCapture = true },
			app.CarriesUnseen, 0, 0, app.AnswerDone, app.AnswerDone,
			map[string]string{"already_captured_codes": "[]"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			probing(t, c.change, func(t *testing.T, world *simulator.World, p *app.Probe) { //nolint:thelper // the test itself
				var found app.ProbeFindings
				var err error
				if found.Create, err = p.Create(t.Context()); err != nil || found.Create.Answer() != app.AnswerDone {
					t.Fatalf("%+v, %v", found.Create, err)
				}
				begun := time.Now()
				if found.Sight, err = p.Look(t.Context(), found.Create, func(time.Duration, time.Duration) {}); err != nil {
					t.Fatal(err)
				}
				if found.Sight.Carried != c.carried || (len(found.Sight.Found) > 0) != (c.after >= 0) {
					t.Errorf("%+v", found.Sight)
				}
				if after := found.Sight.After; c.after >= 0 && (after < c.after || after > c.after+5*time.Second) {
					t.Errorf("shown after %s, not %s", after, c.after)
				}
				if took := time.Since(begun); c.after < 0 && took != c.within {
					t.Errorf("found out after %s, not %s", took, c.within)
				}
				identity := found.Create.Hold.Identity
				if found.Capture, err = p.Capture(t.Context(), identity); err != nil || found.Capture.Answer() != c.captured {
					t.Errorf("%+v, %v", found.Capture, err)
				}
				again, err := p.Capture(t.Context(), identity)
				if err != nil || again.Answer() != c.again {
					t.Errorf("%+v, %v", again, err)
				}
				found.Again = &again
				got := suggested(p, found)
				for key, want := range c.want {
					if got[key] != want {
						t.Errorf("%s: %s, want %s", key, got[key], want)
					}
				}
				if holds := world.Holds(); len(holds) != 1 || holds[0].SentToken != p.Token || holds[0].PaymentMethodID != 101 || holds[0].Amount.String() != "12.5" {
					t.Errorf("%+v", holds)
				}
			})
		})
	}
}

// An engine's Ids are found in any letter case, unless Search minds it.
func TestATokenInAnotherLetterCaseIsKeptWhereSearchMindsNone(t *testing.T) {
	upper := func(s *simulator.Settings) { s.UpperCaseTokens = true }
	for _, lost := range []bool{false, true} {
		for _, minds := range []bool{false, true} {
			probing(t, upper, func(t *testing.T, world *simulator.World, p *app.Probe) { //nolint:thelper // the test itself
				if lost {
					world.Inject(simulator.Fault{Operation: simulator.OpCreate, Kind: simulator.KindStatus, After: true})
				}
				if minds {
					world.Inject(simulator.Fault{
						Operation: simulator.OpSearch, Kind: simulator.KindRewrite,
						Match:   func(r simulator.Request) bool { return strings.Contains(string(r.Body), p.Token) },
						Rewrite: func(status int, _ []byte) (int, []byte) { return status, []byte(`{"itemCount":0,"items":[]}`) },
					})
				}
				create, err := p.Create(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				sight, err := p.Look(t.Context(), create, func(time.Duration, time.Duration) {})
				if err != nil || sight.Respelled == minds || (len(sight.Found) == 1) == minds || sight.Err != nil {
					t.Errorf("a lost reply %t, minds %t: %+v, %v", lost, minds, sight, err)
				}
				want := map[bool]string{false: "id", true: "none"}[minds]
				if got := suggested(p, app.ProbeFindings{Create: create, Sight: sight}); got["transaction_token"] != want {
					t.Errorf("a lost reply %t, minds %t: %v", lost, minds, got)
				}
			})
		}
	}
}

func TestAProbeNeverSuggestsAShorterSettle(t *testing.T) {
	for _, c := range []struct {
		settle, after time.Duration
		want          string
	}{
		{5 * time.Minute, time.Millisecond, "5m0s"},
		{5 * time.Minute, 150 * time.Second, "5m0s"},
		{5 * time.Minute, 151 * time.Second, "6m"},
		{90 * time.Second, 40 * time.Second, "1m30s"},
		{time.Second, 900 * time.Millisecond, "1m"},
	} {
		p := &app.Probe{Sink: app.Sink{Config: config.V4{Settle: c.settle}}}
		sight := app.ProbeSight{Found: []preauth.Hold{{Identity: 1}}, After: c.after}
		if got := suggested(p, app.ProbeFindings{Sight: sight})["settle"]; got != c.want {
			t.Errorf("%s where it is %s: %s, want %s", c.after, c.settle, got, c.want)
		}
	}
}

// What the configuration makes of a reply is no news: a probe says what came.
func TestAProbeIsNotToldByTheConfigurationWhatAReplyMeans(t *testing.T) {
	probing(t, func(s *simulator.Settings) { s.CaptureReply = simulator.ReplyEmpty }, func(t *testing.T, _ *simulator.World, p *app.Probe) { //nolint:thelper // the test itself
		create, err := p.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []app.ProbeAnswer{app.AnswerEmpty, app.AnswerRefused} {
			capture, err := p.Capture(t.Context(), create.Hold.Identity)
			if err != nil || capture.Kind != preauth.OutcomeApplied || capture.Answer() != want {
				t.Errorf("%+v, %v", capture, err)
			}
		}
	}, func(v *config.V4) { v.CaptureEmptyReply, v.AlreadyCapturedCodes = config.EmptySuccess, []int64{2005} })
}

func TestAProbesTokenNeverLooksLikeAPreauthorizations(t *testing.T) {
	probing(t, func(*simulator.Settings) {}, func(t *testing.T, _ *simulator.World, p *app.Probe) { //nolint:thelper // the test itself
		if len(p.Token) != 36 || preauth.IsUUIDForm(p.Token) || !strings.HasPrefix(p.Token, "probe-") {
			t.Error(p.Token)
		}
	})
}

func TestAProbeSendsEachRequestOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault simulator.Fault
		want  app.ProbeAnswer
		holds int
	}{
		{"503 after the hold was made", simulator.Fault{Kind: simulator.KindStatus, After: true}, app.AnswerUnknown, 1},
		{"503", simulator.Fault{Kind: simulator.KindStatus}, app.AnswerUnknown, 0},
		{"no answer", simulator.Fault{Kind: simulator.KindHang}, app.AnswerUnknown, 0},
		{"an answer without a body", simulator.Fault{Kind: simulator.KindEmptyBody, After: true}, app.AnswerEmpty, 1},
		{"429", simulator.Fault{Kind: simulator.KindThrottle}, app.AnswerNone, 0},
		{"401", simulator.Fault{Kind: simulator.KindStatus, Status: 401}, app.AnswerNone, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			probing(t, func(*simulator.Settings) {}, func(t *testing.T, world *simulator.World, p *app.Probe) { //nolint:thelper // the test itself
				var arrived atomic.Int32
				c.fault.Operation, c.fault.Match = simulator.OpCreate, func(simulator.Request) bool { arrived.Add(1); return true }
				world.Inject(c.fault)
				create, err := p.Create(t.Context())
				if err != nil || create.Answer() != c.want || arrived.Load() != 1 || len(world.Holds()) != c.holds {
					t.Errorf("%+v, %v, %d requests, %d holds", create, err, arrived.Load(), len(world.Holds()))
				}
				sight, err := p.Look(t.Context(), create, func(time.Duration, time.Duration) {})
				if err != nil || len(sight.Found) != c.holds {
					t.Errorf("%+v, %v", sight, err)
				}
			})
		})
	}
}

func TestAnInterruptedProbeWaitsForWhatWasSentAndSendsNothingMore(t *testing.T) {
	probing(t, func(s *simulator.Settings) { s.TokenPolicy, s.TokenDelay = simulator.TokenLate, time.Hour }, func(t *testing.T, world *simulator.World, p *app.Probe) { //nolint:thelper // the test itself
		ctx, cancel := context.WithCancel(t.Context())
		world.Inject(simulator.Fault{Operation: simulator.OpCreate, Kind: simulator.KindDelay, Delay: 5 * time.Second, Match: func(simulator.Request) bool {
			cancel()
			return true
		}})
		create, err := p.Create(ctx)
		if err != nil || create.Answer() != app.AnswerDone {
			t.Fatalf("%+v, %v", create, err)
		}
		if _, err := p.Look(ctx, create, func(time.Duration, time.Duration) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("it looks on: %v", err)
		}
		if _, err := p.Capture(ctx, create.Hold.Identity); !errors.Is(err, context.Canceled) || world.Account().Captures > 0 {
			t.Errorf("it captures: %v", err)
		}
	})
}

func TestAProbeIsRefusedBeforeAnythingIsAsked(t *testing.T) {
	two := unreachable()
	two.Properties[0].Currency = "EUR"
	two.Properties = append(two.Properties, two.Properties[0])
	two.Properties[1].Name = "resort"
	mixed := *two
	mixed.Properties = append([]config.Property(nil), two.Properties...)
	mixed.Properties[1].Currency = "JPY"
	apart := *two
	apart.Properties = append([]config.Property(nil), two.Properties...)
	apart.Properties[1].OwnV4, apart.Properties[1].V4 = true, two.V4
	apart.Properties[1].V4.Address = "http://other.test"
	for _, c := range []struct {
		name             string
		cfg              *config.Config
		property, amount string
		// want is the sink's address and the amount, or what the error says.
		want, says string
		// concerns are the properties for which it is made.
		concerns string
	}{
		{"one sink and one currency", two, "", "1.5", "http://v4.test 1.50 EUR", "", "hotel resort"},
		{"one of those that share a sink", two, "resort", "1.5", "http://v4.test 1.50 EUR", "", "resort"},
		{"several currencies", &mixed, "", "1", "", "choose with --property", ""},
		{"one of several currencies", &mixed, "resort", "100", "http://v4.test 100 JPY", "", "resort"},
		{"several sinks", &apart, "", "1", "", "choose with --property", ""},
		{"one of several sinks", &apart, "resort", "1", "http://other.test 1.00 EUR", "", "resort"},
		{"the other one", &apart, "hotel", "1", "http://v4.test 1.00 EUR", "", "hotel"},
		{"nobody", two, "nobody", "1", "", `no property is called "nobody"`, ""},
		{"zero", two, "", "0", "", "not above zero", ""},
		{"negative", two, "", "-1", "", `"-1" is not written in digits`, ""},
		{"with a sign", two, "", "+1", "", `"+1" is not written in digits`, ""},
		{"with an exponent", two, "", "1e3", "", `"1e3" is not written in digits`, ""},
		{"a small one with an exponent", two, "", "100e-2", "", "is not written in digits", ""},
		{"no digit before the point", two, "", ".5", "", "is not written in digits", ""},
		{"no digit after the point", two, "", "5.", "", "is not written in digits", ""},
		{"two points", two, "", "1.0.0", "", "is not written in digits", ""},
		{"the most", two, "", "1000.00", "http://v4.test 1000.00 EUR", "", "hotel resort"},
		{"more than the most", two, "", "1000.01", "", "the amount 1000.01 EUR is above 1000.00 EUR, the most that a probe charges", ""},
		{"three decimals", two, "", "1.005", "", "more decimals than the currency's 2", ""},
		{"three decimals of which one is no more", two, "", "1.500", "http://v4.test 1.50 EUR", "", "hotel resort"},
		{"decimals of a currency without", &mixed, "resort", "1.5", "", "more decimals than the currency's 0", ""},
		{"no number", two, "", "ten", "", "is not written in digits", ""},
		{"nothing", two, "", "", "", "is not written in digits", ""},
		{"a comma", two, "", "1,5", "", "is not written in digits", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := app.NewProbe(c.cfg, app.ProbeOrder{Property: c.property, Amount: c.amount}, app.Outside{})
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close() }()
			if diff := cmp.Diff(c.want, p.Sink.Config.Address+" "+p.Amount.String()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.concerns, strings.Join(p.Properties, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
