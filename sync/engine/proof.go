package engine

import (
	"context"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Whether v4 keeps the transactionToken it is given is documented nowhere. So
// the absence of a token proves nothing until this sink has shown one of ours.

// enterGate lets creates through one at a time while the proof is open, and
// looks for the candidate first when that is due.
func (s *sinkRuntime) enterGate(ctx context.Context, c *cycle) (leave func(), err error) {
	if !s.proving() {
		return func() {}, nil
	}
	select {
	case s.createGate <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	leave = func() { <-s.createGate }
	if err := s.probe(ctx, c); err != nil {
		leave()
		return nil, err
	}
	if !s.proving() {
		leave()
		return func() {}, nil
	}
	return leave, nil
}

func (s *sinkRuntime) proving() bool {
	return s.opts.Tokens == TokenID && s.proof() == plan.ProofOpen
}

// prove makes an applied create the proof's candidate, if there is none, and
// looks for it at once.
func (s *sinkRuntime) prove(ctx context.Context, c *cycle, rec plan.Record, replied time.Time) error {
	if !s.proving() {
		return nil
	}
	s.mu.Lock()
	vacant := s.doc.Candidate == nil
	if vacant {
		s.probeAt, s.probeBy = replied, replied.Add(s.opts.Timeout+2*s.opts.Settle)
	}
	s.mu.Unlock()
	if vacant {
		err := s.update(ctx, func(doc *plan.Sink) {
			doc.Candidate = &plan.Candidate{ID: rec.ID, Identity: rec.Identity, Token: string(rec.ID), Replied: s.e.now()}
		})
		if err != nil {
			return err
		}
	}
	return s.probe(ctx, c)
}

// windowOver tells whether the candidate's token has had all the time there is:
// the proof is then decided also when nothing waits for it.
func (s *sinkRuntime) windowOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doc.Candidate != nil && !time.Now().Before(s.probeBy)
}

// probe looks the candidate up when that is due, and decides the proof.
func (s *sinkRuntime) probe(ctx context.Context, c *cycle) error {
	s.mu.Lock()
	candidate, due, over := s.doc.Candidate, !time.Now().Before(s.probeAt), !time.Now().Before(s.probeBy)
	open := s.doc.Proof == plan.ProofOpen
	s.mu.Unlock()
	if candidate == nil || !due || !open || s.opts.Tokens != TokenID {
		return nil
	}
	holds, err := s.opts.Sink.FindByToken(ctx, candidate.Token)
	if err != nil {
		s.probeLater()
		return nil //nolint:nilerr // an unanswered probe decides nothing; the next one may
	}
	for _, hold := range holds {
		if hold.Token == candidate.Token {
			return s.decideProof(ctx, c, plan.ProofKept, candidate)
		}
	}
	if over {
		return s.decideProof(ctx, c, plan.ProofNotKept, nil)
	}
	s.probeLater()
	return nil
}

// probeLater spreads the probes over the time in which the token may appear.
func (s *sinkRuntime) probeLater() {
	s.mu.Lock()
	defer s.mu.Unlock()
	const probes = 20
	step := max((s.opts.Timeout+2*s.opts.Settle)/probes, time.Millisecond)
	s.probeAt = time.Now().Add(step)
	if s.probeAt.After(s.probeBy) && time.Now().Before(s.probeBy) {
		s.probeAt = s.probeBy
	}
}

// decideProof stores whether the sink keeps tokens, and says so. shown is the
// create that was found by its token; it is asked for again as a control.
func (s *sinkRuntime) decideProof(ctx context.Context, c *cycle, proof plan.Proof, shown *plan.Candidate) error {
	if s.opts.Tokens != TokenID || s.proof() == proof {
		return nil
	}
	err := s.update(ctx, func(doc *plan.Sink) { doc.Proof, doc.Candidate = proof, shown })
	if err != nil {
		return err
	}
	log := s.log(c)
	if proof == plan.ProofKept {
		log.Info("the sink keeps the tokens it is given: unknown creates can be looked up", telemetry.Event(telemetry.TokenKept))
		return nil
	}
	log.Error("the sink does not show the token of a create it made: an unknown create cannot be looked up and parks",
		telemetry.Event(telemetry.TokenNotKept))
	return nil
}
