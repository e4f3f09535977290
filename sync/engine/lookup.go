package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// lookUp asks the sink which payment methods the cards of those preauthorizations
// are that nothing but their method keeps from being created. wants tells that of
// one. It gives the answers by card; who has none could not be asked.
func (run *propertyRun) lookUp(
	ctx context.Context, all []preauth.Preauthorization, wants func(preauth.Preauthorization) bool,
) (map[string]plan.LookedUp, error) {
	if run.p.opts.Lookup == "" {
		return nil, nil
	}
	asked := map[string]bool{}
	for _, p := range all {
		if card := plan.CardKey(p.CardID); card != "" && !asked[card] && run.methods.Find(p).Ask && wants(p) {
			asked[card] = true
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	cards := make([]string, 0, len(asked))
	for card := range asked {
		cards = append(cards, card)
	}
	slices.Sort(cards)
	return run.p.sink.methodsOf(ctx, run, cards)
}

// methodsOf gives what is remembered, and asks for the rest. What the sink does not
// answer is counted as a failure and left out.
func (s *sinkRuntime) methodsOf(ctx context.Context, run *propertyRun, cards []string) (map[string]plan.LookedUp, error) {
	field, now := run.p.opts.Lookup, s.e.now()
	answers, err := s.e.ledger.LookedUp(ctx, s.name, field, cards)
	if err != nil {
		return nil, err
	}
	var open []string
	for _, card := range cards {
		if answer, ok := answers[card]; !ok || !answer.Holds(now) {
			delete(answers, card)
			open = append(open, card)
		}
	}
	if len(open) == 0 {
		return answers, nil
	}
	found, failed := s.findMethods(ctx, field, open)
	if failed != nil && ctx.Err() == nil {
		run.account.failQuietly(fmt.Errorf("the payment methods of some cards could not be looked up, and nothing is created with them in this cycle: %w", failed))
		if s.firstSilence(failed) {
			run.account.log.Error("payment methods could not be looked up, and nothing is created with those cards in this cycle",
				telemetry.Event(telemetry.MethodsFailed), zap.Int("asked", len(open)), zap.Int("answered", len(found)), telemetry.Err(failed))
		}
	}
	batch := plan.Batch{}
	for _, card := range open {
		methods, ok := found[card]
		if !ok {
			continue
		}
		answer := plan.LookUp(s.name, field, card, methods, now)
		answers[card] = answer
		batch.LookedUp = append(batch.LookedUp, answer)
	}
	if len(batch.LookedUp) == 0 {
		return answers, nil
	}
	return answers, s.e.commit(ctx, batch)
}

// silentAfter is how many look-ups in a row may have no answer: then v4 is not asked for
// payment methods any more in this cycle. It is not either once it has shown that it
// takes no such question.
const silentAfter = 3

var errMethodsSilent = errors.New("v4 does not answer look-ups, and is not asked again in this cycle")

// findMethods asks the sink, unless it has shown in this cycle that it does not answer.
func (s *sinkRuntime) findMethods(ctx context.Context, field string, cards []string) (map[string]preauth.CardMethods, error) {
	if err := s.unusableBecause(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	silent := s.unanswered >= silentAfter
	s.mu.Unlock()
	if silent {
		return nil, errMethodsSilent
	}
	found, err := s.opts.Sink.FindMethods(ctx, field, cards)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, preauth.ErrNoLookUps):
		s.unanswered, s.toldSilent = silentAfter, true // this failure tells it
	case len(found) == 0 && errors.Is(err, preauth.ErrUnanswered):
		s.unanswered++
	default:
		s.unanswered = 0
	}
	return found, err
}

// firstSilence tells whether a failure is to be told: that v4 is not asked any more is
// told once.
func (s *sinkRuntime) firstSilence(failed error) bool {
	if !errors.Is(failed, errMethodsSilent) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.toldSilent
	s.toldSilent = true
	return first
}

// methodOf is a preauthorization's payment method, with what has been looked up.
func (run *propertyRun) methodOf(p preauth.Preauthorization, answers map[string]plan.LookedUp) plan.Method {
	m := run.methods.Find(p)
	if !m.Ask {
		return m
	}
	if answer, ok := answers[plan.CardKey(p.CardID)]; ok {
		return answer.Method()
	}
	if plan.CardKey(p.CardID) == "" {
		return plan.Method{Missing: "the PMS names no card, so that no payment method can be looked up"}
	}
	return plan.Method{Unread: true}
}

// unlearned forgets which method a card is, once a create with it has been refused.
func (s *sinkRuntime) unlearned(run *propertyRun, rec plan.Record) []plan.LookedUp {
	card := plan.CardKey(rec.CardID)
	if run.p == nil || run.p.opts.Lookup == "" || card == "" {
		return nil
	}
	return []plan.LookedUp{{Sink: s.name, Field: run.p.opts.Lookup, CardID: card}}
}

// wouldCreate tells whether nothing but the payment method is open before a create.
func wouldCreate(p preauth.Preauthorization, rec plan.Record, around plan.Context, policy plan.Policy) bool {
	around.Method = plan.Method{Autopay: true}
	d := plan.Decide(p, rec, around, policy)
	return len(d.Actions) > 0 && d.Actions[0] == plan.Create
}
