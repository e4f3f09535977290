package telemetry_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

func ask(h http.Handler, method, path string) *httptest.ResponseRecorder {
	reply := httptest.NewRecorder()
	h.ServeHTTP(reply, httptest.NewRequest(method, path, http.NoBody))
	return reply
}

func newHealth(problems ...string) telemetry.Health {
	return telemetry.Health{
		Pulse: telemetry.NewPulse(nil), Stall: time.Minute,
		Ready: func() []string { return problems },
		Notes: func(context.Context) []string { return nil },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "the metrics")
		}),
	}
}

func TestTheEndpointsAnswerWhatIsAsked(t *testing.T) {
	ready := newHealth().Handler()
	waiting := newHealth(`the PMS "cannot" be reached`, "nothing moves").Handler()
	noted := newHealth()
	noted.Notes = func(context.Context) []string { return []string{"writes are paused"} }
	type answer struct {
		Status int
		Body   string
	}
	for _, c := range []struct {
		name, method, path string
		handler            http.Handler
		want               answer
	}{
		{"alive", http.MethodGet, "/healthz", ready, answer{200, "ok\n"}},
		{"alive though not ready", http.MethodGet, "/healthz", waiting, answer{200, "ok\n"}},
		{"ready", http.MethodGet, "/readyz", ready, answer{200, `{"ready":true,"problems":[],"notes":[]}` + "\n"}},
		{
			"ready, by somebody's order not for everything", http.MethodGet, "/readyz", noted.Handler(),
			answer{200, `{"ready":true,"problems":[],"notes":["writes are paused"]}` + "\n"},
		},
		{
			"not ready, and why", http.MethodGet, "/readyz", waiting,
			answer{503, `{"ready":false,"problems":["the PMS \"cannot\" be reached","nothing moves"],"notes":[]}` + "\n"},
		},
		{"metrics", http.MethodGet, "/metrics", ready, answer{200, "the metrics"}},
		{"another path", http.MethodGet, "/", ready, answer{404, "404 page not found\n"}},
		{"below a path", http.MethodGet, "/healthz/x", ready, answer{404, "404 page not found\n"}},
		{"a post", http.MethodPost, "/healthz", ready, answer{405, "Method Not Allowed\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			reply := ask(c.handler, c.method, c.path)
			if diff := cmp.Diff(c.want, answer{reply.Code, reply.Body.String()}); diff != "" {
				t.Error(diff)
			}
		})
	}
	if reply := ask(waiting, http.MethodHead, "/readyz"); reply.Code != http.StatusServiceUnavailable {
		t.Errorf("HEAD is answered with %d", reply.Code)
	}
}

func TestAProgramThatDoesNotMoveIsNotHealthyUntilItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHealth()
		handler := h.Handler()
		<-time.After(h.Stall)
		if got := ask(handler, http.MethodGet, "/healthz").Code; got != http.StatusOK {
			t.Errorf("at the limit: %d", got)
		}
		<-time.After(time.Second)
		reply := ask(handler, http.MethodGet, "/healthz")
		if reply.Code != http.StatusServiceUnavailable || !strings.Contains(reply.Body.String(), "1m1s") {
			t.Errorf("beyond it: %d %s", reply.Code, reply.Body)
		}
		h.Pulse.Beat()
		if got := ask(handler, http.MethodGet, "/healthz").Code; got != http.StatusOK {
			t.Errorf("after a beat: %d", got)
		}
	})
}
