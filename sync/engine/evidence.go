package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// mayGoOn refuses the starts that cannot be made safe: the file is older than
// the world, v4 holds what nothing here explains, and there is no evidence that
// this sink keeps tokens, which alone would tell what of it is ours. Evidence is
// the proof, or one token that is a preauthorization's Id.
func (s *sinkRuntime) mayGoOn(ctx context.Context, c *cycle, found listing) error {
	if !s.e.isOlder() || found.unexplained == 0 {
		return nil
	}
	if s.opts.Tokens == TokenID && (found.ours || s.proof() == plan.ProofKept) {
		return nil
	}
	if s.opts.Tokens == TokenID && found.tokens > 0 {
		if ours, err := s.anyOurs(ctx, c); err != nil || ours {
			return err
		}
	}
	return s.e.fail(&BindingError{fmt.Sprintf(
		"the state file does not know what an earlier one sent to this v4, and the %d holds it does not know carry no token that "+
			"tells which are ours: put the newest state file back, or compare those holds with the PMS by hand; a new file may begin "+
			"without the generation file beside it only where none of those holds is this program's", found.unexplained)})
}

// anyOurs polls every property until one preauthorization's Id is a token that
// the sink was found to hold.
func (s *sinkRuntime) anyOurs(ctx context.Context, c *cycle) (bool, error) {
	for _, run := range c.runs {
		if run.p.sink != s || !run.ready {
			continue
		}
		customers, err := run.p.opts.Customers(ctx)
		if err != nil {
			return false, err
		}
		found, err := run.discover(ctx)
		if err != nil {
			return false, err
		}
		ours := false
		for chunk := range slices.Chunk(append(found, customers.IDs...), chunkSize) {
			if _, err := run.p.opts.Source.Poll(ctx, chunk, func(reply Reply) error {
				asked := make([]string, 0, len(reply.Preauthorizations))
				for _, p := range reply.Preauthorizations {
					asked = append(asked, string(p.ID))
				}
				tokens, err := s.e.ledger.Tokens(ctx, s.name, asked)
				ours = ours || len(tokens) > 0
				return err
			}); err != nil || ours {
				return ours, err
			}
		}
	}
	return false, nil
}

// controlShows asks for a token that the sink is known to keep: where it does
// not show that one either, the absence of another proves nothing.
func (s *sinkRuntime) controlShows(ctx context.Context, c *cycle) (bool, error) {
	s.mu.Lock()
	control := s.doc.Candidate
	s.mu.Unlock()
	if control == nil {
		return true, nil
	}
	holds, err := s.opts.Sink.FindByToken(ctx, control.Token)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(holds, func(h preauth.Hold) bool { return h.Token == control.Token }) {
		return true, nil
	}
	s.log(c).Error("the sink does not show a token that it kept before: the absence of another proves nothing until it shows a new one",
		telemetry.Event(telemetry.TokenHidden), telemetry.Identity(control.Identity))
	return false, s.update(ctx, func(doc *plan.Sink) { doc.Proof, doc.Candidate = plan.ProofOpen, nil })
}
