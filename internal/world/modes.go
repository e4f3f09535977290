package main

import (
	"context"
	"strconv"

	"github.com/preauth-sync/preauth-sync/sync/engine"
)

// mode is one that an operator may choose.
func (s scenario) mode(t throw) engine.Mode {
	if !s.modes {
		return engine.ModeFull
	}
	return pick(t, engine.ModeFull, engine.ModeFull, engine.ModeCaptureOnly, engine.ModeObserve)
}

// misled is what may be wrong with where a property with a v4 of its own writes to.
type misled uint8

const (
	wellLed misled = iota
	// elsewhere: its v4 has another address, where another system is.
	elsewhere
	// shared: it is to write to the v4 that others share.
	shared
)

// mislead makes such a mistake, if it can be noticed: the ledger knows by now where
// the property writes to.
func (w *world) mislead(t throw) {
	w.settings.misled = wellLed
	p := w.properties[len(w.properties)-1]
	if p.tenant.own == nil || w.loss != keptSafe || !t.chance(0.3) {
		return
	}
	ctx := context.Background()
	doc, _, _ := w.disk.file.store.Property(ctx, p.enterprise)     // memory does not fail
	sink, _, _ := w.disk.file.store.Sink(ctx, p.tenant.inLedger()) // memory does not fail
	switch {
	case doc.Sink != p.tenant.inLedger() || sink.Address == "":
	case w.tenants[0].own != nil:
		w.settings.misled = elsewhere
	default:
		w.settings.misled = pick(t, elsewhere, shared)
	}
}

// misled tells whether the configuration leads a property to where it must not write.
func (p *property) misled() bool {
	return p.w.settings.misled != wellLed && p == p.w.properties[len(p.w.properties)-1]
}

// reach is what the configuration says of v4.
func (k *worker) reach() (all []engine.SinkOptions) {
	w := k.w
	for _, t := range w.tenants {
		reached := t
		switch misled := t.own != nil && t.own.misled(); {
		case misled && w.settings.misled == shared:
			continue
		case misled:
			reached = w.elsewhere
		}
		all = append(all, engine.SinkOptions{
			Name: t.configured(), Own: t.own != nil, Address: reached.name, Sink: sink{k, reached}, Timeout: w.timeout, Settle: w.settle,
			Concurrency: w.concurrency, Tokens: w.tokens, CreatedByUserID: w.user,
		})
	}
	return all
}

// configured is what the configuration calls a tenant.
func (t *tenant) configured() string {
	if t.own != nil {
		return t.own.name
	}
	return engine.DefaultSink
}

// inLedger is what the ledger calls it.
func (t *tenant) inLedger() string {
	if t.own != nil {
		return string(t.own.enterprise)
	}
	return engine.DefaultSink
}

// interlude is a calm while in which less is sent than everything, at the end of which
// what is done or reported must be all there is to do.
func (w *world) interlude(t throw) {
	mode := pick(t, engine.ModeObserve, engine.ModeCaptureOnly)
	w.configure(func() { w.settings.mode = mode })
	cycles := calmCycles
	if mode == engine.ModeObserve {
		cycles = 2
	}
	w.repeat(string(mode), cycles)
	w.locked(func() {
		w.oracle.tally["interludes of "+string(mode)]++
		if mode == engine.ModeObserve {
			w.oracle.judgeReport()
		} else {
			w.oracle.judgeAll(w.properties)
		}
	})
	w.configure(func() { w.settings.mode = engine.ModeFull })
}

// half is a calm while in which one v4 is out of order: what belongs to the other
// must come in step all the same.
func (w *world) half() {
	first, rest := w.properties[0], w.properties[1:]
	w.locked(func() {
		w.say("world", "is calm but for %s", first.tenant.name)
		first.tenant.out = true
		for _, p := range rest {
			p.calm()
		}
	})
	w.repeat("half", calmCycles)
	w.locked(func() {
		w.oracle.tally["halves"]++
		w.oracle.judgeAll(rest)
		first.tenant.out = false
	})
}

// configure changes the settings, and has the worker go on with them.
func (w *world) configure(change func()) {
	w.locked(func() {
		change()
		w.say("operator", "reconfigures: %+v", w.settings)
	})
	if err := w.worker.reconfigure(); err != nil {
		panic(err) // the options are the world's own
	}
}

// repeat runs cycles while nothing goes wrong, each after what was sent before it
// must show.
func (w *world) repeat(name string, count int) {
	for n := range count {
		w.resumeAll()
		w.sleep(w.timeout + 2*w.settle)
		w.run(w.throw("calm", name), cycleOrder(name+" "+strconv.Itoa(n), false), func() error { return nil })
	}
}
