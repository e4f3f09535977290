package month_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// failingPage is the trouble that comes most often.
const failingPage = "a page of discovery fails"

// plot is what goes wrong in a month.
type plot struct {
	troubles []trouble
	// lossy is a time in which tokens show late and every fourth reply is lost.
	lossy [2]time.Time
	// reloads is when the operator has the new access token.
	reloads time.Time
}

// spoil decides what goes wrong, and writes into the script what the world itself does.
func (s *script) spoil() plot {
	var p plot
	at := func(share float64, hour, minute int) time.Time {
		days := time.Duration(share*float64(s.days)) * day
		return s.began.Add(days + time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	}
	v4 := func(r request) bool { return r.of == groupTenant && r.op != opLogin } // logins are another server's
	pms := func(r request) bool { return r.of != groupTenant && r.of != apartTenant }
	p.troubles = append(p.troubles,
		trouble{name: "the PMS is out of order", from: at(0.3, 13, 50), to: at(0.3, 14, 20), hits: pms, stops: true, blind: true},
		trouble{name: "the group's v4 is out of order", from: at(0.43, 9, 55), to: at(0.43, 10, 55), hits: v4, stops: true, of: groupTenant},
	)
	p.lossy = [2]time.Time{at(0.2, 9, 0), at(0.2, 21, 0)}
	s.lateTokens(p.lossy[0], p.lossy[1])
	p.troubles = append(p.troubles, trouble{
		name: "v4 shows tokens two minutes late, and every fourth reply to a write is lost", from: p.lossy[0], to: p.lossy[1], hits: never,
	})
	rotated := s.hotels[len(s.hotels)/2]
	changed := at(0.6, 13, 17)
	p.reloads = changed.Add(130 * time.Minute)
	s.happens(changed, "access tokens changed", func(w *simulator.World) error {
		_, err := w.RotateAccessToken(rotated.name)
		return err
	})
	p.troubles = append(p.troubles, trouble{
		name: fmt.Sprintf("%s has another access token", rotated.name), from: changed, to: p.reloads.Add(s.every),
		hits: never, stops: true, blind: true, of: rotated.name,
	})
	p.troubles = append(p.troubles, s.failingPages()...)
	return p
}

// never is for what the gate has no part in.
func never(request) bool { return false }

// lateTokens lets v4 show holds at once and their tokens minutes later.
func (s *script) lateTokens(from, to time.Time) {
	policy := func(policy simulator.TokenPolicy) func(*simulator.World) error {
		return func(w *simulator.World) error {
			return w.Configure(func(to *simulator.Settings) { to.TokenPolicy, to.TokenDelay = policy, 2*time.Minute })
		}
	}
	s.happens(from, "", policy(simulator.TokenLateToken))
	s.happens(to, "", policy(simulator.TokenKeep))
}

// failingPages lets a page of a property's discovery fail now and then, for a cycle.
func (s *script) failingPages() []trouble {
	var all []trouble
	for i, h := range s.hotels {
		for from := s.began.Add(time.Duration(26+7*i) * time.Hour); from.Before(s.ends); from = from.Add(10 * day) {
			all = append(all, trouble{
				name: failingPage, from: from.Add(-time.Minute), to: from.Add(5 * time.Minute), blind: true, of: h.name,
				hits: func(r request) bool { return r.of == h.name && r.op == opGuests },
			})
		}
	}
	return all
}

// disturbs tells whether something goes wrong for a property within a span of time, or
// has gone wrong shortly before it.
func (p plot) disturbs(tenant, property string, from, to time.Time) bool {
	return slices.ContainsFunc(p.troubles, func(t trouble) bool {
		return t.concerns(tenant, property) && t.from.Before(to) && from.Before(t.to)
	})
}

// stops tells whether nothing can be planned for a property at a moment.
func (p plot) stops(h *hotel, at time.Time) bool {
	return slices.ContainsFunc(p.troubles, func(t trouble) bool {
		return t.stops && t.concerns(h.tenant, h.name) && t.lasts(at)
	})
}

// blinds tells whether a customer who is new to a property is not read at a moment.
func (p plot) blinds(h *hotel, at time.Time) bool {
	return slices.ContainsFunc(p.troubles, func(t trouble) bool {
		return t.blind && t.concerns(h.tenant, h.name) && t.lasts(at)
	})
}

func (t trouble) lasts(at time.Time) bool { return !at.Before(t.from) && at.Before(t.to) }

func (t trouble) concerns(tenant, property string) bool {
	return t.of == "" || t.of == tenant || t.of == property
}
