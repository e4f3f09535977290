package simulator_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestEveryOptionIsListed(t *testing.T) {
	b := overTCP(t)
	var all map[string]any
	b.ask(http.MethodGet, "options", "", &all)
	var listed []string
	for _, knob := range simulator.Knobs() {
		if knob.Takes == "" {
			t.Errorf("%s does not say what it takes", knob.Name)
		}
		listed = append(listed, knob.Name)
	}
	slices.Sort(listed)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), listed); diff != "" {
		t.Errorf("(-served +listed):\n%s", diff)
	}
}
