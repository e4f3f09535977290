package detection_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// pms is the Connector API as every client's transport. It looks up its answer when a
// request comes, and gives it after replyTime.
type pms struct {
	mu sync.Mutex
	// holds are the preauthorizations of each customer of each property, as in a reply.
	holds map[string][]string
	// changed is when each came into being.
	changed map[string]time.Time
	// arrived are the last requests with each access token, at most vendorLimit.
	arrived    map[string][]time.Time
	polls      int
	detections []detection
}

// detection is a change and the request at v4 that it has led to.
type detection struct{ changed, sent time.Time }

func newPMS() *pms {
	return &pms{holds: map[string][]string{}, changed: map[string]time.Time{}, arrived: map[string][]time.Time{}}
}

// RoundTrip implements http.RoundTripper.
func (p *pms) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil {
		return nil, err
	}
	token := after(body, `"AccessToken":"`)
	if err := p.arrive(token); err != nil {
		return nil, err
	}
	var reply string
	if strings.HasSuffix(r.URL.Path, "configuration/get") {
		i, err := strconv.Atoi(strings.TrimPrefix(token, hotel))
		if err != nil {
			return nil, err
		}
		reply = fmt.Sprintf(`{"Enterprise":{"Id":%q}}`, enterprise(i))
	} else {
		reply = p.poll(token, after(body, `"CustomerIds":["`))
	}
	select {
	case <-time.After(replyTime):
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(reply)), ContentLength: int64(len(reply)),
	}, nil
}

// after gives what stands in a text between a mark and the next quotation mark.
func after(text []byte, mark string) string {
	_, rest, _ := bytes.Cut(text, []byte(mark))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

// arrive refuses more than the vendor's limit allows.
func (p *pms) arrive(token string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := append(p.arrived[token], time.Now())
	if len(last) > vendorLimit {
		if last[len(last)-1].Sub(last[0]) < window {
			return errors.New("the vendor's limit is exceeded")
		}
		last = last[1:]
	}
	p.arrived[token] = last
	return nil
}

// poll gives what the first of the customers has, and lets another come into being.
func (p *pms) poll(token, customer string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls++
	key := token + customer
	reply := `{"Preauthorizations":[` + strings.Join(p.holds[key], ",") + `]}`
	id := fmt.Sprintf("%08x-0000-4000-8000-0000000000a0", len(p.changed))
	p.changed[id] = time.Now()
	p.holds[key] = append(p.holds[key], fmt.Sprintf(
		`{"Id":%q,"CustomerId":%q,"State":"Chargeable","IsActive":true,"Amount":{"Currency":"EUR","GrossValue":100}}`, id, customer))
	return reply
}

// v4 is the billing platform, which answers at once.
type v4 struct {
	*pms

	made int64
}

// Create implements engine.Sink.
func (v *v4) Create(_ context.Context, req preauth.CreateRequest) preauth.Outcome {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.detections = append(v.detections, detection{changed: v.changed[req.Token], sent: time.Now()})
	v.made++
	return preauth.Outcome{
		Kind: preauth.OutcomeApplied, Status: http.StatusOK,
		Hold: preauth.Hold{Identity: v.made, PaymentMethodID: req.PaymentMethodID, Amount: req.Amount, Token: req.Token},
	}
}

// Ready implements engine.Sink.
func (*v4) Ready(context.Context) error { return nil }

// Admit implements engine.Sink.
func (*v4) Admit(context.Context) (done func(), err error) { return func() {}, nil }

// Relogin implements engine.Sink.
func (*v4) Relogin() {}

// Capture implements engine.Sink: nothing is charged here.
func (*v4) Capture(context.Context, int64) preauth.Outcome {
	return preauth.Outcome{Kind: preauth.OutcomeNotSent, Err: errors.ErrUnsupported}
}

// FindMethods implements engine.Sink: no card is looked up here.
func (*v4) FindMethods(context.Context, string, []string) (map[string]preauth.CardMethods, error) {
	return nil, errors.ErrUnsupported
}

// FindByToken implements engine.Sink: nothing is in doubt here.
func (*v4) FindByToken(context.Context, string) ([]preauth.Hold, error) {
	return nil, errors.ErrUnsupported
}

// List implements engine.Sink.
func (*v4) List(context.Context, func([]preauth.Hold) error) error { return nil }

// ListAbove implements engine.Sink: it holds nothing when the program starts.
func (*v4) ListAbove(context.Context, int64, func([]preauth.Hold) error) error { return nil }
