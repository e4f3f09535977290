package connector

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// repoll polls in the knowledge of an earlier reply, and gives the only reply.
func (b *bench) repoll(known preauth.Fingerprint, customers ...preauth.ID) preauth.Reply {
	b.Helper()
	var replies []preauth.Reply
	_, err := b.client().Repoll(b.Context(), customers, known, func(r preauth.Reply) error {
		replies = append(replies, r)
		return nil
	})
	if err != nil || len(replies) != 1 {
		b.Fatalf("%d replies: %v", len(replies), err)
	}
	return replies[0]
}

// says answers with the text that it points to.
func says(text *string) answer {
	return func(w http.ResponseWriter, _ asked) {
		w.Header().Set("Request-Id", "req-1")
		fmt.Fprint(w, *text)
	}
}

func TestAReplyThatSaysTheSameIsNotLookedInto(t *testing.T) {
	one, two, three := entryOf(hold(1), customer(1)), entryOf(hold(2), customer(2)), entryOf(hold(3), customer(1))
	cheaper := strings.Replace(one, `"GrossValue":10`, `"GrossValue":9`, 1)
	dearer := strings.Replace(three, `"GrossValue":10`, `"GrossValue":11`, 1)
	for _, each := range []struct {
		name, first, second string
		unchanged           bool
	}{
		{"the same bytes", listOf(one, two, three), listOf(one, two, three), true},
		{"another order", listOf(one, two, three), listOf(three, one, two), true},
		{"other white space between the entries", listOf(one, two), "{\"Preauthorizations\":[" + two + " ,\n" + one + "]}", true},
		{"nobody has any", listOf(), listOf(), true},
		{"what is unusual, byte for byte", `{"A":{},"Preauthorizations":[` + one + `]}`, `{"A":{},"Preauthorizations":[` + one + `]}`, true},
		{"what is unusual, in another order", `{"A":{},"Preauthorizations":[` + one + "," + two + `]}`, `{"A":{},"Preauthorizations":[` + two + "," + one + `]}`, false},
		{"one more", listOf(one, two), listOf(one, two, three), false},
		{"one less", listOf(one, two), listOf(two), false},
		{"one twice", listOf(one, two), listOf(one, two, two), false},
		{"another amount", listOf(one, two, three), listOf(cheaper, two, three), false},
		{"amounts that change places", listOf(cheaper, dearer), listOf(strings.Replace(one, `:10,`, `:11,`, 1), strings.Replace(three, `:10,`, `:9,`, 1)), false},
		{"parts of one length that change places", listOf(one, dearer), listOf(strings.Replace(one, `:10,`, `:11,`, 1), three), false},
		{"another property beside the list", listOf(one), `{"Preauthorizations":[` + one + `],"Cursor":null}`, false},
	} {
		t.Run(each.name, func(t *testing.T) {
			text := each.first
			inBubble(t, says(&text), func(b *bench) {
				asked := []preauth.ID{customer(1), customer(2)}
				first := b.repoll(preauth.Fingerprint{}, asked...)
				if first.Unchanged || first.Fingerprint.IsZero() {
					b.Fatalf("the first is %+v", first)
				}
				text = each.second
				second := b.repoll(first.Fingerprint, asked...)
				if second.Unchanged != each.unchanged || second.Fingerprint.IsZero() || (second.Fingerprint == first.Fingerprint) != (each.first == each.second) {
					b.Errorf("unchanged %t, %x after %x", second.Unchanged, second.Fingerprint, first.Fingerprint)
				}
				want := preauth.Reply{Customers: asked, RequestID: "req-1", Fingerprint: second.Fingerprint, Unchanged: true}
				if diff := cmp.Diff(want, second); each.unchanged && diff != "" {
					b.Error(diff)
				}
				if !each.unchanged && len(second.Preauthorizations) == 0 {
					b.Error("a reply that says something else was not looked into")
				}
				if third := b.repoll(second.Fingerprint, asked...); !third.Unchanged {
					b.Error("what was said last is not known")
				}
			})
		})
	}
}

func TestHalvesOfAFingerprintCountEachOnItsOwn(t *testing.T) {
	text := listOf(entryOf(hold(1), customer(1)))
	inBubble(t, says(&text), func(b *bench) {
		whole := b.repoll(preauth.Fingerprint{}, customer(1)).Fingerprint
		for _, each := range []struct {
			known     preauth.Fingerprint
			unchanged bool
		}{
			{preauth.Fingerprint{Body: whole.Body}, true},
			{preauth.Fingerprint{Entries: whole.Entries}, true},
			{preauth.Fingerprint{Body: whole.Entries}, false},
			{preauth.Fingerprint{Entries: whole.Body}, false},
			{preauth.Fingerprint{}, false},
		} {
			if got := b.repoll(each.known, customer(1)); got.Unchanged != each.unchanged {
				b.Errorf("known %x: unchanged %t", each.known, got.Unchanged)
			}
		}
		if other := b.repoll(preauth.Fingerprint{}, customer(1)).Fingerprint; other.Body == whole.Body || other.Entries == whole.Entries {
			b.Errorf("without a known one the key is not a new one: %x and %x", whole, other)
		}
	})
}

func TestRepliesThatAreNotAllOfItHaveNoFingerprint(t *testing.T) {
	one := entryOf(hold(1), customer(1))
	for _, each := range []struct{ name, text string }{
		{"two versions of one", listOf(one, strings.Replace(one, "EUR", "USD", 1))},
		{"one that contradicts itself", listOf(strings.Replace(one, `"IsActive":true`, `"IsActive":"no"`, 1))},
		{"an unusable one", listOf(one, `{"CustomerId":"`+string(customer(2))+`"}`)},
		{"one of who was not asked for", listOf(one, entryOf(hold(2), customer(3)))},
		{"one of nobody", listOf(one, strings.Replace(entryOf(hold(2), "x"), `"CustomerId":"x",`, "", 1))},
	} {
		t.Run(each.name, func(t *testing.T) {
			inBubble(t, says(&each.text), func(b *bench) {
				got := b.repoll(preauth.Fingerprint{}, customer(1), customer(2))
				if !got.Fingerprint.IsZero() || got.Unchanged || len(got.Customers) == 0 {
					b.Errorf("got %+v", got)
				}
			})
		})
	}
	inBubble(t, everyone, func(b *bench) {
		if _, err := b.poll(customer(1)); err != nil || !b.replies[0].Fingerprint.IsZero() {
			b.Errorf("a plain poll: %+v, %v", b.replies, err)
		}
		whole := b.repoll(preauth.Fingerprint{}, customers(4)...).Fingerprint
		if got := b.repoll(whole, append(customers(4), "no-uuid")...); !got.Fingerprint.IsZero() || got.Unchanged {
			b.Errorf("one of them cannot be asked for: %+v", got)
		}
	})
}

func TestPartsOfAPollAreLookedInto(t *testing.T) {
	limit := 4
	inBubble(t, func(w http.ResponseWriter, r asked) {
		if len(r.customers) > limit {
			fail(w, 413, "Too large")
			return
		}
		fmt.Fprint(w, listOf()) // the same for every part
	}, func(b *bench) {
		whole := b.repoll(preauth.Fingerprint{}, customers(4)...).Fingerprint
		limit = 2
		refused, err := b.client().Repoll(b.Context(), customers(4), whole, func(r preauth.Reply) error {
			if r.Unchanged || !r.Fingerprint.IsZero() {
				b.Errorf("got %+v", r)
			}
			b.replies = append(b.replies, r)
			return nil
		})
		if err != nil || len(refused) != 0 || len(b.replies) != 2 {
			b.Errorf("%d replies, %v refused: %v", len(b.replies), refused, err)
		}
	})
}

func TestAReplyCutShortIsNeverTakenForTheWholeOfIt(t *testing.T) {
	text := listOf(entryOf(hold(1), customer(1)))
	short := false
	inBubble(t, func(w http.ResponseWriter, _ asked) {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		if short = !short; short {
			fmt.Fprint(w, text[:len(text)-1])
			return
		}
		fmt.Fprint(w, text)
	}, func(b *bench) {
		cut, _ := identify([]byte(text[:len(text)-1]), preauth.Fingerprint{})
		got := b.repoll(cut, customer(1))
		if got.Unchanged || len(got.Preauthorizations) != 1 || len(b.requests) != 2 {
			b.Errorf("%d requests: %+v", len(b.requests), got)
		}
		if got = b.repoll(got.Fingerprint, customer(1)); !got.Unchanged || len(b.requests) != 4 {
			b.Errorf("%d requests: %+v", len(b.requests), got)
		}
	})
}

func TestAReplyThatIsTooLongToGatherIsStreamed(t *testing.T) {
	good := listOf(entryOf(hold(1), customer(1)))
	for _, each := range []struct {
		name   string
		length int
		tells  bool
	}{
		{"as long as may be", maxGathered - 1, true},
		{"longer", maxGathered + 1, false},
	} {
		t.Run(each.name, func(t *testing.T) {
			filler := `{"A":[` + strings.Repeat(`"0123456789012345678901234567890123456789012345678901234567890",`, each.length/64-10) + `1],`
			text := filler + good[1:]
			text += strings.Repeat(" ", each.length-len(text))
			d, err := readPoll(strings.NewReader(text), []preauth.ID{customer(1)}, &preauth.Fingerprint{})
			if err != nil {
				t.Fatal(err)
			}
			if got, refused := d.reply(); len(got.Preauthorizations) != 1 || len(refused) != 0 || got.Fingerprint.IsZero() == each.tells {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestGatherTakesWhatComes(t *testing.T) {
	broken := errors.New("broken")
	text := strings.Repeat("0123456789", 500_000)
	for _, size := range []int{0, 1, leastBuffer - 1, leastBuffer, leastBuffer + 1, len(text)} {
		got, isWhole, err := gather(strings.NewReader(text[:size]), nil)
		if string(got) != text[:size] || !isWhole || err != nil {
			t.Errorf("%d bytes: %d, %t, %v", size, len(got), isWhole, err)
		}
		_, isWhole, err = gather(io.MultiReader(strings.NewReader(text[:size]), iotest.ErrReader(broken)), nil)
		if isWhole || !errors.Is(err, broken) {
			t.Errorf("%d bytes and an error: %t, %v", size, isWhole, err)
		}
	}
	if got, _, _ := gather(strings.NewReader("this"), []byte("an earlier one")[:0]); string(got) != "this" {
		t.Errorf("got %q", got)
	}
}
