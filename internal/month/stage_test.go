package month_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/httpx/memnet"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// cardField is where v4 keeps the Ids of the PMS's cards.
const cardField = "paymentMethodIdentifier"

// month is one under way.
type month struct {
	t       *testing.T
	script  *script
	world   *simulator.World
	gate    *gate
	network *memnet.Net
	folder  string
	logs    *logbook
	app     *app.App
	cfg     *config.Config
	mode    config.Mode

	// ticks are when cycles began, full the first of them that sends, starts when
	// processes began.
	ticks, starts []time.Time
	full          time.Time
	// slow are the cycles that had to wait for something.
	slow []span
	// failures counts the cycles that were none without a failure, by property.
	failures map[string]int
	// answers are what the operator has said last, by preauthorization.
	answers map[string]answer
	shadow  shadow
}

// span is a span of time.
type span struct{ from, to time.Time }

// open sets the stage, at the moment at which virtual time begins.
func open(t *testing.T, of size, seed uint64) *month {
	t.Helper()
	m := &month{
		t: t, script: write(of, seed, time.Now()), world: simulator.New(simulator.Options{Seed: seed, Bare: true, RequestLog: 1}),
		network: memnet.New(), folder: t.TempDir(), logs: newLogbook(), mode: config.ModeObserve,
		failures: map[string]int{}, answers: map[string]answer{},
	}
	m.gate = &gate{
		to: m.world.Handler(), seed: seed, losing: 0.004 * of.rare, plot: m.script.plot,
		tokens: map[string]string{}, turns: map[string]byte{},
	}
	for _, name := range []string{groupTenant, apartTenant} {
		_, err := m.world.AddTenant(simulator.Tenant{Name: name})
		m.must(err)
	}
	for _, h := range m.script.hotels {
		_, err := m.world.AddEnterprise(simulator.Enterprise{Name: h.name, Currency: h.currency, Tenant: h.tenant})
		m.must(err)
	}
	stop := m.network.Serve(m.gate)
	t.Cleanup(func() {
		m.stop()
		stop()
		m.world.Close()
	})
	return m
}

func (m *month) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *month) path() string { return filepath.Join(m.folder, "state.db") }

// configure gives the configuration as it is to be now.
func (m *month) configure() *config.Config {
	m.t.Helper()
	for _, e := range m.world.Enterprises() {
		m.gate.belongs(e.AccessToken, e.Name)
	}
	file := filepath.Join(m.folder, "config.yaml")
	text := m.world.ConfigYAML(simulator.ConfigOptions{
		ConnectorAddress: pmsAddress, V4Address: groupAddress, StatePath: m.path(), ReservationsWithin: window,
		Mode: string(m.mode), Lookup: cardField, Schedule: "@every " + m.script.every.String(),
	})
	m.must(os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(file, config.Options{})
	m.must(err)
	for i := range cfg.Properties {
		p := &cfg.Properties[i]
		if m.script.hotels[i].updates {
			p.Customers.Discover.UpdatedWithin = updatedWindow
		}
		if p.OwnV4 {
			p.V4.Address = apartAddress + "/ResourceServer"
			p.V4.Auth.LoginAddress = apartAddress + "/AuthorizationServer/api/v4/Access/Login"
		}
	}
	return cfg
}

func (m *month) outside() app.Outside {
	return app.Outside{
		Logs: m.logs, Clock: time.Now, Random: func() float64 { return 0.5 },
		Transport: httpx.TransportConfig{DialContext: m.network.DialContext, NoProxy: true},
	}
}

// start begins a process.
func (m *month) start() {
	m.t.Helper()
	m.cfg = m.configure()
	var err error
	m.app, err = app.Open(m.cfg, m.outside())
	m.must(err)
	m.starts = append(m.starts, time.Now())
}

func (m *month) stop() {
	m.t.Helper()
	if m.app == nil {
		return
	}
	if err := m.app.Close(); err != nil {
		m.t.Error(err)
	}
	m.app = nil
}

// reload puts the configuration in force that the world calls for now.
func (m *month) reload() {
	m.t.Helper()
	cfg := m.configure()
	m.must(m.app.Engine.Between(m.t.Context(), func() error { return m.app.Reload(m.t.Context(), cfg) }))
	m.cfg = cfg
}

// play plays the month: what happens in the hotels, and the cycles beside it.
func (m *month) play() {
	m.t.Helper()
	happened := m.past()
	var living sync.WaitGroup
	defer living.Wait()
	living.Go(func() { m.live(m.script.events[happened:]) })
	m.start()
	for tick := m.script.began; !tick.After(m.closes()); tick = tick.Add(m.script.every) {
		if tick.Before(time.Now()) && len(m.ticks) > 0 {
			continue // the cycle before took its turn
		}
		m.until(tick)
		m.cycle()
		m.beside(tick)
	}
	m.stop()
}

// closes is when the last cycle begins: some after the month's last event, so that what
// was believed for an hour has been asked for again, and the operator has had a last turn.
func (m *month) closes() time.Time { return m.script.ends.Add(4*time.Hour + 2*m.script.every) }

// past lets everything happen that was before the month, and says how much that was.
func (m *month) past() int {
	for i, e := range m.script.events {
		if !e.at.Before(m.script.began) {
			return i
		}
		m.must(e.do(m.world))
	}
	return len(m.script.events)
}

// live lets the rest happen in its time.
func (m *month) live(events []event) {
	for _, e := range events {
		m.until(e.at)
		if err := e.do(m.world); err != nil {
			m.t.Errorf("at %s: %v", e.at, err)
		}
	}
}

func (m *month) until(at time.Time) {
	if wait := time.Until(at); wait > 0 {
		<-time.After(wait)
	}
}

func (m *month) cycle() {
	m.t.Helper()
	tick := time.Now()
	m.ticks = append(m.ticks, tick)
	result, err := m.app.Engine.Cycle(m.t.Context(), false)
	m.must(err)
	if now := time.Now(); now.After(tick) {
		m.slow = append(m.slow, span{tick, now})
	}
	for _, p := range result.Properties {
		if p.Err != nil {
			m.failures[p.Name]++
			m.expected(p)
		}
	}
}

// expected makes sure that a property fails only where something goes wrong.
func (m *month) expected(p engine.PropertyResult) {
	m.t.Helper()
	now := time.Now()
	if !m.script.plot.disturbs(m.tenantOf(p.Name), p.Name, m.ticks[len(m.ticks)-1].Add(-m.script.every), now) {
		m.t.Errorf("%s failed at %s, though nothing was wrong: %v", p.Name, now, p.Err)
	}
}

func (m *month) tenantOf(property string) string {
	for _, h := range m.script.hotels {
		if h.name == property {
			return h.tenant
		}
	}
	return ""
}

// beside is what people do between two cycles: they end the shadow after a day, restart
// the program each night and answer what waits for them, and replace an access token
// that was changed.
func (m *month) beside(tick time.Time) {
	m.t.Helper()
	next := tick.Add(m.script.every)
	since := tick.Sub(m.script.began)
	switch hour := since % day; {
	case m.mode == config.ModeObserve && !next.Before(m.script.began.Add(day)):
		m.endShadow()
		m.full = next
	case m.mode == config.ModeFull && (hour < 3*time.Hour && hour+m.script.every >= 3*time.Hour):
		m.until(time.Now().Add(2 * time.Minute))
		m.stop()
		m.answer()
		m.start()
		m.t.Logf("night %d", since/day)
	case !m.script.plot.reloads.IsZero() && !tick.Before(m.script.plot.reloads):
		m.script.plot.reloads = time.Time{}
		m.reload()
	}
}
