package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// sinkRuntime is one sink and what this process knows of it.
type sinkRuntime struct {
	e    *Engine
	opts SinkOptions
	// name is what the ledger calls it; empty while that is not known, see bind.
	name  string
	queue chan *item
	// opening and matching let one goroutine ask what the sink holds.
	opening, matching chan struct{}

	mu sync.Mutex
	// doc is the ledger's document; loaded and opened say how far start-up has come.
	doc            plan.Sink
	loaded, opened bool
	doubts         map[preauth.ID]*doubt
	// probeAt is when the proof's candidate is looked up next, probeBy until when
	// its absence proves nothing; both on the monotonic clock.
	probeAt, probeBy time.Time
	// unmatched is set while tokens found here may belong to preauthorizations
	// that no poll has shown yet.
	unmatched bool

	// holdOff is until when it asked not to be written to.
	holdOff time.Time

	sinkCycle
}

// sinkCycle is what begins anew with each cycle.
type sinkCycle struct {
	// places are those in flight, see place; claims are who is being brought further, see claim.
	places chan struct{}
	claims map[preauth.ID]chan struct{}
	// createGate lets creates through one at a time while the proof is open.
	createGate chan struct{}
	unusable   error
	// failures counts the writes without a definite answer in a row; answered is set
	// once one had one.
	failures int
	answered bool
	tripped  bool
	canary   chan struct{}
	// unanswered counts the look-ups of payment methods in a row that gave nothing.
	unanswered int
	toldSilent bool
	matched    bool
	// found are records whose create was found by its token in this cycle and that
	// the PMS had already charged: their capture is due.
	found []plan.Record
}

func newSinkRuntime(e *Engine, opts SinkOptions) *sinkRuntime {
	name := opts.Name
	if opts.Own {
		name = ""
	}
	return &sinkRuntime{
		e: e, opts: opts, name: name, doubts: map[preauth.ID]*doubt{}, opening: make(chan struct{}, 1), matching: make(chan struct{}, 1),
	}
}

func (s *sinkRuntime) beginCycle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sinkCycle = sinkCycle{
		places: make(chan struct{}, s.opts.Concurrency), claims: map[preauth.ID]chan struct{}{}, createGate: make(chan struct{}, 1),
	}
}

// giveUp stops every write to the sink for the rest of the cycle, and says so once.
func (s *sinkRuntime) giveUp(c *cycle, err error) {
	s.mu.Lock()
	first := s.unusable == nil
	if first {
		s.unusable = err
	}
	s.mu.Unlock()
	if first && !c.preview {
		s.log(c).Error("the sink cannot be used in this cycle", telemetry.Event(telemetry.SinkUnusable), telemetry.Err(err))
	}
}

func (s *sinkRuntime) unusableBecause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unusable
}

// over tells whether an outage has ended the sink's cycle.
func (s *sinkRuntime) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tripped
}

// outOfUse says why this cycle could not use the sink, or gives nil.
func (s *sinkRuntime) outOfUse() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.tripped:
		return errOutage
	case s.unusable == nil && s.failures > 0 && !s.answered:
		return errSilent
	default:
		return s.unusable
	}
}

// update changes the sink's document, durably.
func (s *sinkRuntime) update(ctx context.Context, change func(*plan.Sink)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.doc
	change(&next)
	if err := s.e.commit(ctx, plan.Batch{Sink: &next}); err != nil {
		return s.e.fail(err) // nobody else writes this document
	}
	next.Revision++
	s.doc = next
	return nil
}

// load reads the sink's document once.
func (s *sinkRuntime) load(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loaded || s.name == "" {
		return nil
	}
	doc, ok, err := s.e.ledger.Sink(ctx, s.name)
	if err != nil {
		return s.e.fail(err)
	}
	if !ok {
		doc = plan.Sink{Name: s.name}
	}
	if s.opts.Own && doc.Address == "" {
		doc.Address = s.opts.Address
		if err := s.e.commit(ctx, plan.Batch{Sink: &doc}); err != nil {
			return s.e.fail(err) // nobody else writes this document
		}
		doc.Revision++
	}
	if doc.Candidate != nil {
		// Some of the window has passed already; a clock that was set back only makes it longer.
		window := s.opts.Timeout + 2*s.opts.Settle
		passed := min(max(0, s.e.now().Sub(doc.Candidate.Replied)), window)
		s.probeAt, s.probeBy = time.Now(), time.Now().Add(window-passed)
	}
	s.doc, s.loaded = doc, true
	return nil
}

// asked tells whether what the sink held when the file was new has been stored.
func (s *sinkRuntime) asked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.Listed
}

// ready tells whether the start-up question has been answered in this process.
func (s *sinkRuntime) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

func (s *sinkRuntime) tokensAtCreation() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.TokensAtCreation
}

func (s *sinkRuntime) proof() plan.Proof {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.Proof
}

// outageAfter is how many unknown outcomes in a row end a sink's cycle.
const outageAfter = 5

// permit asks whether a write may be sent now. In the cycle after an outage
// one write goes first and the others wait for what becomes of it; release
// must be called once the write is over.
func (s *sinkRuntime) permit(ctx context.Context) (release func(), err error) {
	for {
		s.mu.Lock()
		switch {
		case ctx.Err() != nil:
			s.mu.Unlock()
			return nil, ctx.Err()
		case s.unusable != nil:
			err := s.unusable
			s.mu.Unlock()
			return nil, err
		case s.tripped:
			s.mu.Unlock()
			return nil, errOutage
		case !s.doc.Outage:
			s.mu.Unlock()
			return func() {}, nil
		case s.canary == nil:
			done := make(chan struct{})
			s.canary = done
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				s.canary = nil
				s.mu.Unlock()
				close(done)
			}, nil
		}
		wait := s.canary
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

var errSilent = errors.New("no write has had a definite answer in this cycle")

var errOutage = fmt.Errorf("nothing more is sent in this cycle after %d writes in a row without a definite answer", outageAfter)

// judge counts an outcome towards an outage, or ends one.
func (s *sinkRuntime) judge(ctx context.Context, c *cycle, kind preauth.OutcomeKind) {
	definite := kind == preauth.OutcomeApplied || kind == preauth.OutcomeRefused
	tripped, first, outage := s.tally(definite)
	if first {
		s.log(c).Error("nothing more is sent to the sink in this cycle", telemetry.Event(telemetry.SinkOutage), telemetry.Err(errOutage))
	}
	switch {
	case definite && outage:
		_ = s.update(ctx, func(doc *plan.Sink) { doc.Outage = false }) // update has ended the cycle if it failed
	case tripped && !outage:
		_ = s.update(ctx, func(doc *plan.Sink) { doc.Outage = true })
	}
}

// tally counts an outcome. It tells whether the sink's cycle is over, whether
// this outcome ended it, and whether the ledger knows of an outage.
func (s *sinkRuntime) tally(definite bool) (tripped, first, outage bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if definite {
		s.failures, s.answered = 0, true
		return s.tripped, false, s.doc.Outage
	}
	s.failures++
	first = !s.tripped && (s.failures >= outageAfter || s.doc.Outage)
	s.tripped = s.tripped || first
	return s.tripped, first, s.doc.Outage
}
