package v4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

const (
	// mostSingly is up to how many cards are asked for one by one. For more it is
	// tried to read all payment methods instead.
	mostSingly = 100
	// askers is how many cards are asked for at once.
	askers = 4
	// mostSilent ends it when v4 has left so many questions in a row without a reply.
	mostSilent = 5
	// mostTold is how many failures an error tells; the rest is counted.
	mostTold = 3
	// maxFault is the length of a fault, in bytes.
	maxFault = 300
	// nobodysCard is asked for to see whether v4 answers as it should. It has no
	// letters, and so no upper case.
	nobodysCard = "00000000-0000-4000-8000-000000000000"
)

// methodsLookup is one FindMethods.
type methodsLookup struct {
	client *Client
	field  string
	// cards are distinct, and in order.
	cards []string

	// control lets one at a time ask for nobody's card.
	control sync.Mutex

	mu    sync.Mutex
	found map[string]preauth.CardMethods
	// sound is set once v4 has answered as it should, unsound once it has not for
	// nobody's card.
	sound   bool
	unsound error
	// silent counts the questions since v4's last reply.
	silent int
	// ended is set when the rest is not asked for.
	ended bool
	// told are the first failures, and before them the one that ended it.
	told []error
}

// askEach asks for each card by itself.
func (l *methodsLookup) askEach(ctx context.Context) {
	var asking errgroup.Group
	asking.SetLimit(askers)
	for _, card := range l.cards {
		asking.Go(func() error {
			if ctx.Err() == nil && !l.over() {
				l.ask(ctx, card)
			}
			return nil
		})
	}
	_ = asking.Wait() // each failure is noted
}

func (l *methodsLookup) ask(ctx context.Context, card string) {
	methods, err := l.client.methodsOf(ctx, l.field, card)
	switch {
	case err == nil:
		l.answer(card, preauth.CardMethods{Methods: methods})
	case errors.Is(err, preauth.ErrUnanswered):
		l.fail(card, err, false)
	case aboutLogin(err):
		l.fail(card, err, true)
	default:
		l.judge(ctx, card, err)
	}
}

// judge takes a reply that cannot be used for what it is: about its card, or about
// whatever v4 is asked.
func (l *methodsLookup) judge(ctx context.Context, card string, err error) {
	switch control := l.proveSound(ctx); {
	case errors.Is(control, preauth.ErrUnanswered):
		l.fail(card, fmt.Errorf("%w; whether that is about the card is not known: %w", err, control), false)
	case control != nil:
		l.fail(card, fmt.Errorf("%w; and v4 answers no better for a card that nobody has", err), true)
	case aboutCard(err):
		l.answer(card, preauth.CardMethods{Fault: faultOf(err)})
	default:
		l.fail(card, err, false)
	}
}

// proveSound tells whether v4 answers as it should, for which it asks for nobody's card
// where no other answer has shown it. The error says why it does not.
func (l *methodsLookup) proveSound(ctx context.Context) error {
	l.control.Lock()
	defer l.control.Unlock()
	if sound, unsound := l.state(); sound || unsound != nil {
		return unsound
	}
	_, err := l.client.methodsOf(ctx, l.field, nobodysCard)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sound = l.sound || err == nil; l.sound {
		return nil
	}
	if !errors.Is(err, preauth.ErrUnanswered) {
		l.unsound = err
	}
	return err
}

func (l *methodsLookup) state() (sound bool, unsound error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sound, l.unsound
}

// aboutLogin tells whether v4 does not accept the login. Every further question would
// be a further login with it.
func aboutLogin(err error) bool {
	refusal, refused := errors.AsType[*preauth.SinkRefusal](err)
	return refused && (refusal.Operation == opLogin || refusal.Status == http.StatusUnauthorized)
}

// aboutCard tells whether a reply that cannot be used is about the card asked for, where
// v4 answers for others. 403 is about the login, whatever it carries, and a refusal
// without v4's errors may be that of something in front of it.
func aboutCard(err error) bool {
	refusal, refused := errors.AsType[*preauth.SinkRefusal](err)
	return !refused || (refusal.Status != http.StatusForbidden && len(refusal.Errors) > 0)
}

// faultOf says what is odd in one line. It leaves the trackingId out: the same oddity
// reads the same each time.
func faultOf(err error) string {
	if refusal, refused := errors.AsType[*preauth.SinkRefusal](err); refused {
		bare := *refusal
		bare.TrackingID = ""
		err = &bare
	}
	return httpx.OneLine(err.Error(), maxFault)
}

func (l *methodsLookup) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *methodsLookup) answer(card string, answer preauth.CardMethods) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found[card], l.silent = answer, 0
	l.sound = l.sound || answer.Fault == ""
}

// fail notes why a card has no answer, and whether that ends it.
func (l *methodsLookup) fail(card string, err error, ends bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(err, preauth.ErrUnanswered) {
		l.silent++
	} else {
		l.silent = 0
	}
	if ends {
		err = fmt.Errorf("%w: %w", preauth.ErrNoLookUps, err)
	}
	err = fmt.Errorf("card %s: %w", card, err)
	switch ends = ends || l.silent >= mostSilent; {
	case ends && !l.ended:
		l.ended = true
		l.told = append([]error{err}, l.told[:min(len(l.told), mostTold-1)]...)
	case len(l.told) < mostTold:
		l.told = append(l.told, err)
	}
}

// err says how many cards have no answer, and why.
func (l *methodsLookup) err(ctx context.Context) error {
	left := len(l.cards) - len(l.found)
	if left == 0 {
		return nil
	}
	causes := l.told
	if ctx.Err() != nil {
		causes = []error{ctx.Err()}
	}
	err := fmt.Errorf("%d of %d cards have no answer: %w", left, len(l.cards), causes[0])
	for _, cause := range causes[1:] {
		err = fmt.Errorf("%w; %w", err, cause)
	}
	return err
}
