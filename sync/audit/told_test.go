package audit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func (d difference) want(n int) []string {
	lines := []string{}
	for _, each := range d.wants {
		kind, identity := each, n
		if before, _, none := strings.Cut(each, "=0"); none {
			kind, identity = before, 0
		} else if before, _, more := strings.Cut(each, "+1000"); more {
			kind, identity = before, n+1000
		}
		property := hotel
		if d.name == "a token that nobody knows" {
			property = ""
		}
		lines = append(lines, fmt.Sprintf("%s %s %d %s", kind, id(n), identity, property))
	}
	return lines
}

func TestEachDifferenceIsTold(t *testing.T) {
	const n = 7
	for _, d := range differences() {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld()
			d.make(w, n)
			summary, found := w.audit(t)
			if diff := cmp.Diff(d.want(n), outline(found)); diff != "" {
				t.Fatalf("want -, got +\n%s%+v", diff, found)
			}
			if len(found) > 0 {
				mentions(t, found[0].Detail, d.detail)
			}
			for i, f := range found {
				if f.Due != (d.due && i == len(found)-1) {
					t.Errorf("due %t: %s", f.Due, f.Detail)
				}
			}
			got := map[string]int{inMotion: summary.InMotion, isAnswered: summary.Answered, isForeign: summary.Foreign}
			for count, n := range got {
				if (n == 1) != (count == d.counted) || n > 1 {
					t.Errorf("%d %s: %+v", n, count, summary)
				}
			}
			if len(summary.Unread) > 0 {
				t.Errorf("%q", summary.Unread)
			}
		})
	}
}

func TestEveryKindIsAmongTheDifferences(t *testing.T) {
	told := map[Kind]bool{}
	for _, d := range differences() {
		for _, line := range d.want(1) {
			kind, _, _ := strings.Cut(line, " ")
			told[Kind(kind)] = true
		}
	}
	for _, kind := range Kinds() {
		if !told[kind] {
			t.Errorf("%s is not", kind)
		}
	}
}

// TestAWorldOfManyDifferencesIsToldExactly mixes them in worlds that v4 shows in
// disorder and with repetitions, and sorts in next to no memory.
func TestAWorldOfManyDifferencesIsToldExactly(t *testing.T) {
	all := slices.DeleteFunc(differences(), func(d difference) bool {
		return d.name == "parked before its create" // it takes the payment method from everybody
	})
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.options.Folder, w.options.memory = folder, rapid.IntRange(1, 4096).Draw(t, "memory")
		w.random = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		want, counted, due := []string{}, map[string]int{}, 0
		for i, at := range rapid.SliceOfN(rapid.IntRange(0, len(all)-1), 0, 60).Draw(t, "differences") {
			d, n := all[at], 1+i
			d.make(w, n)
			want = append(want, d.want(n)...)
			counted[d.counted]++
			if d.due {
				due++
			}
		}
		// The order of the customers is none of an audit's business.
		w.random.Shuffle(len(w.listed), func(i, j int) { w.listed[i], w.listed[j] = w.listed[j], w.listed[i] })
		var found []Finding
		summary, err := w.run(t.Context(), func(f Finding) error {
			found = append(found, f)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, outline(found)); diff != "" {
			t.Fatalf("want -, got +\n%s", diff)
		}
		got := map[string]int{inMotion: summary.InMotion, isAnswered: summary.Answered}
		for count, n := range got {
			if n != counted[count] {
				t.Fatalf("%d %s, want %d", n, count, counted[count])
			}
		}
		if len(summary.Unread) > 0 || summary.Due != due {
			t.Fatalf("%d due, want %d; %q", summary.Due, due, summary.Unread)
		}
	})
}
