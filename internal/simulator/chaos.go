package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// ChaosOptions are random faults, repeatable by seed: what a request meets
// depends on the seed, on its operation and key, and on how often that came,
// not on what else arrives meanwhile.
type ChaosOptions struct {
	// Rate is how many of the requests meet a fault: 0 to 1. 0 ends the chaos.
	Rate float64
	// Seed is the world's when 0.
	Seed uint64
	// MaxDelay bounds delays and late effects; a minute when 0. A late effect later
	// than time-out plus twice v4.settle is what no client can survive.
	MaxDelay time.Duration
	// Kinds are those to choose from. When empty: for writes every kind that a
	// client has to survive unharmed, for reads those that it has to try again.
	Kinds []Kind
	// Operations that meet faults; all of them when empty.
	Operations []string
}

type chaos struct{ ChaosOptions }

// Chaos begins random faults, in place of those of an earlier call. Rules of
// Inject go first. It panics when an option is impossible.
func (w *World) Chaos(options ChaosOptions) (stop func()) {
	begun, err := w.beginChaos(options)
	if err != nil {
		panic("simulator: " + err.Error())
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.chaos == begun {
			w.chaos = nil
		}
	}
}

func (w *World) beginChaos(options ChaosOptions) (*chaos, error) {
	if options.Rate < 0 || options.Rate > 1 || options.MaxDelay < 0 {
		return nil, fmt.Errorf("the chaos rate %v is not 0 to 1, or its longest delay %s is negative",
			options.Rate, options.MaxDelay)
	}
	for _, kind := range options.Kinds {
		if kind == KindRewrite || !slices.Contains(Kinds(), kind) {
			return nil, fmt.Errorf("chaos cannot use a fault of kind %q", kind)
		}
	}
	if options.MaxDelay == 0 {
		options.MaxDelay = time.Minute
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.chaos = nil
	if options.Rate > 0 {
		w.chaos = &chaos{options}
	}
	return w.chaos, nil
}

// pick makes up a fault for a request, or gives nil.
func (x *chaos) pick(worldSeed uint64, c *call) *Fault {
	if len(x.Operations) > 0 && !slices.Contains(x.Operations, c.op.name) {
		return nil
	}
	seed := x.Seed
	if seed == 0 {
		seed = worldSeed
	}
	dice := random(seed, "chaos", c.entry.Property, c.op.name, c.entry.Key, strconv.Itoa(c.occasion))
	if dice.Float64() >= x.Rate {
		return nil
	}
	kinds := x.Kinds
	if len(kinds) == 0 {
		kinds = chaosKinds(c)
	}
	f := &Fault{Kind: kinds[dice.IntN(len(kinds))], After: dice.IntN(2) == 0}
	switch f.Kind {
	case KindDelay, KindLateEffect:
		f.Delay = 1 + time.Duration(dice.Int64N(int64(x.MaxDelay)))
	case KindStatus:
		statuses := chaosStatuses(c)
		f.Status = statuses[dice.IntN(len(statuses))]
	case KindRedirect:
		f.Status = 307 + dice.IntN(2)
	case KindThrottle:
		// After a 429 a client may send again, so it never comes with an effect.
		f.After = false
		after := []string{"", "0", "1", "3", "-1", "0.5", "soon"}
		f.RetryAfter = after[dice.IntN(len(after))]
	case KindHugeBody, KindGzipBomb, KindEndlessHeaders:
		f.Size = 64 << 20
	case KindSlowBody:
		f.Delay = 1 + x.MaxDelay/100
	default:
	}
	return f
}

func chaosKinds(c *call) []Kind {
	if !c.op.write {
		return []Kind{
			KindStatus, KindThrottle, KindReset, KindResetUnread, KindDelay, KindTruncatedBody, KindHeadersOnly,
			KindEmptyBody, KindHTMLBody, KindGarbageJSON,
		}
	}
	return []Kind{
		KindStatus, KindThrottle, KindRedirect, KindReset, KindResetUnread, KindDelay, KindHang, KindTruncatedBody,
		KindHeadersOnly, KindEmptyBody, KindHTMLBody, KindGarbageJSON, KindErrorsBesideSuccess, KindInformationalFlood,
		KindLateEffect,
	}
}

// chaosStatuses are those after which nothing is known of a write, and which
// are worth trying again for a read.
func chaosStatuses(c *call) []int {
	if !c.op.write {
		return []int{500, 502, 503, 504}
	}
	return []int{202, 204, 302, 403, 404, 408, 409, 413, 425, 500, 501, 502, 503, 504}
}
