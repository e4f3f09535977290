package httpx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"
)

// try is one exchange of a readCall, and its reply's body: closing that ends it.
type try struct {
	call    *readCall
	body    io.ReadCloser
	done    func()
	cancel  context.CancelFunc
	expired func() bool
	started time.Time
	ended   bool
}

// Read reads on within the try's time-out.
func (t *try) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a body ends with io.EOF itself
		err = t.translate(err)
	}
	return n, err
}

// Close ends the try. It is called more than once, by go-retryablehttp too.
func (t *try) Close() error {
	err := t.body.Close()
	t.end(nil)
	return err
}

// translate says in our own words that the try's time ran out.
func (t *try) translate(err error) error {
	if t.expired() {
		return fmt.Errorf("%w: not over after %s", ErrTimeout, t.call.cfg.Timeout)
	}
	return err
}

func (t *try) end(err error) {
	if t.ended {
		return
	}
	t.ended = true
	t.cancel()
	t.call.event.Duration = time.Since(t.started)
	if err != nil {
		t.call.event.Err = RedactError(err, t.call.secrets()...)
	}
	if t.call.cfg.Slots != nil {
		<-t.call.cfg.Slots
	}
	t.done()
}

// worthAnotherTry is the judgement on a try that gave no usable reply.
func worthAnotherTry(err error) bool {
	if errors.Is(err, ErrBodyTooLarge) {
		return false // it would be as large again
	}
	// Somebody answers under a name that is not theirs, or a clock is wrong: a matter
	// for people, and nothing to send tokens to in the meantime.
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return !untrusted
}

// clean makes a request's or a tracking id fit for an event.
func clean(text string) string {
	const most = 128
	return OneLine(text, most)
}
