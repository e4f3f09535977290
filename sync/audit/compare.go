package audit

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// compare merges what is shown with the ledger, by Id, and tells what differs.
func (a *audit) compare(ctx context.Context) (err error) {
	a.unlisted = a.spill()
	defer func() { err = errors.Join(err, a.unlisted.close()) }()
	shown, err := newShownReader(a.facts)
	if err != nil {
		return err
	}
	unknown := func(before preauth.ID) error {
		for shown.isBefore(before) {
			next, err := shown.of(shown.id)
			if err == nil {
				err = a.weigh(ctx, subject{shown: next})
			}
			if err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	err = a.Ledger.Each(ctx, func(rec plan.Record) error {
		if err := unknown(rec.ID); err != nil {
			return err
		}
		next, err := shown.of(rec.ID)
		if err != nil {
			return err
		}
		return a.weigh(ctx, subject{shown: next, record: rec, known: true})
	})
	if err == nil {
		err = unknown("")
	}
	if err == nil {
		err = a.weighUnlisted(ctx)
	}
	return err
}

// weigh tells what differs of one preauthorization, unless it is in motion.
func (a *audit) weigh(ctx context.Context, s subject) error {
	if a.Partial && (s.known && a.of(s.record.Enterprise) < 0 || !s.known && s.polled == nil) || s.known && a.isApart(s.record.Enterprise) {
		return nil
	}
	if !s.known && s.polled == nil && !s.conflicting {
		foreign, err := a.isForeign(ctx, s.id)
		if err != nil || foreign {
			a.summary.Foreign += s.count
			return err
		}
	}
	a.summary.Checked++
	if s.moving || s.known && a.inMotion(s.record) {
		a.summary.InMotion++
		return nil
	}
	if s.conflicting {
		a.unread.add("preauthorization %s was not compared with the PMS: a reply contradicts itself about it", s.id)
	}
	if err := a.hear(ctx, &s); err != nil {
		return err
	}
	if err := a.lookForOwn(ctx, &s); err != nil {
		return err
	}
	return a.say(ctx, s)
}

// inMotion tells whether a record has changed since the audit began, or waits for
// the outcome of a request.
func (a *audit) inMotion(rec plan.Record) bool {
	return rec.Phase.InFlight() && rec.Park == nil || !rec.Updated.Before(a.started)
}

// isForeign tells whether a token that no record and no reply explains is none of
// ours. Where v4 keeps our tokens one in the form of an Id is ours, unless the
// ledger knows better; elsewhere gateways give such tokens of their own.
func (a *audit) isForeign(ctx context.Context, token preauth.ID) (bool, error) {
	if !a.OwnTokens || a.sink.Proof == plan.ProofNotKept {
		return true, nil
	}
	stored, err := a.Ledger.Tokens(ctx, a.SinkName, []string{string(token)})
	return stored[string(token)].Foreign, err
}

// lookForOwn finds out whether v4 holds what the ledger says, beyond its list.
func (a *audit) lookForOwn(ctx context.Context, s *subject) error {
	rec := s.record
	if rec.Identity == 0 {
		return nil
	}
	if own := s.own(); own != nil {
		a.listsCaptured = a.listsCaptured || rec.Phase == plan.Captured
		return a.compareToken(ctx, s, own.Token)
	}
	switch {
	case !a.listed:
		return nil
	case s.letGo():
		s.lacking = true // as it should be
		return nil
	case !rec.Updated.Before(a.started.Add(-a.Settle)):
		a.summary.InMotion++ // it may not show yet
		return nil
	case rec.Phase == plan.Captured && !a.listsCaptured:
		// Nothing says that v4 goes on listing what has been captured.
		a.summary.Unlisted++
		key, err := idBytes(rec.ID)
		if err != nil {
			return err
		}
		return a.unlisted.add(key)
	default:
		return a.ask(ctx, s)
	}
}

// mostAsked is how many holds are asked for singly; beyond that v4's list is believed.
const mostAsked = 1000

// ask asks v4 for a hold that its list does not show.
func (a *audit) ask(ctx context.Context, s *subject) error {
	if a.asked == mostAsked {
		s.lacking = true
		return nil
	}
	a.asked++
	hold, there, err := a.Sink.Get(ctx, s.record.Identity)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		a.unread.add("v4's list does not show identity %d of preauthorization %s, and asking for it failed: %v",
			s.record.Identity, s.id, err)
	case there:
		a.unread.add("v4's list is not complete: it does not show identity %d of preauthorization %s, which v4 holds",
			s.record.Identity, s.id)
		s.holds = append(s.holds, heldOf(hold))
		return a.compareToken(ctx, s, s.own().Token)
	default:
		s.lacking = true
	}
	return nil
}

// compareToken finds out whether the own hold carries the token of another
// preauthorization. One that the ledger does not know may be v4's own, unless v4 keeps
// the tokens that it is given.
func (a *audit) compareToken(ctx context.Context, s *subject, token preauth.ID) error {
	if token == "" || token == s.id {
		return nil
	}
	_, known, err := a.Ledger.Record(ctx, token)
	switch {
	case err != nil:
		return err
	case known:
		s.stranger = "the token of preauthorization " + string(token)
	case a.OwnTokens && a.sink.Proof == plan.ProofKept:
		s.stranger = "the token " + string(token) + ", which is not its Id and is none that the ledger knows"
	}
	return nil
}

// weighUnlisted goes back to the captured holds that were passed over while none
// of the captured had been seen. If none was until the end, they are counted only.
func (a *audit) weighUnlisted(ctx context.Context) error {
	if !a.listsCaptured {
		return nil
	}
	a.summary.Unlisted = 0
	ids, err := a.unlisted.sorted()
	if err != nil {
		return err
	}
	for {
		entry, err := ids.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s := subject{shown: shown{id: idOf(entry)}}
		if s.record, s.known, err = a.Ledger.Record(ctx, s.id); err != nil {
			return err
		}
		if !s.known || a.inMotion(s.record) {
			a.summary.InMotion++
			continue
		}
		if err := a.recall(ctx, &s); err != nil {
			return err
		}
		if err := a.ask(ctx, &s); err != nil {
			return err
		}
		if err := a.say(ctx, s); err != nil {
			return err
		}
	}
}

// say tells what differs, if the ledger still says what was judged.
func (a *audit) say(ctx context.Context, s subject) error {
	findings := s.compareSink()
	if s.said != nil {
		found, answered := s.compareSource()
		if findings = append(findings, found...); answered {
			a.summary.Answered++
		}
	} else if s.absent && s.record.Identity != 0 && !s.lacking {
		if s.isAnswered(s.record.Seen) {
			a.summary.Answered++
		} else {
			findings = append(findings, s.unseen())
		}
	}
	if len(findings) == 0 {
		return nil
	}
	now, known, err := a.Ledger.Record(ctx, s.id)
	if err != nil {
		return err
	}
	if known != s.known || now.Revision != s.record.Revision {
		a.summary.InMotion++
		return nil
	}
	return a.tellAll(ctx, s, findings)
}

func (a *audit) tellAll(ctx context.Context, s subject, findings []Finding) error {
	for _, f := range findings {
		if f.Identity != s.record.Identity {
			_, owned, err := a.Ledger.Owner(ctx, a.SinkName, f.Identity)
			if err != nil {
				return err
			}
			if owned {
				a.summary.InMotion++
				continue
			}
		}
		f.ID, f.Property = s.id, a.names[s.record.Enterprise]
		if s.polled != nil {
			f.Property = a.properties[s.polled.Property].Name
		}
		if a.Observing {
			f.Detail, f.Shadow = f.Detail+s.shadow(), s.last()
		}
		if f.Due {
			a.summary.Due++
		}
		if f.Due && a.WithoutDue {
			continue
		}
		a.summary.Findings[f.Kind]++
		if err := a.tell(f); err != nil {
			return err
		}
	}
	return nil
}

// own gives the hold that the ledger gave to the preauthorization, nil when v4 does
// not show it.
func (s subject) own() *held {
	at := slices.IndexFunc(s.holds, func(h held) bool { return h.Identity == s.record.Identity })
	if at < 0 {
		return nil
	}
	return &s.holds[at]
}
