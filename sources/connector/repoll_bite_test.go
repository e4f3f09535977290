package connector

import (
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// A customer who is no UUID is not asked for: the reply is not for all of those that were given.
func TestAPollThatLeavesSomebodyOutIsLookedInto(t *testing.T) {
	text := listOf(entryOf(hold(1), customer(1)))
	inBubble(t, says(&text), func(b *bench) {
		known := b.repoll(preauth.Fingerprint{}, customer(1)).Fingerprint
		if got := b.repoll(known, customer(1)); !got.Unchanged {
			b.Error("the same reply is not known")
		}
		if got := b.repoll(known, customer(1), "nobody"); got.Unchanged || !got.Fingerprint.IsZero() || len(got.Preauthorizations) != 1 {
			b.Errorf("a reply for fewer than were given is %+v", got)
		}
	})
}
