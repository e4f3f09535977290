package app

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const (
	// stallLimit is the silence after which /healthz calls the process hung. It is
	// above the longest that anything is silent on purpose: a Retry-After that is
	// obeyed, which is two minutes at most.
	stallLimit = 5 * time.Minute
	// lateMargin is what a cycle may come late without being missed.
	lateMargin = time.Minute
	// shutLimit is how long scrapes under way are waited for.
	shutLimit = 2 * time.Second
)

// lastCycle is what readiness goes by.
type lastCycle struct {
	finished time.Time
	// missed is when the next cycle should have been over; zero means never.
	missed time.Time
	sinks  []engine.SinkResult
	// source is why no property could be read, if so.
	source error
	err    error
}

// serve answers metrics and health on an address; "" is off, and gives nil.
func (s *service) serve(ctx context.Context, address string) (*telemetry.Server, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // no server is what was asked for
	}
	listener, err := telemetry.Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	return telemetry.Serve(listener, s.health()), nil
}

func (s *service) health() http.Handler {
	return telemetry.Health{
		Pulse: s.pulse, Stall: stallLimit, Ready: s.problems, Notes: s.notes, Metrics: s.metrics.Handler(),
	}.Handler()
}

// shut ends a server, if there is one.
func shut(ctx context.Context, server *telemetry.Server) error {
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutLimit)
	defer cancel()
	return server.Close(ctx)
}

// account tells everybody who asks how a cycle went.
func (s *service) account(began time.Time, result engine.Result, err error) {
	now := s.Outside.Clock()
	last := lastCycle{finished: now, sinks: result.Sinks, source: allUnread(result.Properties), err: err}
	times := s.app.Config.Schedule
	if second := times.Next(times.Next(now)); !second.IsZero() {
		last.missed = second.Add(max(0, now.Sub(began)) + lateMargin)
	}
	s.mu.Lock()
	s.last = last
	s.mu.Unlock()
	var sum plan.Counts
	for _, p := range result.Properties {
		sum.Polled += p.Report.Counts.Polled
		sum.Created += p.Report.Counts.Created
		sum.Captured += p.Report.Counts.Captured
		sum.Failed += p.Report.Counts.Failed
		if p.Name != "" {
			s.metrics.Cycle(p.Name, p.Report.Finished.Sub(p.Report.Started), p.Report.OK, p.Report.Finished)
		}
	}
	s.notifier.Status(fmt.Sprintf("last cycle ended %s: %d polled, %d created, %d captured, %d failed; next %s",
		now.UTC().Format(time.RFC3339), sum.Polled, sum.Created, sum.Captured, sum.Failed,
		s.runner.Next().UTC().Format(time.RFC3339)))
}

// allUnread gives the first error where nothing could be read of any property.
func allUnread(all []engine.PropertyResult) (first error) {
	for _, p := range all {
		switch {
		case p.Name == "":
		case !p.Unread:
			return nil
		case first == nil:
			first = p.Err
		}
	}
	return first
}

// problems is what keeps the daemon from its work, for /readyz.
func (s *service) problems() []string {
	s.mu.Lock()
	last, secrets := s.last, s.desk.secrets()
	s.mu.Unlock()
	if last.finished.IsZero() {
		return []string{"the first cycle is not over yet"}
	}
	var found []string
	if now := s.Outside.Clock(); !last.missed.IsZero() && now.After(last.missed) {
		found = append(found, fmt.Sprintf("the last cycle ended at %s, and the next one should have by %s",
			last.finished.UTC().Format(time.RFC3339), last.missed.UTC().Format(time.RFC3339)))
	}
	unusable, _ := sinkTrouble(last.sinks)
	found = append(found, unusable...)
	if last.source != nil {
		found = append(found, fmt.Sprintf("no property could be read in the last cycle, the first because of: %v", last.source))
	}
	if last.err != nil {
		found = append(found, fmt.Sprintf("the last cycle broke off: %v", last.err))
	}
	return redacted(found, secrets)
}

// sinkTrouble says which sinks could not be used, by their properties where there are
// several. That is a problem when it is all of them, else a note.
func sinkTrouble(sinks []engine.SinkResult) (problems, notes []string) {
	var failed []string
	for _, sink := range sinks {
		which := "the sink"
		switch {
		case sink.Err == nil:
			continue
		case len(sinks) > 1 && sink.Name == engine.DefaultSink:
			which = "the sink that properties share"
		case len(sinks) > 1:
			which = "the sink of property " + sink.Name
		}
		failed = append(failed, fmt.Sprintf("%s could not be used in the last cycle: %v", which, sink.Err))
	}
	if len(failed) == len(sinks) {
		return failed, nil
	}
	return nil, failed
}

// notes are what keeps the daemon from sending everything and yet from little of its
// work, for /readyz: orders, and one sink of several.
func (s *service) notes(ctx context.Context) []string {
	s.mu.Lock()
	desk, sinks := s.desk, s.last.sinks
	s.mu.Unlock()
	var found []string
	switch desk.Config.Mirror.Mode {
	case config.ModeObserve:
		found = append(found, "mirror.mode is observe: nothing is sent")
	case config.ModeCaptureOnly:
		found = append(found, "mirror.mode is capture_only: nothing is created")
	case config.ModeFull:
	}
	all, err := desk.paused(ctx)
	if err != nil {
		found = append(found, fmt.Sprintf("whether writes are paused could not be read: %v", err))
	}
	for _, pause := range all {
		of := "all writes"
		if pause.Property != "" {
			of = "writes of " + pause.Property
		}
		found = append(found, fmt.Sprintf("%s are paused since %s", of, pause.Since.UTC().Format(time.RFC3339)))
	}
	_, unusable := sinkTrouble(sinks)
	return redacted(append(found, unusable...), desk.secrets())
}

func redacted(texts []string, secrets []httpx.Secret) []string {
	for i := range texts {
		texts[i] = httpx.Redact(texts[i], secrets...)
	}
	return texts
}

// holdings is what the ledger holds for the configured properties, for a scrape.
func (s *service) holdings(ctx context.Context) ([]telemetry.Holding, error) {
	known, err := s.ledger.Properties(ctx)
	if err != nil {
		return nil, err
	}
	tallies, err := s.ledger.Tallies(ctx)
	if err != nil {
		return nil, err
	}
	pauses, err := s.ledger.Pauses(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	mode := s.desk.Config.Mirror.Mode
	s.mu.Unlock()
	var all []telemetry.Holding
	for _, name := range s.metrics.Known() {
		holding := telemetry.Holding{Property: name, Mode: string(mode)}
		var enterprise preauth.ID
		if at := slices.IndexFunc(known, func(p plan.Property) bool { return p.Name == name }); at >= 0 {
			p := known[at]
			enterprise = p.Enterprise
			holding.Tally = tallies[enterprise]
			holding.FuseBlown = p.LastCycle != nil && p.LastCycle.Fuse
		}
		holding.Paused = slices.ContainsFunc(pauses, func(p plan.Pause) bool {
			return p.Enterprise == "" || p.Enterprise == enterprise
		})
		all = append(all, holding)
	}
	return all, nil
}
