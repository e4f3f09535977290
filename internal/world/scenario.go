package main

import (
	"time"

	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// loss says what may become of the state file.
type loss uint8

const (
	// keptSafe: only what a crash or a failing disk does to it.
	keptSafe loss = iota
	// losable: it is deleted, or an older copy takes its place, and that shows: by the
	// generation beside it, by the mark of a copy, by the operator's word.
	losable
	// silently: an older copy takes its place together with the generation of its day,
	// and only the tokens on the sink can tell.
	silently
)

// scenario is what a seed decides once, before anything happens.
type scenario struct {
	properties, sinks  int
	customers, entries int
	// crowd is how many guests without preauthorizations come with each customer: more
	// than one poll can ask for.
	crowd int
	steps int

	timeout, settle      time.Duration
	concurrency, pollers int
	tokens               engine.Tokens
	user                 int64
	autopay              bool
	// looksUp lets v4 tell which payment method a card is, where the configuration does not.
	looksUp bool

	// discover lets guests be found; long walks have more pages than are read each time.
	discover, long bool
	// within is how long guests are looked for after something about them was new, lag
	// how late the PMS shows that.
	within, lag time.Duration

	// modes lets the operator change between what is sent and what is not.
	modes bool
	// warnAfter is mirror.hold_warn_after.
	warnAfter time.Duration

	// keeps tells whether v4 keeps the tokens it is given, late by how long it may show
	// a hold, or its token, after its effect.
	keeps bool
	late  time.Duration
	// refusesSecond tells whether the gateway refuses to capture a hold twice.
	refusesSecond bool

	retry         bool
	mirrorFirst   bool
	newCustomers  plan.ChargedHistory
	fuse          int
	faults, kills float64
	loss          loss
	// hostile lets effects come later than the contract's limit: time-out + twice
	// settle. Nothing can then be promised of what takes effect.
	hostile bool
}

func (d *dice) scenario() scenario {
	t := d.throw("scenario", "")
	s := scenario{
		properties: 1, sinks: 1,
		customers: 1 + t.IntN(4), entries: 2 + t.IntN(8), steps: 4 + t.IntN(10),
		timeout: t.between(2*time.Second, 40*time.Second), settle: t.between(5*time.Second, 6*time.Minute),
		concurrency: 1 + t.IntN(3), pollers: 1 + t.IntN(2), tokens: engine.TokenID,
		user: pick(t, int64(0), 77), autopay: t.chance(0.2), looksUp: t.chance(0.3), modes: t.chance(0.3),
		discover: t.chance(0.25), long: t.chance(0.6), within: t.between(24*time.Hour, 20*24*time.Hour), lag: t.between(0, 10*time.Minute),
		keeps: t.chance(0.85), refusesSecond: t.chance(0.5),
		mirrorFirst: t.chance(0.15), newCustomers: pick(t, plan.ParkHistory, plan.BaselineHistory, plan.MirrorHistory),
		fuse: pick(t, 0, 1000, 1000, 6), faults: pick(t, 0, 0.05, 0.15, 0.3, 0.6), kills: pick(t, 0, 0.01, 0.03, 0.1),
	}
	if t.chance(0.3) {
		s.properties, s.sinks = 2, 1+t.IntN(2)
	}
	if t.chance(0.4) {
		s.warnAfter = t.between(time.Minute, 30*time.Hour)
	}
	if t.chance(0.15) {
		s.tokens = pick(t, engine.TokenCode, engine.TokenNone)
	}
	if t.chance(0.5) {
		s.late = s.settle / 2
	}
	s.retry = s.refusesSecond && t.chance(0.7)
	s.hostile = t.chance(0.02)
	if t.chance(0.01) {
		s.crowd = 700
	}
	switch n := t.IntN(10); {
	case n < 3:
		s.loss = losable
	case n == 3 && s.proves():
		s.loss = silently
		// A sender that finds out waits, holding a lock, for those that are sending; virtual
		// time stands still while a lock is waited for. So there is only one sender here.
		s.properties, s.sinks, s.concurrency, s.pollers = 1, 1, 1, 1
		s.fuse = max(s.fuse, 6)
	}
	return s
}

// proves tells whether the sink's tokens can show what is ours.
func (s scenario) proves() bool { return s.keeps && s.tokens == engine.TokenID }

// latest is how long after its sending a write must have taken effect and show.
func (s scenario) latest() time.Duration {
	switch {
	case s.hostile:
		return 3*s.timeout + 6*s.settle
	case s.loss != keptSafe:
		return s.timeout + s.settle - time.Second // a new file waits for others only this long
	default:
		return s.timeout + 2*s.settle - time.Second
	}
}
