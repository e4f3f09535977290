package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Options are what a World is made of. The zero value is usable.
type Options struct {
	// Seed makes everything repeatable that is not timing: ids, tokens, faults.
	Seed uint64
	// Now is the clock, time.Now when nil.
	Now func() time.Time
	// Bare leaves out the enterprise "hotel-1", the tenant "tenant-1" and its
	// payment method that a world otherwise starts with.
	Bare bool
	// Settings are the behaviour to begin with; see DefaultSettings. Nil means those.
	Settings *Settings
	// RequestLog is how many requests the log keeps, the newest; 1,000,000 when 0.
	RequestLog int
}

const defaultRequestLog = 1_000_000

// World is the state behind both APIs. Its methods may be called from any
// goroutine. It starts no goroutine of its own; late effects run on timers.
type World struct {
	now        func() time.Time
	seed       uint64
	logLimit   int
	closing    chan struct{}
	handlers   sync.WaitGroup
	connector  *api
	v4         *api
	closeTwice sync.Once

	mu       sync.Mutex
	closed   bool
	ids      *rand.Rand
	settings Settings

	clientToken string
	enterprises []*enterprise
	rows        []row
	rowsByID    map[uuid.UUID]int32
	unknown     map[uuid.UUID]bool
	stays       map[uuid.UUID]*stay

	tenants []*tenant
	methods map[int64]*PaymentMethod
	// nextMethod is the identity of the next one that is made, unless it is taken.
	nextMethod int64
	bearers    map[string]bearer
	holds      map[int64]*hold
	highest    int64

	effects    []Effect
	violations []string
	requests   []Request
	dropped    int
	sequence   int64
	counts     map[string]int
	writes     int
	mostWrites int

	rules     []*rule
	ruleCount int64
	chaos     *chaos
	occasions map[string]int
	timers    map[int64]*time.Timer
	timerID   int64
}

// New makes a world. Unless it is to be bare it has one enterprise, one tenant
// and one active payment method.
func New(options Options) *World {
	w := &World{
		now: options.Now, seed: options.Seed, logLimit: options.RequestLog,
		closing: make(chan struct{}), settings: DefaultSettings(),
		ids: random(options.Seed, "ids"), rowsByID: map[uuid.UUID]int32{}, unknown: map[uuid.UUID]bool{},
		stays:   map[uuid.UUID]*stay{},
		methods: map[int64]*PaymentMethod{}, nextMethod: firstMethod, bearers: map[string]bearer{}, holds: map[int64]*hold{},
		counts: map[string]int{}, timers: map[int64]*time.Timer{}, occasions: map[string]int{},
	}
	if w.now == nil {
		w.now = time.Now
	}
	if w.logLimit <= 0 {
		w.logLimit = defaultRequestLog
	}
	if options.Settings != nil {
		w.settings = *options.Settings
	}
	w.clientToken = w.token()
	w.connector = &api{name: APIConnector, prefix: connectorPrefix, route: w.routeConnector}
	w.v4 = &api{name: APIV4, prefix: v4Prefix, route: w.routeV4}
	if !options.Bare {
		w.furnish()
	}
	return w
}

// furnish adds what most uses begin with.
func (w *World) furnish() {
	t := w.addTenant(Tenant{Name: "tenant-1"})
	w.addMethod(t, &PaymentMethod{Name: "House card"})
	w.addEnterprise(Enterprise{Name: "hotel-1", Currency: "EUR", Tenant: t.Name})
}

// Close ends every pending late effect and every waiting handler, and returns
// when they are over. Close the servers first: a handler that is writing to a
// peer that does not read ends only with its connection.
func (w *World) Close() {
	w.closeTwice.Do(func() {
		w.mu.Lock()
		w.closed = true
		for id, timer := range w.timers {
			if timer.Stop() {
				w.handlers.Done()
			}
			delete(w.timers, id)
		}
		w.mu.Unlock()
		close(w.closing)
	})
	w.handlers.Wait()
}

// enter counts a handler in, unless the world is closed.
func (w *World) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.handlers.Add(1)
	return true
}

// later runs f after d, unless the world is closed first.
func (w *World) later(d time.Duration, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.handlers.Add(1)
	w.timerID++
	id := w.timerID
	w.timers[id] = time.AfterFunc(d, func() {
		defer w.handlers.Done()
		w.mu.Lock()
		delete(w.timers, id)
		over := w.closed
		w.mu.Unlock()
		if !over {
			f()
		}
	})
}

// pause waits for d and tells whether it was not cut short by the request's
// end or the world's. A negative d waits for those alone. With none to wait for it
// does not look at the request: what has arrived takes effect, though the client
// may have hung up since.
func (w *World) pause(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		select {
		case <-w.closing:
			return false
		default:
			return true
		}
	}
	var due <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		return true
	case <-ctx.Done():
		return false
	case <-w.closing:
		return false
	}
}

// Connector is the Connector API's handler; its paths begin with /api/connector/v1/.
func (w *World) Connector() http.Handler { return w.handler(w.connector) }

// V4 is the v4 API's handler; its paths begin with /ResourceServer/api/v4/, the
// login's with /AuthorizationServer/api/v4/.
func (w *World) V4() http.Handler { return w.handler(w.v4) }

// Handler is both APIs and the administration under /simulator/. It compares
// paths itself: http.ServeMux would answer an untidy one with a redirect.
func (w *World) Handler() http.Handler {
	connector, v4, admin := w.Connector(), w.V4(), w.Admin()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		switch {
		case strings.HasPrefix(path, adminPrefix):
			admin.ServeHTTP(rw, r)
		case strings.HasPrefix(path, v4Prefix), strings.HasPrefix(path, loginPrefix):
			v4.ServeHTTP(rw, r)
		case strings.HasPrefix(path, connectorPrefix):
			connector.ServeHTTP(rw, r)
		default:
			http.NotFound(rw, r)
		}
	})
}

// ClientToken is the token of the client application in the Connector API.
func (w *World) ClientToken() string { return w.clientToken }

// random is a source that depends on the seed and on what it is for, and not on
// the order in which requests happen to arrive.
func random(seed uint64, purpose ...string) *rand.Rand {
	const offset, prime = 14695981039346656037, 1099511628211
	hash := uint64(offset)
	for _, part := range purpose {
		for i := range len(part) {
			hash = (hash ^ uint64(part[i])) * prime
		}
		hash = (hash ^ 0xff) * prime
	}
	return rand.New(rand.NewPCG(seed, hash)) //nolint:gosec // a simulator has to repeat itself
}

// newUUID takes 16 bytes from a source and gives them the form of a version 4 UUID.
func newUUID(source *rand.Rand) uuid.UUID {
	var u uuid.UUID
	a, b := source.Uint64(), source.Uint64()
	for i := range 8 {
		u[i], u[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// token makes one in the form of the Connector API's tokens [S].
func (w *World) token() string {
	return fmt.Sprintf("%016X%016X-%016X%015X", w.ids.Uint64(), w.ids.Uint64(), w.ids.Uint64(), w.ids.Uint64()>>4)
}
