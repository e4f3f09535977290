package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

const methodsPath = "/ResourceServer/api/v4/PaymentMethod/Search"

// foundMethods is a reply of a search for payment methods.
type foundMethods struct {
	TrackingId string
	ItemCount  int
	Items      []struct {
		Identity, AccountId                         int64
		Name                                        string
		PaymentMethodToken, PaymentMethodIdentifier *string
		IsActive, Autopay                           bool
	}
}

func (f foundMethods) identities() []int64 {
	var all []int64
	for _, m := range f.Items {
		all = append(all, m.Identity)
	}
	return all
}

// methods searches by so many conditions "name operator value", and with what else the query says.
func (b *bench) methods(further string, conditions ...string) foundMethods {
	b.t.Helper()
	var search []string
	for _, each := range conditions {
		parts := strings.SplitN(each, " ", 3)
		search = append(search, fmt.Sprintf(`{"name":%q,"operator":%q,"value":%s}`, parts[0], parts[1], parts[2]))
	}
	got := b.v4(http.MethodPost, methodsPath, `{"query":{"search":[`+strings.Join(search, ",")+`]`+further+`}}`)
	if got.status != http.StatusOK {
		b.t.Fatalf("%+v", got)
	}
	var f foundMethods
	decode(b.t, got.body, &f)
	return f
}

func TestPaymentMethodsAreSearched(t *testing.T) {
	b := overTCP(t)
	card, other := guestOf(0xca), guestOf(0xcb)
	first, err := b.world.AddCard("", strings.ToUpper(card))
	if err != nil || first != 102 {
		t.Fatal(first, err)
	}
	for _, m := range []simulator.PaymentMethod{
		{Identifier: strings.ToUpper(card), Inactive: true, Token: "tok-1", Name: "Old", Account: 7},
		{Identifier: "text", AutoPay: true, Account: 7},
	} {
		if _, err := b.world.AddPaymentMethod(m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.world.AddTenant(simulator.Tenant{Name: "other"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.world.AddPaymentMethod(simulator.PaymentMethod{Tenant: "other", Identifier: card}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, further string
		conditions    []string
		want          []int64
	}{
		{"all of the tenant's", "", nil, []int64{101, 102, 103, 104}},
		{"by a card, in any letter case", "", []string{`paymentMethodIdentifier eq "` + card + `"`}, []int64{102, 103}},
		{"active alone", "", []string{`paymentMethodIdentifier eq "` + card + `"`, `isActive eq true`}, []int64{102}},
		{"not active", "", []string{`isActive notEq true`}, []int64{103}},
		{"by the one that pays by itself", "", []string{`autopay eq true`}, []int64{104}},
		{"by a card that is not there", "", []string{`paymentMethodIdentifier eq "` + other + `"`}, nil},
		{"by token", "", []string{`paymentMethodToken eq "tok-1"`}, []int64{103}},
		{"by account", "", []string{`accountId eq 7`}, []int64{103, 104}},
		{"page by page", `,"top":2,"orderBy":[{"name":"identity","direction":"asc"}]`, []string{`identity gt 101`}, []int64{102, 103}},
		{"the last first", `,"orderBy":[{"name":"identity","direction":"desc"}]`, nil, []int64{104, 103, 102, 101}},
		{"by name", "", []string{`name startsWith "card 10"`}, []int64{102, 104}},
	} {
		got := b.methods(c.further, c.conditions...)
		if diff := cmp.Diff(c.want, got.identities()); diff != "" || got.ItemCount != len(c.want) || got.TrackingId == "" {
			t.Errorf("%s: %+v %s", c.name, got, diff)
		}
	}
	old := b.methods("", `identity eq 103`).Items[0]
	if old.Name != "Old" || old.AccountId != 7 || *old.PaymentMethodToken != "tok-1" || *old.PaymentMethodIdentifier != strings.ToUpper(card) || old.IsActive {
		t.Errorf("%+v", old)
	}
	err = b.world.UpdatePaymentMethod(103, func(m *simulator.PaymentMethod) { m.Identifier, m.Inactive = other, false })
	if got := b.methods("", `paymentMethodIdentifier eq "`+other+`"`).identities(); err != nil || !cmp.Equal(got, []int64{103}) {
		t.Errorf("under its new identifier: %v, %v", got, err)
	}
	if got := b.methods("", `paymentMethodIdentifier eq "`+card+`"`).identities(); !cmp.Equal(got, []int64{102}) {
		t.Errorf("under its old identifier: %v", got)
	}
}

func TestTheSearchForPaymentMethodsIsStrictAndMeetsFaults(t *testing.T) {
	b := overTCP(t)
	condition := func(name, operator, value string) string {
		return `{"query":{"search":[{"name":"` + name + `","operator":"` + operator + `","value":` + value + `}]}}`
	}
	for name, body := range map[string]string{
		"another object's property": condition("transactionToken", "eq", `"x"`),
		"a card as a number":        condition("paymentMethodIdentifier", "eq", "7"),
		"a flag as text":            condition("isActive", "eq", `"true"`),
		"a flag that is greater":    condition("isActive", "gt", "true"),
		"a part of a number":        condition("accountId", "contains", "7"),
		"several values":            condition("paymentMethodIdentifier", "in", `["x"]`),
		"an order by nothing":       `{"query":{"orderBy":[{"name":"created"}]}}`,
	} {
		before := len(b.world.Account().Violations)
		if got := b.v4(http.MethodPost, methodsPath, body); got.status != 400 || len(b.world.Account().Violations) != before+1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := b.v4(http.MethodGet, methodsPath, ""); got.status != http.StatusMethodNotAllowed {
		t.Errorf("%+v", got)
	}
	b.world.Inject(simulator.Fault{Operation: simulator.OpMethods, Kind: simulator.KindHTMLBody, Times: 1})
	if got := b.v4(http.MethodPost, methodsPath, `{"query":{}}`); !isHTML(got.body) {
		t.Errorf("%+v", got)
	}
	b.configure(func(s *simulator.Settings) { s.IgnoreSearch, s.RepeatItems = true, true })
	if got := b.methods("", `identity eq 7`).identities(); !cmp.Equal(got, []int64{101, 101}) {
		t.Errorf("a search that ignores its conditions gave %v", got)
	}
	b.world.RevokeTokens()
	if got := b.v4(http.MethodPost, methodsPath, `{"query":{}}`); got.status != http.StatusUnauthorized {
		t.Errorf("%+v", got)
	}
}

func TestAHoldInAnotherTenantOrOnAnothersCardIsWrong(t *testing.T) {
	b := overTCP(t)
	if _, err := b.world.AddTenant(simulator.Tenant{Name: "tenant-2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.world.AddEnterprise(simulator.Enterprise{Name: "hotel-2", Tenant: "tenant-2"}); err != nil {
		t.Fatal(err)
	}
	card := guestOf(0xca)
	mine := b.add(simulator.Preauthorization{CardID: card, Amount: dec("10")})
	theirs := b.add(simulator.Preauthorization{Enterprise: "hotel-2", Amount: dec("10")})
	method, err := b.world.AddCard("", card)
	if err != nil {
		t.Fatal(err)
	}
	hold := func(tenant, id string) {
		t.Helper()
		_, err := b.world.AddHold(simulator.Hold{Tenant: tenant, PaymentMethodID: method, Amount: dec("10"), Token: id, SentToken: id})
		if err != nil {
			t.Fatal(err)
		}
	}
	hold("", mine)
	if got := b.world.Reconcile(); len(got.Wrong) > 0 {
		t.Errorf("%+v", got)
	}
	hold("tenant-1", theirs)
	got := b.world.Reconcile().Wrong
	if len(got) != 2 || !strings.Contains(got[0], "is in tenant-1") || !strings.Contains(got[1], "on that of card "+card) {
		t.Errorf("%q", got)
	}
	if _, err := b.world.AddCard("hotel-2", "x"); err == nil {
		t.Error("a card that is no UUID was taken")
	}
	if added, err := b.world.AddCard("hotel-2", guestOf(1)); err != nil {
		t.Error(err)
	} else if m, _ := b.world.PaymentMethod(added); m.Tenant != "tenant-2" || m.Identifier != guestOf(1) {
		t.Errorf("%+v", m)
	}
}
