package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Admin is the administration under /simulator/, see the package's comment.
func (w *World) Admin() http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		answer, err := w.administer(r)
		status := http.StatusOK
		if err != nil {
			status = http.StatusBadRequest
			if refused, ok := errors.AsType[*adminError](err); ok {
				status = refused.status
			}
			answer = map[string]string{"error": err.Error()}
		}
		body, err := json.Marshal(answer)
		if err != nil {
			status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		_, _ = rw.Write(append(body, '\n')) // a client that went away is no concern of a server
	})
}

// adminError is a refusal whose status is not 400.
type adminError struct {
	status int
	text   string
}

func (e *adminError) Error() string { return e.text }

// administer does what one address of the administration does.
func (w *World) administer(r *http.Request) (any, error) {
	asked := r.Method + " " + r.URL.Path
	for _, each := range Addresses() {
		if each.Method+" "+each.Path == asked {
			return each.do(w, r)
		}
	}
	return nil, &adminError{http.StatusNotFound, "the administration has no " + asked + "; GET " + adminPrefix + " says what it has"}
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// readJSON reads a body strictly.
func readJSON(r *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody))
	if err != nil {
		return fmt.Errorf("the body cannot be read: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("the body is refused: %w", err)
	}
	return nil
}

// duration is a Go duration in JSON.
type duration time.Duration

// MarshalText writes it as "1m30s".
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func (w *World) adminShow(r *http.Request) (any, error) {
	query := r.URL.Query()
	if id := query.Get("id"); id != "" {
		p, ok := w.Preauthorization(id)
		if !ok {
			return nil, &adminError{http.StatusNotFound, fmt.Sprintf("the world has no preauthorization %.64q", id)}
		}
		return p, nil
	}
	return orEmpty(w.PreauthorizationsOf(query.Get("customer_id"))), nil
}

// preauthorizationWire is a preauthorization to add, or what to change of one.
type preauthorizationWire struct {
	Enterprise string           `json:"enterprise"`
	ID         string           `json:"id"`
	CustomerID string           `json:"customer_id"`
	CardID     string           `json:"card_id"`
	Amount     *decimal.Decimal `json:"amount"`
	Currency   *string          `json:"currency"`
	State      *string          `json:"state"`
	Active     *bool            `json:"active"`
	Code       *string          `json:"code"`
}

func (p preauthorizationWire) change(into *Preauthorization) {
	assign(p.Amount, &into.Amount)
	assign(p.Currency, &into.Currency)
	assign(p.State, &into.State)
	assign(p.Code, &into.Code)
	if p.Active != nil {
		into.Inactive = !*p.Active
	}
}

// assign copies what is given.
func assign[T any](from, into *T) {
	if from != nil {
		*into = *from
	}
}

func (w *World) adminPut(r *http.Request) (any, error) {
	var p preauthorizationWire
	if err := readJSON(r, &p); err != nil {
		return nil, err
	}
	id := p.ID
	if _, exists := w.Preauthorization(id); exists {
		if p.Enterprise+p.CustomerID+p.CardID != "" {
			return nil, errors.New("a preauthorization's enterprise, customer_id and card_id cannot be changed")
		}
		if err := w.Update(id, p.change); err != nil {
			return nil, err
		}
	} else {
		added := Preauthorization{ID: id, Enterprise: p.Enterprise, CustomerID: p.CustomerID, CardID: p.CardID}
		p.change(&added)
		var err error
		if id, err = w.AddPreauthorization(added); err != nil {
			return nil, err
		}
	}
	now, _ := w.Preauthorization(id)
	return now, nil
}

// faultWire is a Fault in JSON. A kind may end in _before or _after.
type faultWire struct {
	API         string            `json:"api"`
	Operation   string            `json:"operation"`
	Kind        string            `json:"kind"`
	Nth         int               `json:"nth"`
	Times       int               `json:"times"`
	Probability float64           `json:"probability"`
	After       bool              `json:"after"`
	Delay       duration          `json:"delay"`
	Status      int               `json:"status"`
	Header      map[string]string `json:"header"`
	Body        string            `json:"body"`
	RetryAfter  string            `json:"retry_after"`
	Location    string            `json:"location"`
	Size        int64             `json:"size"`
}

func (w *World) adminFault(r *http.Request) (any, error) {
	var wire faultWire
	if err := readJSON(r, &wire); err != nil {
		return nil, err
	}
	f := Fault{
		API: wire.API, Operation: wire.Operation, Kind: Kind(wire.Kind), Nth: wire.Nth, Times: wire.Times,
		Probability: wire.Probability, After: wire.After, Delay: time.Duration(wire.Delay), Status: wire.Status,
		Header: http.Header{}, Body: wire.Body, RetryAfter: wire.RetryAfter, Location: wire.Location, Size: wire.Size,
	}
	for name, value := range wire.Header {
		f.Header.Set(name, value)
	}
	if kind, ok := strings.CutSuffix(wire.Kind, "_before"); ok {
		f.Kind, f.After = Kind(kind), false
	} else if kind, ok := strings.CutSuffix(wire.Kind, "_after"); ok {
		f.Kind, f.After = Kind(kind), true
	}
	id, err := w.inject(f)
	return map[string]int64{"id": id}, err
}

func (w *World) adminChaos(r *http.Request) (any, error) {
	var wire struct {
		Rate       float64  `json:"rate"`
		Seed       uint64   `json:"seed"`
		MaxDelay   duration `json:"max_delay"`
		Kinds      []Kind   `json:"kinds"`
		Operations []string `json:"operations"`
	}
	if err := readJSON(r, &wire); err != nil {
		return nil, err
	}
	_, err := w.beginChaos(ChaosOptions{
		Rate: wire.Rate, Seed: wire.Seed, MaxDelay: time.Duration(wire.MaxDelay), Kinds: wire.Kinds,
		Operations: wire.Operations,
	})
	return struct{}{}, err
}

// settingsWire is Settings in JSON.
type settingsWire struct {
	TokenPolicy         TokenPolicy `json:"token_policy"`
	TokenDelay          duration    `json:"token_delay"`
	UpperCaseTokens     bool        `json:"upper_case_tokens"`
	CaseSensitiveSearch bool        `json:"case_sensitive_search"`
	IgnoreSearch        bool        `json:"ignore_search"`
	IgnorePaging        bool        `json:"ignore_paging"`
	ShuffleLists        bool        `json:"shuffle_lists"`
	RepeatItems         bool        `json:"repeat_items"`
	PageCap             int         `json:"page_cap"`
	CreateReply         string      `json:"create_reply"`
	CaptureReply        string      `json:"capture_reply"`
	CaptureField        string      `json:"capture_field"`
	AllowDoubleCapture  bool        `json:"allow_double_capture"`
	AlreadyCapturedCode int64       `json:"already_captured_code"`
	Latency             duration    `json:"latency"`
	LoginTTL            duration    `json:"login_ttl"`
	ExpiresInText       bool        `json:"expires_in_text"`
	LoginRefusal        int         `json:"login_refusal"`
	RateLimit           int         `json:"rate_limit"`
	RateWindow          duration    `json:"rate_window"`
	OlderReplies        bool        `json:"older_replies"`
	CustomersPageCap    int         `json:"customers_page_cap"`
	CursorAtEnd         bool        `json:"cursor_at_end"`
	UpperCaseIDs        bool        `json:"upper_case_ids"`
}

func wireOf(s Settings) settingsWire {
	return settingsWire{
		TokenPolicy: s.TokenPolicy, TokenDelay: duration(s.TokenDelay), UpperCaseTokens: s.UpperCaseTokens,
		CaseSensitiveSearch: s.CaseSensitiveSearch, IgnoreSearch: s.IgnoreSearch, IgnorePaging: s.IgnorePaging,
		ShuffleLists: s.ShuffleLists, RepeatItems: s.RepeatItems, PageCap: s.PageCap, CreateReply: s.CreateReply,
		CaptureReply: s.CaptureReply, CaptureField: s.CaptureField, AllowDoubleCapture: s.AllowDoubleCapture,
		AlreadyCapturedCode: s.AlreadyCapturedCode, Latency: duration(s.Latency), LoginTTL: duration(s.LoginTTL),
		ExpiresInText: s.ExpiresInText, LoginRefusal: s.LoginRefusal, RateLimit: s.RateLimit,
		RateWindow: duration(s.RateWindow), OlderReplies: s.OlderReplies,
		CustomersPageCap: s.CustomersPageCap, CursorAtEnd: s.CursorAtEnd, UpperCaseIDs: s.UpperCaseIDs,
	}
}

func (s settingsWire) settings() Settings {
	return Settings{
		TokenPolicy: s.TokenPolicy, TokenDelay: time.Duration(s.TokenDelay), UpperCaseTokens: s.UpperCaseTokens,
		CaseSensitiveSearch: s.CaseSensitiveSearch, IgnoreSearch: s.IgnoreSearch, IgnorePaging: s.IgnorePaging,
		ShuffleLists: s.ShuffleLists, RepeatItems: s.RepeatItems, PageCap: s.PageCap, CreateReply: s.CreateReply,
		CaptureReply: s.CaptureReply, CaptureField: s.CaptureField, AllowDoubleCapture: s.AllowDoubleCapture,
		AlreadyCapturedCode: s.AlreadyCapturedCode, Latency: time.Duration(s.Latency),
		LoginTTL: time.Duration(s.LoginTTL), ExpiresInText: s.ExpiresInText, LoginRefusal: s.LoginRefusal,
		RateLimit: s.RateLimit, RateWindow: time.Duration(s.RateWindow), OlderReplies: s.OlderReplies,
		CustomersPageCap: s.CustomersPageCap, CursorAtEnd: s.CursorAtEnd, UpperCaseIDs: s.UpperCaseIDs,
	}
}

// adminSettings changes what the body names and leaves the rest.
func (w *World) adminSettings(r *http.Request) (any, error) {
	wire := wireOf(w.Settings())
	if err := readJSON(r, &wire); err != nil {
		return nil, err
	}
	if err := w.Configure(func(s *Settings) { *s = wire.settings() }); err != nil {
		return nil, err
	}
	return wireOf(w.Settings()), nil
}
