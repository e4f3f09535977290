package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// ensureOpen asks the sink what it holds, once a process, before its first write.
func (s *sinkRuntime) ensureOpen(ctx context.Context, c *cycle) error {
	if s.ready() {
		return nil
	}
	s.open(ctx, c)
	if err := s.unusableBecause(); err != nil {
		return err
	}
	if !s.ready() {
		return ctx.Err()
	}
	if s.e.isOlder() && s.e.sinksReady() {
		return s.e.adoptOlder(ctx, c)
	}
	return nil
}

// open asks the start-up question: a new file lists everything the sink holds,
// any other walks what has come since. What is found is stored before it counts.
func (s *sinkRuntime) open(ctx context.Context, c *cycle) {
	select {
	case s.opening <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-s.opening }()
	if s.ready() || s.unusableBecause() != nil {
		return
	}
	if err := s.question(ctx, c); err != nil {
		if ctx.Err() == nil {
			s.giveUp(c, fmt.Errorf("asking v4 what it holds: %w", err))
		}
		return
	}
	s.mu.Lock()
	s.opened = true
	s.mu.Unlock()
}

func (s *sinkRuntime) question(ctx context.Context, c *cycle) error {
	if err := s.opts.Sink.Ready(ctx); err != nil {
		return err
	}
	if !s.asked() {
		return s.listAll(ctx, c)
	}
	found, err := s.walk(ctx, c)
	if err != nil {
		return err
	}
	if s.e.isOlder() && !c.preview {
		// What this file never knew of may still be under way: it is waited for, as for a new file.
		if err := s.e.sleep(ctx, time.Until(s.e.started.Add(s.opts.Timeout+s.opts.Settle))); err != nil {
			return err
		}
		if found, err = s.walk(ctx, c); err != nil {
			return err
		}
	}
	if err := s.mayGoOn(ctx, c, found); err != nil {
		return err
	}
	return s.known(ctx, found)
}

// known stores how far the sink's holds are known. It comes last: what a start
// that was refused has seen must be seen again by the next.
func (s *sinkRuntime) known(ctx context.Context, found listing) error {
	err := s.e.commit(ctx, plan.Batch{Highest: []plan.Highest{{Sink: s.name, Identity: found.highest}}})
	if err != nil {
		return s.e.fail(err)
	}
	return nil
}

// listing is what a walk over the sink's holds has found.
type listing struct {
	holds, tokens int
	// unexplained counts the holds that no identity and no intent of the file explains;
	// ours is set when one of them carries the Id of a record as its token.
	unexplained int
	ours        bool
	highest     int64
}

// listAll stores every token of a sink that a new file knows nothing of. Where
// tokens of our form show, or the generation beside the file tells of an earlier
// instance, that one may still have a create under way, or one that does not show
// yet, so the list is read again once that is over.
func (s *sinkRuntime) listAll(ctx context.Context, c *cycle) error {
	found, err := s.listOnce(ctx)
	if err != nil {
		return err
	}
	if (found.tokens > 0 || s.e.isOlder()) && !c.preview {
		s.log(c).Warn("an earlier instance has written to this v4: waiting for what it may have under way",
			telemetry.Event(telemetry.SinkListed), zap.Int("tokens", found.tokens))
		if err := s.e.sleep(ctx, time.Until(s.e.started.Add(s.opts.Timeout+s.opts.Settle))); err != nil {
			return err
		}
		if found, err = s.listOnce(ctx); err != nil {
			return err
		}
	}
	if err := s.mayGoOn(ctx, c, found); err != nil {
		return err
	}
	if err := s.known(ctx, found); err != nil {
		return err
	}
	if err := s.update(ctx, func(doc *plan.Sink) { doc.Listed, doc.TokensAtCreation = true, found.tokens > 0 }); err != nil {
		return err
	}
	s.log(c).Info("the sink's holds are known", telemetry.Event(telemetry.SinkListed),
		zap.Int("holds", found.holds), zap.Int("tokens", found.tokens))
	return nil
}

func (s *sinkRuntime) listOnce(ctx context.Context) (listing, error) {
	var found listing
	err := s.opts.Sink.List(ctx, func(page []preauth.Hold) error {
		return s.storeTokens(ctx, page, true, &found)
	})
	return found, err
}

// walk stores the tokens above the highest known identity that nothing here
// explains, and looks whether one of them shows that the file is older.
func (s *sinkRuntime) walk(ctx context.Context, c *cycle) (found listing, err error) {
	above, err := s.e.ledger.Highest(ctx, s.name)
	if err != nil {
		return found, s.e.fail(err)
	}
	if err := s.opts.Sink.ListAbove(ctx, above, func(page []preauth.Hold) error {
		return s.storeTokens(ctx, page, false, &found)
	}); err != nil {
		return found, err
	}
	if found.holds > 0 {
		s.log(c).Info("the sink's new holds are known", telemetry.Event(telemetry.SinkListed),
			zap.Int("holds", found.holds), zap.Int("tokens", found.tokens))
	}
	return found, s.checkUnmatched(ctx)
}

// storeTokens stores what a page shows. What a new file finds can never show
// that the file is older, so it is foreign from the start; it is consulted all
// the same by every create.
func (s *sinkRuntime) storeTokens(ctx context.Context, page []preauth.Hold, foreign bool, found *listing) error {
	asked := make([]preauth.ID, 0, len(page))
	for _, hold := range page {
		found.holds++
		found.highest = max(found.highest, hold.Identity)
		if preauth.IsUUIDForm(hold.Token) {
			found.tokens++
			asked = append(asked, preauth.ID(hold.Token))
		}
	}
	records, err := s.e.ledger.Records(ctx, asked)
	if err != nil {
		return s.e.fail(err)
	}
	var batch plan.Batch
	for _, hold := range page {
		rec, known := records[preauth.ID(hold.Token)]
		if known && (rec.Identity == hold.Identity || rec.Phase == plan.Creating) {
			continue // explained by an identity or an intent
		}
		found.unexplained++
		found.ours = found.ours || known
		if !preauth.IsUUIDForm(hold.Token) {
			continue
		}
		batch.Tokens = append(batch.Tokens, plan.Token{
			Sink: s.name, Token: hold.Token, Holds: []preauth.Hold{hold}, Foreign: foreign,
		})
	}
	if len(batch.Tokens) == 0 {
		return nil
	}
	if err := s.e.commit(ctx, batch); err != nil {
		return s.e.fail(err)
	}
	return nil
}

// checkUnmatched looks whether a token that nothing explains is ours.
func (s *sinkRuntime) checkUnmatched(ctx context.Context) error {
	unmatched, why := 0, ""
	err := s.e.ledger.Unmatched(ctx, s.name, func(token plan.Token) error {
		unmatched++
		rec, known, err := s.e.ledger.Record(ctx, preauth.ID(token.Token))
		if err != nil || !known || why != "" {
			return err
		}
		explained, err := s.explained(ctx, rec, token)
		if err == nil && !explained {
			why = olderBecause(token)
		}
		return err
	})
	if err != nil {
		return s.e.fail(err)
	}
	s.mu.Lock()
	s.unmatched = unmatched > 0
	s.mu.Unlock()
	if why != "" {
		return s.e.markOlder(ctx, why)
	}
	return nil
}

// explained tells whether a token is an intent's of this file, finished or not,
// or an identity's.
func (s *sinkRuntime) explained(ctx context.Context, rec plan.Record, token plan.Token) (bool, error) {
	for _, hold := range token.Holds {
		if hold.Identity == rec.Identity {
			return true, nil
		}
	}
	lines, err := s.e.ledger.Journal(ctx, rec.ID)
	if err != nil {
		return false, err
	}
	for _, line := range lines {
		if line.ExplainsToken() {
			return true, nil
		}
	}
	return false, nil
}

func olderBecause(token plan.Token) string {
	return fmt.Sprintf("v4 holds identity %d with the token of preauthorization %s, and nothing in this file explains it",
		token.Holds[0].Identity, token.Token)
}

// adopt takes over what the sink was found to hold for a preauthorization that
// has no identity here. It returns an olderError when that shows that the file
// is older than the world.
func (s *sinkRuntime) adopt(
	ctx context.Context, run *propertyRun, rec plan.Record, token plan.Token,
) (plan.Record, bool, error) {
	holds := distinct(token.Holds, string(rec.ID))
	if len(holds) == 0 || (rec.Park != nil && rec.Park.Reason == plan.DuplicateFound) {
		return rec, false, nil
	}
	if !token.Foreign && !s.e.wasOlder() {
		explained, err := s.explained(ctx, rec, token)
		if err != nil {
			return rec, false, s.e.fail(err)
		}
		if !explained {
			return rec, false, &olderError{olderBecause(token)}
		}
	}
	hold := holds[0]
	if owner, taken, err := s.e.ledger.Owner(ctx, s.name, hold.Identity); err != nil {
		return rec, false, s.e.fail(err)
	} else if len(holds) > 1 || (taken && owner != rec.ID) {
		run.park(&rec, plan.DuplicateFound, fmt.Sprintf("v4 holds %d identities with its token, the first %d", len(holds), hold.Identity), "")
		return rec, true, nil
	}
	rec.Phase, rec.Unsure, rec.Identity, rec.Park, rec.Sends = plan.Adopted, true, hold.Identity, nil, 0
	rec.HeldSince = s.e.now()
	rec.Amount = preauth.Money{Amount: hold.Amount, Currency: run.p.opts.Currency}
	rec.PaymentMethodID = hold.PaymentMethodID
	return rec, true, nil
}

// reloadDoubts lets the next cycle look for intents in flight that nothing waits for.
func (e *Engine) reloadDoubts() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.doubtsLoaded, e.doubtsFrom = false, time.Now()
}

// loadDoubts takes up what an earlier process, or a cycle that panicked, left in
// flight: it is unknown, never lost. What is in doubt already stays as it is.
//
// What an operator puts back while this goes on may be missing from what it reads:
// Recheck lets the next cycle load again.
func (e *Engine) loadDoubts(ctx context.Context) (err error) {
	e.mu.Lock()
	loaded, from := e.doubtsLoaded, e.doubtsFrom
	e.doubtsLoaded = true
	e.mu.Unlock()
	if loaded {
		return nil
	}
	defer func() {
		if err != nil {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.doubtsLoaded = false
		}
	}()
	sinkOf, named := map[preauth.ID]string{}, map[string]*sinkRuntime{}
	for _, s := range e.sinks {
		if err := s.load(ctx); err != nil {
			return err
		}
		named[s.name] = s
	}
	known, err := e.ledger.Properties(ctx)
	if err != nil {
		return e.fail(err)
	}
	for _, doc := range known {
		sinkOf[doc.Enterprise] = doc.Sink
	}
	err = e.ledger.InFlight(ctx, func(rec plan.Record) error {
		s, ok := named[sinkOf[rec.Enterprise]]
		if !ok || s.name == "" || rec.Park != nil {
			return nil
		}
		settled := from.Add(s.opts.Timeout + s.opts.Settle)
		due := settled
		if rec.Phase == plan.Capturing && !e.opts.RetryCaptures {
			due = from // it parks at once: there is nothing to wait for
		}
		if rec.Phase == plan.Creating && rec.Intent.Token != string(rec.ID) {
			due = from // sent without its Id as the token: it cannot be looked up
		}
		s.doubtIfNew(rec.ID, due, settled)
		return nil
	})
	if err != nil {
		return e.fail(err)
	}
	if _, unnamed := named[""]; unnamed {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.doubtsLoaded = false // there may be some of a sink whose name is not known yet
	}
	return nil
}

// isOlder tells whether the file is known to be older than the world and what
// that calls for has not been done.
func (e *Engine) isOlder() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.older != ""
}

func (e *Engine) sinksReady() bool {
	for _, s := range e.sinks {
		if !s.ready() {
			return false
		}
	}
	return true
}

var errNotPolled = errors.New("captures of inherited records wait until every property has been polled once completely")
