package state

import (
	"maps"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// known is what a ledger keeps in memory of its file or, on top of that, what a group of
// batches that is being staged makes of it.
type known struct {
	// under is nil for what the ledger keeps.
	under       *known
	enterprises *enterprises
	// sequence is the number of the newest journal line.
	sequence uint64
	// spans are those of the passes, by the enterprise's number, and stamps count commits
	// by enterprise. What under has is left out where it is the same.
	spans  map[uint16][]span
	stamps map[preauth.ID]uint64
	// tokens counts the commits that put tokens.
	tokens uint64
}

func newKnown(all *enterprises, sequence uint64) *known {
	return &known{
		enterprises: all, sequence: sequence, spans: make(map[uint16][]span), stamps: make(map[preauth.ID]uint64),
	}
}

// over gives a group's on top.
func (k *known) over() *known {
	upper := newKnown(k.enterprises, k.sequence)
	upper.under, upper.tokens = k, k.tokens
	return upper
}

// settle makes what a group says that of the ledger.
func (k *known) settle() {
	k.under.enterprises, k.under.sequence, k.under.tokens = k.enterprises, k.sequence, k.tokens
	maps.Copy(k.under.spans, k.spans)
	maps.Copy(k.under.stamps, k.stamps)
}

func (k *known) spansOf(number uint16) []span {
	for ; k != nil; k = k.under {
		if spans, ok := k.spans[number]; ok {
			return spans
		}
	}
	return nil
}

// stamp changes with every commit that puts a record of the enterprise, or a token.
func (k *known) stamp(enterprise preauth.ID) uint64 {
	for at := k; at != nil; at = at.under {
		if records, ok := at.stamps[enterprise]; ok {
			return records + k.tokens
		}
	}
	return k.tokens
}

// bump counts a commit that puts a record of the enterprise.
func (k *known) bump(enterprise preauth.ID) {
	k.stamps[enterprise] = k.stamp(enterprise) - k.tokens + 1
}

// learn reads what the ledger keeps in memory, after its file has been opened.
func (l *Ledger) learn() error {
	return l.view(func(s snapshot) error {
		all, err := l.readEnterprises(s)
		if err != nil {
			return err
		}
		spans, err := l.readSpans(s)
		if err != nil {
			return err
		}
		l.enterprises.Store(all)
		l.known = newKnown(all, s.sequence())
		l.known.spans = spans
		return nil
	})
}

// settleKnown takes over what a group has made known once it is durable.
func (l *Ledger) settleKnown(staged *known) {
	l.about.Lock()
	defer l.about.Unlock()
	staged.settle()
}

// Stamp changes with every commit that puts a record of the enterprise, or a token. It
// begins anew when the file is opened.
func (l *Ledger) Stamp(enterprise preauth.ID) uint64 {
	l.about.Lock()
	defer l.about.Unlock()
	return l.known.stamp(enterprise)
}
