package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// An older file does not know what was captured after it was copied. So none
// of what it inherited is captured automatically.

// markOlder stores that the file is older than the world. What that calls for
// is done by adoptOlder.
func (e *Engine) markOlder(ctx context.Context, why string) error {
	e.mu.Lock()
	known := e.older != "" || e.adopted
	if !known {
		e.older = why
	}
	e.mu.Unlock()
	if known {
		return nil
	}
	if err := e.ledger.MarkOlder(context.WithoutCancel(ctx), why); err != nil {
		return e.fail(err)
	}
	return nil
}

// becomeOlder marks the file and does at once what that calls for, while no
// write is under way. What the file never knew of may still be on its way to a
// sink, so that is waited for and looked at again first; writes are held meanwhile.
func (e *Engine) becomeOlder(ctx context.Context, c *cycle, why string) error {
	select {
	case e.aging <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.aging }()
	if err := e.markOlder(ctx, why); err != nil {
		return err
	}
	if !e.sinksReady() {
		return errOlder // the mark stays until every sink has answered
	}
	for _, s := range e.sinks {
		if !e.isOlder() || c.preview {
			continue
		}
		if err := e.sleep(ctx, time.Until(e.started.Add(s.opts.Timeout+s.opts.Settle))); err != nil {
			return err
		}
		if _, err := s.walk(ctx, c); err != nil {
			return err
		}
	}
	return e.adoptOlder(ctx, c)
}

// wasOlder tells whether this process has already adopted what it inherited.
func (e *Engine) wasOlder() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.adopted
}

// adoptOlder adopts every inherited record with an identity that is not
// captured, and parks every inherited capture. It can be repeated: a crash in
// the middle leaves the mark, and the next start begins anew.
func (e *Engine) adoptOlder(ctx context.Context, c *cycle) error {
	if err := e.barrier.Acquire(ctx, everybody); err != nil {
		return err
	}
	defer e.barrier.Release(everybody)
	e.mu.Lock()
	why := e.older
	e.mu.Unlock()
	if why == "" {
		return nil
	}
	e.log.Error("the state file is older than the world: what it inherited is adopted and not captured automatically",
		telemetry.Event(telemetry.StateOlder), telemetry.CycleID(c.id), telemetry.Reason(why))
	ctx = context.WithoutCancel(ctx)
	err := e.adoptAll(ctx, c, why)
	for errors.Is(err, plan.ErrConflict) {
		err = e.adoptAll(ctx, c, why) // a poll has stored one of the records meanwhile
	}
	if err != nil {
		return e.fail(err)
	}
	for _, s := range e.sinks {
		if err := s.disown(ctx); err != nil {
			return err
		}
	}
	generation, err := e.ledger.Advance(ctx, true)
	if err != nil {
		return e.fail(err)
	}
	e.mu.Lock()
	e.older, e.adopted = "", true
	e.generation = generation
	e.mu.Unlock()
	return nil
}

// adoptAll goes once through the records.
func (e *Engine) adoptAll(ctx context.Context, c *cycle, why string) error {
	var batch plan.Batch
	flush := func() error {
		if len(batch.Records) == 0 {
			return nil
		}
		err := e.commit(ctx, batch)
		batch = plan.Batch{}
		return err
	}
	err := e.ledger.Each(ctx, func(rec plan.Record) error {
		next, changed := e.adoptInherited(rec, c)
		if !changed {
			return nil
		}
		line := entryOf(c.id, next, telemetry.StateOlder, e.now())
		line.Note = why
		batch.Records, batch.Journal = append(batch.Records, next), append(batch.Journal, line)
		if len(batch.Records) < chunkSize {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// adoptInherited is what an older file makes of one record.
func (e *Engine) adoptInherited(rec plan.Record, c *cycle) (plan.Record, bool) {
	if rec.Generation > e.inherited {
		return rec, false // made by this process, whose memory has no gap
	}
	next := rec
	next.Updated = e.now()
	switch rec.Phase {
	case plan.Created:
		next.Phase, next.Unsure = plan.Adopted, true
	case plan.Released:
		next.Unsure = true
		return next, rec.Identity != 0 && !rec.Unsure
	case plan.Creating:
		if rec.Intent.Adopt {
			return rec, false
		}
		intent := *rec.Intent
		intent.Adopt = true
		next.Intent = &intent
	case plan.Capturing:
		next.Unsure = true
		if rec.Park != nil && rec.Park.Reason.WaitsForOperator() {
			return next, !rec.Unsure
		}
		run := c.runFor(e, rec)
		for _, s := range e.sinks {
			s.forget(rec.ID)
		}
		run.park(&next, plan.UnknownCapture, "inherited by a file that is older than the world: look in v4 for its payment", "")
		run.account.parked(next)
	default:
		return rec, false
	}
	return next, true
}

// mustMatch tells whether a capture has to wait because tokens on the sink may
// yet show that the file is older.
func (s *sinkRuntime) mustMatch(rec plan.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unmatched && rec.Generation <= s.e.inherited
}

// hasUnmatched tells whether tokens on the sink wait to be matched.
func (s *sinkRuntime) hasUnmatched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unmatched
}

// match polls every property on the sink once, without acting, to learn whose
// the unmatched tokens are.
func (s *sinkRuntime) match(ctx context.Context, c *cycle) error {
	select {
	case s.matching <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.matching }()
	s.mu.Lock()
	need, tried := s.unmatched, s.matched
	s.matched = true
	s.mu.Unlock()
	if !need {
		return nil
	}
	if tried {
		return errNotPolled
	}
	tokens := map[string]plan.Token{}
	err := s.e.ledger.Unmatched(ctx, s.name, func(token plan.Token) error {
		tokens[token.Token] = token
		return nil
	})
	if err != nil {
		return s.e.fail(err)
	}
	for _, run := range c.runs {
		if run.p.sink != s {
			continue
		}
		if err := s.matchProperty(ctx, c, run, tokens); err != nil {
			return err
		}
	}
	return s.foreign(ctx, tokens)
}

// matchProperty compares one property's preauthorizations with the tokens.
func (s *sinkRuntime) matchProperty(ctx context.Context, c *cycle, run *propertyRun, tokens map[string]plan.Token) error {
	if !run.ready || !run.isListed || c.backfill.partial() {
		return fmt.Errorf("%w; property %s was not", errNotPolled, run.p.opts.Name)
	}
	for _, chunk := range run.chunks {
		refused, err := run.p.opts.Source.Poll(ctx, chunk.ids, func(reply Reply) error {
			return s.matchReply(ctx, c, reply, tokens)
		})
		if err == nil && len(refused) > 0 {
			err = fmt.Errorf("customer %s could not be read", refused[0].CustomerID)
		}
		if err != nil {
			return fmt.Errorf("%w; property %s: %w", errNotPolled, run.p.opts.Name, err)
		}
	}
	return nil
}

func (s *sinkRuntime) matchReply(ctx context.Context, c *cycle, reply Reply, tokens map[string]plan.Token) error {
	ids := slices.Clone(reply.Conflicting)
	for _, p := range reply.Preauthorizations {
		ids = append(ids, p.ID)
	}
	for _, id := range ids {
		token, found := tokens[string(id)]
		if !found {
			continue
		}
		rec, known, err := s.e.ledger.Record(ctx, id)
		if err != nil {
			return s.e.fail(err)
		}
		explained := false
		if known {
			if explained, err = s.explained(ctx, rec, token); err != nil {
				return s.e.fail(err)
			}
		}
		if !explained {
			if err := s.e.becomeOlder(ctx, c, olderBecause(token)); err != nil {
				return err
			}
		}
	}
	return nil
}

// disown makes every unmatched token foreign: none of them can show any more that
// the file is older, since that is known and done. Creates consult them as before.
func (s *sinkRuntime) disown(ctx context.Context) error {
	enough := errors.New("one batch at a time")
	for {
		var batch plan.Batch
		err := s.e.ledger.Unmatched(ctx, s.name, func(token plan.Token) error {
			token.Foreign = true
			if batch.Tokens = append(batch.Tokens, token); len(batch.Tokens) == chunkSize {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			return s.e.fail(err)
		}
		if len(batch.Tokens) == 0 {
			break
		}
		if err := s.e.commit(ctx, batch); err != nil {
			return s.e.fail(err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unmatched = false
	return nil
}

// foreign stores that the tokens have been compared with a complete poll: none
// of them can show any more that the file is older.
func (s *sinkRuntime) foreign(ctx context.Context, tokens map[string]plan.Token) error {
	for names := range slices.Chunk(slices.Sorted(maps.Keys(tokens)), chunkSize) {
		batch := plan.Batch{}
		for _, name := range names {
			token := tokens[name]
			token.Foreign = true
			batch.Tokens = append(batch.Tokens, token)
		}
		if err := s.e.commit(ctx, batch); err != nil {
			return s.e.fail(err)
		}
	}
	s.mu.Lock()
	s.unmatched = false
	s.mu.Unlock()
	return nil
}
