package simulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestTheLedgerOfEffectsCountsDuplicates(t *testing.T) {
	b := overTCP(t)
	b.configure(func(s *simulator.Settings) { s.AllowDoubleCapture, s.TokenPolicy = true, simulator.TokenOverwrite })
	for _, token := range []string{"aa", "AA", "bb", "", ""} {
		body := `{"paymentMethodId":101,"amount":22.50}`
		if token != "" {
			body = `{"paymentMethodId":101,"amount":22.50,"transactionToken":"` + token + `"}`
		}
		if got := b.v4(http.MethodPost, createPath, body); got.status != http.StatusOK || strings.Contains(got.body, `"`+token+`"`) {
			t.Fatalf("%q: %+v", token, got)
		}
	}
	for _, identity := range []string{"1", "3", "3", "3"} {
		if got := b.capture(identity); got.status != http.StatusOK {
			t.Fatalf("%+v", got)
		}
	}
	want := simulator.Account{Creates: 5, Captures: 4, DuplicateCreates: 1, DuplicateCaptures: 2, Violations: []string{}}
	if diff := cmp.Diff(want, b.world.Account()); diff != "" {
		t.Error(diff)
	}
	effects := b.world.Effects()
	first, last := effects[0], effects[len(effects)-1]
	if first.Seq != 1 || first.Kind != simulator.EffectCreate || first.Token != "aa" || first.StoredToken == "aa" ||
		!first.Amount.Equal(dec("22.5")) || first.PaymentMethodID != 101 || first.Time.IsZero() {
		t.Errorf("%+v", first)
	}
	if last.Seq != 9 || last.Kind != simulator.EffectCapture || last.Identity != 3 || last.Token != "bb" {
		t.Errorf("%+v", last)
	}
	if holds := b.world.Holds(); len(holds) != 5 || holds[2].Captures != 3 {
		t.Errorf("%+v", holds)
	}
}

func TestASecondCaptureIsRefusedWithItsCode(t *testing.T) {
	b := overTCP(t)
	b.configure(func(s *simulator.Settings) { s.AlreadyCapturedCode = 4711 })
	b.create("aa")
	b.capture("1")
	got := b.capture("1")
	if got.status != http.StatusBadRequest || !strings.Contains(got.body, `"code":4711`) {
		t.Errorf("%+v", got)
	}
	if account := b.world.Account(); account.Captures != 1 || account.DuplicateCaptures != 0 {
		t.Errorf("%+v", account)
	}
}

func TestTokensInCapitals(t *testing.T) {
	b := overTCP(t)
	b.configure(func(s *simulator.Settings) { s.UpperCaseTokens = true })
	b.create(idA)
	if h := b.world.Holds()[0]; h.Token != strings.ToUpper(idA) || h.SentToken != idA {
		t.Errorf("%+v", h)
	}
	if got := identities(t, b.v4(http.MethodPost, searchPath, find("transactionToken", "eq", `"`+idA+`"`)).body); got != "1" {
		t.Errorf("a search found %q", got)
	}
}

func TestRequestsAreLoggedAndCounted(t *testing.T) {
	b := overTCP(t)
	b.poll(customer)
	b.create("aa")
	b.capture("1")
	b.capture("9")
	type line struct {
		API, Operation, Key, Property string
		Status                        int
	}
	var got []line
	for _, r := range b.world.Requests() {
		got = append(got, line{r.API, r.Operation, r.Key, r.Property, r.Status})
		if r.Body != nil || r.Time.IsZero() || r.Path == "" || r.Method != http.MethodPost {
			t.Errorf("%+v", r)
		}
	}
	want := []line{
		{"connector", "poll", "", "hotel-1", 200},
		{"v4", "create", "aa", "", 200},
		{"v4", "capture", "1", "", 200},
		{"v4", "capture", "9", "", 400},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if b.world.Count("v4", "capture") != 2 || b.world.Count("v4", "") != 3 || b.world.MostWrites() != 1 {
		t.Error(b.world.Count("v4", "capture"), b.world.Count("v4", ""), b.world.MostWrites())
	}
	if n := b.world.MostInWindow("v4", "", time.Hour); n != 3 {
		t.Error("most in an hour:", n)
	}
}

func TestAnOldRequestLogGivesWay(t *testing.T) {
	w := simulator.New(simulator.Options{RequestLog: 4})
	s, err := simulator.Listen("localhost:0", w)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, w, s.URL(), nil, s.Close)
	for range 11 {
		b.create("aa")
	}
	requests := w.Requests()
	if len(requests) == 0 || len(requests) > 4 || requests[len(requests)-1].Seq != 11 {
		t.Fatalf("%+v", requests)
	}
	for _, r := range requests {
		if r.Status != http.StatusOK {
			t.Errorf("%+v", r)
		}
	}
}

func TestAnIdempotencyKeyIsAViolation(t *testing.T) {
	b := overTCP(t)
	b.send(t.Context(), http.MethodPost, createPath, `{"paymentMethodId":101,"amount":1}`, "Content-Type", "application/json",
		"Authorization", "Bearer "+b.token, "Idempotency-Key", "x")
	if v := b.world.Account().Violations; len(v) != 1 {
		t.Error(v)
	}
}

func TestReconcileFindsWhatIsMissingAndWhatIsWrong(t *testing.T) {
	b := overTCP(t)
	add := func(state, amount string) string {
		return b.add(simulator.Preauthorization{CustomerID: customer, State: state, Amount: dec(amount)})
	}
	missing, uncaptured := add(simulator.Charged, "22.5"), add(simulator.Charged, "22.50")
	fine, twice, other := add(simulator.Chargeable, "22.5"), add(simulator.Charged, "22.5"), add(simulator.Chargeable, "23")
	add(simulator.Cancelled, "1")
	b.configure(func(s *simulator.Settings) { s.AllowDoubleCapture = true })
	for _, token := range []string{uncaptured, fine, twice, twice, other} {
		b.create(token)
	}
	for _, identity := range []string{"2", "3", "3"} {
		b.capture(identity)
	}
	got := b.world.Reconcile()
	want := simulator.Reconciliation{
		Held: 4, Captured: 2, Without: []string{missing}, Uncaptured: []string{uncaptured},
		Wrong: []string{
			fine + " is Chargeable, and captured", twice + " has 2 holds", twice + " is captured 2 times",
			other + " is 23, and its hold 5 is 22.5",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
