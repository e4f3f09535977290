package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// lister has something parked.
type lister struct {
	control.Operator

	rows []control.Parked
}

func (l lister) Parked(context.Context, control.Selection) (control.ParkedList, error) {
	return control.ParkedList{Rows: l.rows}, nil
}

func TestMoreThanOneAnswerIsAskedForOnATerminal(t *testing.T) {
	one := control.Parked{ID: anID, Reason: plan.Rejected}
	other := control.Parked{ID: "2d93962f-067f-45a6-b7c4-bc4b9d899456", Reason: plan.NoPaymentMethod}
	both := []preauth.ID{anID, preauth.ID(other.ID)}
	ofProperty, ofReason := control.Selection{Property: "prague"}, control.Selection{Reason: plan.Rejected}
	for name, c := range map[string]struct {
		of     control.Selection
		rows   []control.Parked
		key    string
		yes    bool
		piped  bool
		asks   bool
		want   *control.Selection
		failed bool
	}{
		"two, and yes":            {of: ofProperty, rows: []control.Parked{one, other}, key: "y\n", asks: true, want: &control.Selection{IDs: both, Property: "prague"}},
		"two, and no":             {of: ofProperty, rows: []control.Parked{one, other}, key: "n\n", asks: true},
		"two, and nobody answers": {of: ofProperty, rows: []control.Parked{one, other}, asks: true, failed: true},
		"two by reason, and yes":  {of: ofReason, rows: []control.Parked{one, one}, key: "yes\n", asks: true, want: &control.Selection{IDs: []preauth.ID{anID, anID}, Reason: plan.Rejected}},
		"two that are named":      {of: control.Selection{IDs: both}, rows: []control.Parked{one, other}, key: "y\n", asks: true, want: &control.Selection{IDs: both}},
		"one":                     {of: ofProperty, rows: []control.Parked{one}, want: &ofProperty},
		"none":                    {of: ofProperty, want: &ofProperty},
		"two, and --yes":          {of: ofProperty, rows: []control.Parked{one, other}, yes: true, want: &ofProperty},
		"two, without a terminal": {of: ofProperty, rows: []control.Parked{one, other}, piped: true, want: &ofProperty},
	} {
		t.Run(name, func(t *testing.T) {
			var out, question bytes.Buffer
			e := &env{Process: &Process{
				Stdin: strings.NewReader(c.key), Stdout: &out, Stderr: &question, Terminals: Terminals{Stdin: !c.piped},
			}}
			var got *control.Selection
			a := parkedAnswer{env: e, yes: c.yes}
			err := a.ask(t.Context(), lister{rows: c.rows}, c.of, func(of control.Selection) (control.Answers, error) {
				got = &of
				return control.Answers{}, nil
			})
			if diff := cmp.Diff(c.want, got); diff != "" || (err != nil) != c.failed {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
			if asked := strings.Contains(question.String(), "[y/N]"); asked != c.asks {
				t.Errorf("it said %s%s", out.String(), question.String())
			}
			if c.asks && !strings.HasPrefix(out.String(), "2 are parked: ") {
				t.Errorf("it does not say how many: %s", out.String())
			}
		})
	}
}

func TestWhatCannotBeSaidIsNotAnswered(t *testing.T) {
	e := &env{Process: &Process{Stdin: strings.NewReader("y\n"), Stdout: full{}, Stderr: &bytes.Buffer{}, Terminals: Terminals{Stdin: true}}}
	a := parkedAnswer{env: e}
	err := a.ask(t.Context(), lister{rows: make([]control.Parked, 2)}, control.Selection{Property: "prague"},
		func(control.Selection) (control.Answers, error) {
			t.Error("it is answered")
			return control.Answers{}, nil
		})
	if !errors.Is(err, errFull) {
		t.Error(err)
	}
}
