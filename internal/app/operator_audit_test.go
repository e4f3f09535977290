package app

import (
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestAnAuditTakesTheAccessTokensThatACycleTakes(t *testing.T) {
	known := []plan.Property{{Name: "prague", Enterprise: "p"}, {Name: "vienna", Enterprise: "v"}}
	for name, c := range map[string]struct {
		// met are the enterprises of prague's and brno's tokens.
		met     [2]preauth.ID
		refused [2]bool
	}{
		"known, and new":                  {[2]preauth.ID{"p", "b"}, [2]bool{}},
		"known, and renamed":              {[2]preauth.ID{"p", "v"}, [2]bool{}},
		"one that was another enterprise": {[2]preauth.ID{"b", "v"}, [2]bool{true, false}},
		"one enterprise twice":            {[2]preauth.ID{"p", "p"}, [2]bool{false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &auditBindings{known: known, met: map[preauth.ID]string{}}
			prague, brno := b.check("prague", c.met[0]), b.check("brno", c.met[1])
			if got := [2]bool{prague != nil, brno != nil}; got != c.refused || b.refused != (c.refused != [2]bool{}) {
				t.Errorf("%v, %v, refused: %t", prague, brno, b.refused)
			}
		})
	}
}
