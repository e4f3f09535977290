package app

import (
	"context"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// The waits between looks double from the first to the longest, which is how far off
// what is measured can be.
const (
	firstLook   = 250 * time.Millisecond
	longestLook = 5 * time.Second
)

// ProbeSight is what v4 shows of a probe's hold.
type ProbeSight struct {
	// Found are the holds that Search has shown for the token, After how long after the
	// create was over it did.
	Found []preauth.Hold
	After time.Duration
	// Respelled is set where they carry the token in another letter case, and Search
	// minds none: Ids are found by it, since they match in any.
	Respelled bool
	// Carried is the token of the hold itself, where Search does not show it as sent.
	Carried Carried
	// Length is the carried token's, where it is another.
	Length int
	// Err is why the last Search proves nothing, or nil.
	Err error
}

// Carried says whose token a hold carries.
type Carried uint8

// What a hold may carry.
const (
	// CarriesUnseen: the hold itself was not shown.
	CarriesUnseen Carried = iota
	// CarriesNone: it shows no token.
	CarriesNone
	// CarriesOwn: it shows the one that was sent, in whatever letter case.
	CarriesOwn
	// CarriesOther: it shows another one.
	CarriesOther
)

// Look searches for the token until the hold is shown, or v4.settle has passed since
// the create was over; waiting hears of each wait. A hold of which the identity is known
// (not 0) is looked at too: when that carries another token the search is over. An error
// is ctx's.
func (p *Probe) Look(ctx context.Context, create ProbeWrite, waiting func(passed, limit time.Duration)) (ProbeSight, error) {
	limit, wait := p.Sink.Config.Settle, firstLook
	for {
		sight := p.sight(ctx, create.Hold.Identity)
		sight.After = time.Since(create.Ended)
		if ctx.Err() != nil {
			return sight, ctx.Err()
		}
		if len(sight.Found) > 0 || sight.Carried == CarriesOther || sight.After >= limit {
			return sight, nil
		}
		waiting(sight.After, limit)
		timer := time.NewTimer(min(wait, limit-sight.After))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		wait = min(2*wait, longestLook)
	}
}

// sight looks once. A token that is no UUID is one only as it was sent, so that a
// Search which shows it in other letters fails: then that is what is searched for.
func (p *Probe) sight(ctx context.Context, identity int64) (sight ProbeSight) {
	sight.Found, sight.Err = p.Sink.FindByToken(ctx, p.Token)
	if len(sight.Found) > 0 {
		return sight
	}
	spelled := strings.ToUpper(p.Token)
	if identity != 0 {
		sight.Carried, spelled = p.carried(ctx, identity)
	}
	if sight.Carried == CarriesOther {
		sight.Length = len(spelled)
	}
	if sight.Err == nil || !strings.EqualFold(spelled, p.Token) {
		return sight // without an error, Search shows nothing for what was sent
	}
	if found, err := p.Sink.FindByToken(ctx, spelled); err == nil && len(found) > 0 {
		sight.Found, sight.Respelled, sight.Err = found, true, nil
	}
	return sight
}

// carried looks at the hold itself, and gives its token.
func (p *Probe) carried(ctx context.Context, identity int64) (Carried, string) {
	hold, shown, err := p.Sink.Get(ctx, identity)
	switch {
	case err != nil || !shown:
		return CarriesUnseen, strings.ToUpper(p.Token)
	case hold.Token == "":
		return CarriesNone, ""
	case strings.EqualFold(hold.Token, p.Token):
		return CarriesOwn, hold.Token
	default:
		return CarriesOther, hold.Token
	}
}
