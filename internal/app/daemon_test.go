package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestCyclesBeginAtOnceAndAtEveryTickAndMissedTicksMakeOne(t *testing.T) {
	inRig(t, func(r *rig) {
		id := r.hold("hotel-1")
		r.pass(2 * time.Minute)
		r.begin(r.config())
		r.pass(10 * time.Minute) // 00:12
		r.expect(plan.Created, id)
		r.must(r.world.SetState(id, simulator.Charged))
		r.world.Inject(simulator.Fault{ // the cycle of 00:15 takes until after 00:25
			API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindThrottle, RetryAfter: "115", Delay: 20 * time.Second, Times: 5,
		})
		r.pass(14 * time.Minute) // 00:26
		r.expect(plan.Created, id)
		r.pass(5 * time.Minute) // 00:31
		r.expect(plan.Captured, id)
		want := []string{"00:02:00", "00:05:00", "00:10:00", "00:15:00", "00:26:15", "00:30:00"}
		if diff := cmp.Diff(want, r.cycles("hotel-1")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAHangupPutsAnotherConfigurationInForce(t *testing.T) {
	inRig(t, func(r *rig) {
		first := r.hold("hotel-1")
		r.begin(r.config())
		r.pass(time.Minute)
		second, err := r.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
		r.must(err)
		added := r.hold(second.Name)
		r.hangUp(func() (*config.Config, error) { return r.scheduled("@every 30s"), nil })
		r.told(telemetry.ConfigReloaded, 1)
		r.pass(time.Minute)
		r.expect(plan.Created, first, added)
		if diff := cmp.Diff([]string{"00:01:00", "00:01:30", "00:02:00"}, r.cycles(second.Name)); diff != "" {
			t.Errorf("the cycles of the new property (-want +got):\n%s", diff)
		}
	})
}

func TestAHangupThatIsRefusedLeavesEverythingAsItWas(t *testing.T) {
	cases := map[string]struct {
		load func(r *rig) (*config.Config, error)
		says string
	}{
		"a configuration that cannot be read": {
			func(*rig) (*config.Config, error) { return nil, errors.New("line 3 is wrong") }, "line 3 is wrong",
		},
		"another state file": {
			func(r *rig) (*config.Config, error) {
				return r.config(func(cfg *config.Config) { cfg.State.Path += ".other" }), nil
			}, "state.path has changed",
		},
		"another PMS": {
			func(r *rig) (*config.Config, error) {
				return r.config(func(cfg *config.Config) { cfg.Connector.Address = "http://127.0.0.1:9" }), nil
			}, "the addresses have changed",
		},
		"another v4": {
			func(r *rig) (*config.Config, error) {
				return r.config(func(cfg *config.Config) { cfg.V4.Address = "http://127.0.0.1:9" }), nil
			}, "the addresses have changed",
		},
		"a client that cannot be built": {
			func(r *rig) (*config.Config, error) {
				return r.config(func(cfg *config.Config) { cfg.V4.Auth = config.Auth{} }), nil
			}, "v4 auth",
		},
		"an access token that the PMS refuses": {
			func(r *rig) (*config.Config, error) {
				return r.config(func(cfg *config.Config) { cfg.Properties[0].AccessToken = httpx.NewSecret("nobody's") }), nil
			}, "property hotel-1",
		},
		"a password that v4 refuses": {
			func(r *rig) (*config.Config, error) {
				return r.config(func(cfg *config.Config) { cfg.V4.Auth.Password = httpx.NewSecret("wrong") }), nil
			}, "v4 refused the login",
		},
		"another enterprise behind a name": {
			func(r *rig) (*config.Config, error) {
				other, err := r.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2"})
				r.hold(other.Name) // a property needs customers
				return r.config(func(cfg *config.Config) {
					cfg.Properties = cfg.Properties[:1]
					cfg.Properties[0].AccessToken = httpx.NewSecret(other.AccessToken)
				}), err
			}, "check the token, or accept the change",
		},
		"one enterprise behind two names": {
			func(r *rig) (*config.Config, error) {
				return r.config(func(cfg *config.Config) {
					again := cfg.Properties[0]
					again.Name = "again"
					cfg.Properties = append(cfg.Properties, again)
				}), nil
			}, "hotel-1 and again are both enterprise",
		},
		"a defect of this program": {
			func(*rig) (*config.Config, error) { panic("a defect") }, "a panic ended it",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(r *rig) {
				id := r.hold("hotel-1")
				r.begin(r.config())
				r.pass(time.Minute)
				r.hangUp(func() (*config.Config, error) { return c.load(r) })
				told := r.events(telemetry.ConfigRefused)
				if len(told) != 1 || !strings.Contains(told[0]["error"].(string), c.says) {
					t.Errorf("the log tells %v", told)
				}
				r.told(telemetry.ConfigReloaded, 0)
				r.must(r.world.SetState(id, simulator.Charged))
				r.pass(5 * time.Minute)
				r.expect(plan.Captured, id)
				if diff := cmp.Diff([]string{"00:00:00", "00:05:00"}, r.cycles("hotel-1")); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				r.hangUp(func() (*config.Config, error) { return r.config(), nil })
				r.told(telemetry.ConfigReloaded, 1) // and it can be mended
			})
		})
	}
}

func TestSecretsThatComeWithAHangupAreKeptOutOfTheLog(t *testing.T) {
	inRig(t, func(r *rig) {
		id := r.hold("hotel-1")
		r.begin(r.config())
		r.pass(time.Minute)
		const password = "new-canary-password"
		r.must(r.world.SetPassword("tenant-1", password))
		token, err := r.world.RotateAccessToken("hotel-1")
		r.must(err)
		r.hangUp(func() (*config.Config, error) {
			return r.config(func(cfg *config.Config) {
				cfg.Log.Level = "debug"
				// Only the logger can know that this is a secret.
				cfg.Properties[0].Customers.File = r.folder + "/" + token + "/" + password
			}), nil
		})
		r.world.RevokeTokens()
		r.must(r.world.SetState(id, simulator.Charged))
		r.pass(10 * time.Minute)
		r.expect(plan.Captured, id)
		text := r.logs.String()
		if !strings.Contains(text, "the customers file cannot be read") {
			t.Error("nothing was told that could have shown them")
		}
		if strings.Contains(text, token) || strings.Contains(text, password) {
			t.Error("a secret that came with the reload is in the log")
		}
	})
}

func TestACycleThatPanicsTwiceIsFollowedByOneThatRuns(t *testing.T) {
	inRig(t, func(r *rig) {
		id := r.hold("hotel-1")
		var named atomic.Int32
		r.begin(r.config(), func(o *Outside) {
			o.NewID = func() string {
				if n := named.Add(1); n <= 2 {
					panic("a defect")
				}
				return "a cycle"
			}
		})
		r.pass(time.Minute)
		r.notReady("a defect of this program ended the cycle")
		r.pass(5 * time.Minute)
		r.notReady("a defect of this program ended the cycle")
		r.told(telemetry.CyclePanicked, 2)
		r.pass(5 * time.Minute)
		r.ready()
		r.expect(plan.Created, id)
	})
}

// ask asks the daemon for a page.
func (r *rig) ask(path string) (status int, body string) {
	r.t.Helper()
	answer := httptest.NewRecorder()
	r.health().ServeHTTP(answer, httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, path, nil))
	return answer.Code, answer.Body.String()
}

func (r *rig) ready() {
	r.t.Helper()
	if status, body := r.ask("/readyz"); status != http.StatusOK {
		r.t.Errorf("readyz is %d: %s", status, body)
	}
}

func (r *rig) notReady(because string) {
	r.t.Helper()
	if status, body := r.ask("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, because) {
		r.t.Errorf("readyz is %d, want 503 because %q: %s", status, because, body)
	}
}

func TestReadinessOverALife(t *testing.T) {
	inRig(t, func(r *rig) {
		id := r.hold("hotel-1")
		slow := r.world.Inject(simulator.Fault{API: simulator.APIConnector, Kind: simulator.KindDelay, Delay: 20 * time.Second})
		r.begin(r.config())
		r.pass(10 * time.Second)
		r.notReady("the first cycle is not over yet")
		r.pass(time.Minute)
		r.ready()
		slow()
		// v4 takes no login: the sink is of no use, until it is.
		broken := r.world.Inject(simulator.Fault{API: simulator.APIV4, Kind: simulator.KindStatus, Status: 401})
		r.must(r.world.SetState(id, simulator.Charged))
		r.pass(5 * time.Minute)
		r.notReady("the sink could not be used")
		broken()
		r.pass(5 * time.Minute)
		r.ready()
		r.expect(plan.Captured, id)
		// The PMS hangs: nothing is read, and after two ticks the cycle is missed.
		hangs := r.world.Inject(simulator.Fault{API: simulator.APIConnector, Kind: simulator.KindHang})
		for range 3 {
			r.pass(4 * time.Minute)
			if status, body := r.ask("/healthz"); status != http.StatusOK {
				t.Errorf("healthz is %d while it waits for the PMS: %s", status, body)
			}
		}
		r.notReady("no property could be read")
		hangs()
		r.pass(10 * time.Minute)
		r.ready()
	})
}

func TestADaemonThatIsStoppedInAWriteWaitsForItsAnswer(t *testing.T) {
	inRig(t, func(r *rig) {
		ids := []string{r.hold("hotel-1"), r.hold("hotel-1")}
		r.world.Inject(simulator.Fault{API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindDelay, Delay: 20 * time.Second})
		r.begin(r.config())
		r.pass(5 * time.Second)
		stopped := time.Now()
		r.must(r.end())
		if took := time.Since(stopped); took != 15*time.Second {
			t.Errorf("it took %s to stop", took)
		}
		r.told(telemetry.DaemonStopping, 1)
		creates := 0
		for _, id := range ids {
			if r.phase(id) == plan.Created {
				creates++
			}
		}
		if n := r.world.Account().Creates; n != 1 || creates != 1 { // the proof is open: one goes at a time
			t.Errorf("v4 made %d creates, and the state file knows of %d", n, creates)
		}
		r.begin(r.config())
		r.pass(5 * time.Minute)
		r.expect(plan.Created, ids...)
	})
}

func TestADaemonEndsOnceItsStateFileCannotBeTrusted(t *testing.T) {
	inRig(t, func(r *rig) {
		first := r.hold("hotel-1")
		cfg := r.config()
		r.begin(cfg)
		r.pass(time.Minute)
		r.expect(plan.Created, first)
		r.must(os.Rename(r.path(), r.path()+".aside"))
		r.must(r.world.SetState(first, simulator.Charged))
		if err := r.wait(); !errors.Is(err, engine.ErrLedger) {
			t.Errorf("it ended with %v", err)
		}
		if n := r.world.Account().Captures; n != 0 {
			t.Errorf("%d captures", n)
		}
		r.must(os.Rename(r.path()+".aside", r.path()))
	})
}

func TestADaemonWhosePropertiesAreOthersThanTheFiles(t *testing.T) {
	two := func(r *rig) *config.Config {
		for _, name := range []string{"hotel-2", "hotel-3", "hotel-4"} {
			_, err := r.world.AddEnterprise(simulator.Enterprise{Name: name})
			r.must(err)
			r.hold(name)
		}
		r.hold("hotel-1")
		cfg := r.config()
		cfg.Properties = cfg.Properties[:2]
		r.begin(cfg)
		r.pass(time.Minute)
		r.must(r.end())
		return r.config()
	}
	// swapped gives the two properties, the first ones of them with tokens of others.
	swapped := func(all *config.Config, n int) *config.Config {
		cfg := *all
		cfg.Properties = append([]config.Property{}, all.Properties[:2]...)
		for i := range n {
			cfg.Properties[i].AccessToken = all.Properties[2+i].AccessToken
		}
		return &cfg
	}
	t.Run("all of them: it ends", func(t *testing.T) {
		inRig(t, func(r *rig) {
			r.begin(swapped(two(r), 2))
			_, refused := errors.AsType[*engine.BindingError](r.wait())
			if n := r.world.Account().Creates; !refused || n != 2 {
				t.Errorf("%t, and %d creates", refused, n)
			}
		})
	})
	t.Run("one of them: the other goes on, and SIGHUP mends it", func(t *testing.T) {
		inRig(t, func(r *rig) {
			all := two(r)
			fresh := r.hold("hotel-2")
			again := r.hold("hotel-1")
			mended := r.config()
			mended.Properties = mended.Properties[:2]
			all.Properties[1] = mended.Properties[1]
			r.begin(swapped(all, 1))
			r.pass(time.Minute)
			r.expect(plan.Created, fresh)
			r.expect(plan.None, again)
			r.notReady("check the token")
			r.hangUp(func() (*config.Config, error) { return mended, nil })
			r.pass(5 * time.Minute)
			r.expect(plan.Created, again)
			r.ready()
		})
	})
}
