package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Health is what the health endpoints go by. All fields are needed.
type Health struct {
	Pulse *Pulse
	// Stall is the silence of the pulse from which on the program counts as hanging.
	Stall time.Duration
	// Ready gives what keeps the program from doing its work, in words that anybody
	// may read, or nothing.
	Ready func() []string
	// Notes gives what keeps it from some of its work by somebody's order, in words too,
	// or nothing.
	Notes func(context.Context) []string
	// Metrics answers /metrics.
	Metrics http.Handler
}

// Handler answers GET and HEAD of three paths, and nothing else:
//
//   - /metrics in Prometheus' text format;
//   - /healthz with 200 while the program makes progress, else 503: restart it;
//   - /readyz with 200 while nothing keeps it from its work, else 503: look at the
//     problems that the JSON lists. The notes beside them are orders, and no problems.
func (h Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h.Metrics)
	mux.HandleFunc("GET /healthz", h.healthz)
	mux.HandleFunc("GET /readyz", h.readyz)
	return mux
}

func (h Health) healthz(w http.ResponseWriter, _ *http.Request) {
	status, text := http.StatusOK, "ok\n"
	if silence := h.Pulse.Since(); silence > h.Stall {
		status = http.StatusServiceUnavailable
		text = fmt.Sprintf("nothing has moved for %s\n", silence.Round(time.Second))
	}
	answer(w, status, "text/plain; charset=utf-8", []byte(text))
}

func (h Health) readyz(w http.ResponseWriter, r *http.Request) {
	problems := append([]string{}, h.Ready()...) // an empty list, not null
	notes := append([]string{}, h.Notes(r.Context())...)
	status := http.StatusOK
	if len(problems) > 0 {
		status = http.StatusServiceUnavailable
	}
	body, _ := json.Marshal(struct { // strings always encode
		Ready    bool     `json:"ready"`
		Problems []string `json:"problems"`
		Notes    []string `json:"notes"`
	}{len(problems) == 0, problems, notes})
	answer(w, status, "application/json", append(body, '\n'))
}

func answer(w http.ResponseWriter, status int, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // who asked has gone
}
