package month_test

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The addresses, all of which lead through the gate to the same world.
const (
	pmsAddress   = "http://127.0.0.1:1"
	groupAddress = "http://127.0.0.1:2"
	apartAddress = "http://127.0.0.1:3"
)

// The operations, as the report names them.
const (
	opPoll          = "polls"
	opGuests        = "guests of reservations"
	opUpdated       = "customers updated or merged"
	opMerged        = "into whom guests were merged"
	opConfiguration = "whose token it is"
	opLogin         = "logins"
	opMethods       = "look-ups of cards"
	opCreate        = "creates"
	opCapture       = "captures"
	opSearch        = "searches for holds"
	opOther         = "others"
)

// request is one that has arrived at either API.
type request struct {
	at time.Time
	op string
	// of is the name of the property, or of the tenant.
	of string
	// key is a create's token, a capture's identity.
	key string
	// failed is set when it met with trouble, and lost when it took effect all the same.
	failed, lost bool
}

// trouble is a time during which requests fail.
type trouble struct {
	name     string
	from, to time.Time
	hits     func(request) bool
	// stops is set where nothing can be planned meanwhile, blind where nobody new is read.
	stops, blind bool
	// of is the property or tenant concerned, empty for all.
	of string
}

// gate stands before both APIs: it counts what arrives, and makes trouble.
type gate struct {
	to   http.Handler
	seed uint64
	// losing is the share of writes whose reply is lost.
	losing float64
	plot   plot

	mu     sync.Mutex
	tokens map[string]string
	seen   []request
	turns  map[string]byte
}

// ServeHTTP lets a request through, or not.
func (g *gate) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	is := g.read(r, body)
	for _, t := range g.plot.troubles {
		if t.lasts(is.at) && t.hits(is) {
			is.failed = true
		}
	}
	is.lost = !is.failed && g.loses(is)
	g.mu.Lock()
	g.seen = append(g.seen, is)
	g.mu.Unlock()
	switch {
	case is.failed:
		rw.WriteHeader(http.StatusServiceUnavailable)
	case is.lost:
		g.to.ServeHTTP(&unheard{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	default:
		g.to.ServeHTTP(rw, r)
	}
}

// loses throws dice that depend on the write alone, and on how often it has come.
func (g *gate) loses(r request) bool {
	if r.op != opCreate && r.op != opCapture {
		return false
	}
	g.mu.Lock()
	g.turns[r.op+r.key]++
	turn := g.turns[r.op+r.key]
	g.mu.Unlock()
	h := fnv.New64a()
	h.Write([]byte(r.op + r.of + r.key))
	h.Write([]byte{turn, byte(g.seed), byte(g.seed >> 8)})
	const scale = 1 << 20
	losing := g.losing
	if r.at.After(g.plot.lossy[0]) && r.at.Before(g.plot.lossy[1]) {
		losing = 0.25
	}
	return float64(h.Sum64()%scale) < losing*scale
}

// unheard takes a reply that nobody gets.
type unheard struct{ header http.Header }

func (u *unheard) Header() http.Header         { return u.header }
func (u *unheard) Write(p []byte) (int, error) { return len(p), nil }
func (u *unheard) WriteHeader(int)             {}

// read says what a request is.
func (g *gate) read(r *http.Request, body []byte) request {
	out := request{at: time.Now(), op: opOther, of: groupTenant}
	if "http://"+r.Host == apartAddress {
		out.of = apartTenant
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/api/connector/v1/"):
		g.readConnector(&out, path, body)
	case strings.HasSuffix(path, "/Access/Login"):
		out.op = opLogin
	case strings.HasSuffix(path, "/PaymentMethod/Search"):
		out.op = opMethods
	case strings.HasSuffix(path, "/PaymentPreAuthorize/Capture"):
		out.op, out.key = opCapture, member(body, "identity")
	case strings.HasSuffix(path, "/PaymentPreAuthorize/") && r.Method == http.MethodPost:
		out.op, out.key = opCreate, member(body, "transactionToken")
	case strings.Contains(path, "/PaymentPreAuthorize/"):
		out.op = opSearch
	}
	return out
}

func (g *gate) readConnector(out *request, path string, body []byte) {
	_, after, _ := bytes.Cut(body, []byte(`"AccessToken":"`))
	token, _, _ := bytes.Cut(after, []byte(`"`))
	g.mu.Lock()
	out.of = g.tokens[string(token)]
	g.mu.Unlock()
	switch strings.TrimPrefix(path, "/api/connector/v1/") {
	case "preauthorizations/getAllByCustomers":
		out.op = opPoll
	case "reservations/getAll/2023-06-06":
		out.op = opGuests
	case "customers/getAll":
		out.op = opUpdated
		if bytes.Contains(body, []byte(`"CustomerIds"`)) {
			out.op = opMerged
		}
	case "configuration/get":
		out.op = opConfiguration
	}
}

// member gives a member of a JSON object, as text.
func member(body []byte, name string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return ""
	}
	return strings.ToLower(strings.Trim(string(fields[name]), `"`))
}

// belongs says whose an access token is.
func (g *gate) belongs(token, property string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens[token] = property
}

// requests gives all that have arrived.
func (g *gate) requests() []request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen
}
