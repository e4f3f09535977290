package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func TestV4IsStrict(t *testing.T) {
	b := overTCP(t)
	for _, m := range []simulator.PaymentMethod{{Identity: 201, Inactive: true}, {Identity: 202, Declines: true}} {
		if _, err := b.world.AddPaymentMethod(m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.world.AddTenant(simulator.Tenant{Name: "other"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.world.AddPaymentMethod(simulator.PaymentMethod{Identity: 203, Tenant: "other"}); err != nil {
		t.Fatal(err)
	}
	foreign, err := b.world.AddHold(simulator.Hold{Tenant: "other", Identity: 7, Amount: dec("1")})
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"paymentMethodId":101,"amount":22.5}`
	cases := []struct {
		name, method, path, body string
		status                   int
		errors                   int
	}{
		{"a create passes", "POST", createPath, good, 200, 0},
		{"a create without the slash is another address", "POST", strings.TrimSuffix(createPath, "/"), good, 404, 0},
		{"another letter case is another address", "POST", strings.ToLower(createPath), good, 404, 0},
		{"PUT is refused", "PUT", createPath, good, 405, 0},
		{"GET on a capture is refused", "GET", capturePath, "", 405, 0},
		{"no JSON is refused", "POST", createPath, `{`, 400, 1},
		{"an unknown property is refused", "POST", createPath, `{"amount":1,"paymentMethodId":101,"currency":"EUR"}`, 400, 1},
		{"a property twice is refused", "POST", createPath, `{"amount":1,"amount":2,"paymentMethodId":101}`, 400, 1},
		{"an amount in quotes is refused", "POST", createPath, `{"paymentMethodId":101,"amount":"22.5"}`, 400, 1},
		{"an amount of zero is refused", "POST", createPath, `{"paymentMethodId":101,"amount":0}`, 400, 1},
		{"a negative amount is refused", "POST", createPath, `{"paymentMethodId":101,"amount":-1}`, 400, 1},
		{"no amount is refused", "POST", createPath, `{"paymentMethodId":101}`, 400, 1},
		{"a gigantic exponent is refused", "POST", createPath, `{"paymentMethodId":101,"amount":1e999999999}`, 400, 1},
		{"no method and no AutoPay is refused", "POST", createPath, `{"amount":1}`, 400, 1},
		{"an unknown method is refused", "POST", createPath, `{"amount":1,"paymentMethodId":9}`, 400, 1},
		{"another tenant's method is refused", "POST", createPath, `{"amount":1,"paymentMethodId":203}`, 400, 1},
		{"an inactive method is refused", "POST", createPath, `{"amount":1,"paymentMethodId":201}`, 400, 1},
		{"a declined card is refused", "POST", createPath, `{"amount":1,"paymentMethodId":202}`, 400, 1},
		{"a token that is a number is refused", "POST", createPath, `{"amount":1,"paymentMethodId":101,"transactionToken":7}`, 400, 1},
		{"an unknown user is refused", "POST", createPath, `{"amount":1,"paymentMethodId":101,"createdByUserId":77}`, 400, 1},
		{"every error is listed", "POST", createPath, `{"amount":0,"paymentMethodId":9,"createdByUserId":77}`, 400, 3},
		{"the capture of an unknown identity is refused", "POST", capturePath, `{"identity":99}`, 400, 1},
		{"the capture of another tenant's is refused", "POST", capturePath, fmt.Sprintf(`{"identity":%d}`, foreign), 400, 1},
		{"a capture in quotes is refused", "POST", capturePath, `{"identity":"1"}`, 400, 1},
		{"a capture of an amount is refused", "POST", capturePath, `{"identity":1,"amount":5}`, 400, 1},
		{"an unknown id is not found", "GET", createPath + "99", "", 404, 1},
		{"a search without a query is refused", "POST", searchPath, `{"top":1}`, 400, 1},
		{"a top above 10,000 is refused", "POST", searchPath, `{"query":{"top":10001}}`, 400, 1},
		{"an unknown operator is refused", "POST", searchPath, find("identity", "like", "1"), 400, 1},
		{"an unknown property to search by is refused", "POST", searchPath, find("state", "eq", `"x"`), 400, 1},
		{"contains is not for numbers", "POST", searchPath, find("identity", "contains", "1"), 400, 1},
		{"an unknown direction is refused", "POST", searchPath, `{"query":{"orderBy":[{"name":"identity","direction":"up"}]}}`, 400, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := len(b.world.Effects())
			got := b.v4(c.method, c.path, c.body)
			if got.status != c.status {
				t.Fatalf("want %d, got %+v", c.status, got)
			}
			if effects := len(b.world.Effects()) - before; (effects > 0) != (c.status == 200) {
				t.Errorf("%d effects", effects)
			}
			if c.errors == 0 {
				return
			}
			var reply struct {
				TrackingID, Type string
				Errors           []struct {
					Code    int64
					Message string
				}
			}
			decode(t, got.body, &reply)
			if reply.TrackingID == "" || reply.Type == "" || len(reply.Errors) != c.errors || reply.Errors[0].Code == 0 {
				t.Errorf("the error reply is %s", got.body)
			}
		})
	}
}

func TestV4WantsAGoodBearerToken(t *testing.T) {
	b := overTCP(t)
	for name, header := range map[string]string{
		"none": "", "wrong": "Bearer x", "another scheme": "Basic " + b.token, "lower case": "bearer " + b.token,
	} {
		got := b.send(t.Context(), http.MethodPost, createPath, `{"amount":1,"paymentMethodId":101}`,
			"Authorization", header, "Content-Type", "application/json")
		if got.status != http.StatusUnauthorized || json.Valid([]byte(got.body)) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	b.world.RevokeTokens()
	if got := b.create("x"); got.status != http.StatusUnauthorized {
		t.Errorf("revoked: %+v", got)
	}
	if n := len(b.world.Effects()); n != 0 {
		t.Errorf("%d effects", n)
	}
}

func TestLogin(t *testing.T) {
	b := overTCP(t)
	u := b.world.Tenants()[0]
	byPassword := url.Values{
		"username": {u.Username}, "password": {u.Password}, "client_id": {u.ClientID}, "grant_type": {"password"},
	}
	bySecret := url.Values{"client_id": {u.ClientID}, "client_secret": {u.ClientSecret}, "grant_type": {"password"}}
	without := func(form url.Values, name, value string) url.Values {
		changed := url.Values{}
		for key := range form {
			changed.Set(key, form.Get(key))
		}
		changed.Set(name, value)
		return changed
	}
	cases := []struct {
		name   string
		form   url.Values
		status int
	}{
		{"user name and password pass", byPassword, 200},
		{"the client's secret passes", bySecret, 200},
		{"a wrong password is refused", without(byPassword, "password", "x"), 400},
		{"a wrong client is refused", without(byPassword, "client_id", "x"), 400},
		{"a wrong secret is refused", without(bySecret, "client_secret", ""), 400},
		{"another grant type is refused", without(byPassword, "grant_type", "client_credentials"), 400},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := b.login(c.form)
			if got.status != c.status {
				t.Fatalf("want %d, got %+v", c.status, got)
			}
			if c.status != 200 {
				return
			}
			var reply struct {
				AccessToken string      `json:"access_token"`
				TokenType   string      `json:"token_type"`
				ExpiresIn   json.Number `json:"expires_in"`
			}
			decode(t, got.body, &reply)
			b.token = reply.AccessToken
			if created := b.create("t"); reply.TokenType != "bearer" || reply.ExpiresIn != "1800" ||
				created.status != http.StatusOK {
				t.Errorf("%s, then %+v", got.body, created)
			}
		})
	}
	b.configure(func(s *simulator.Settings) { s.ExpiresInText, s.LoginRefusal = true, 401 })
	if got := b.login(byPassword); !strings.Contains(got.body, `"expires_in":"1800"`) {
		t.Error(got.body)
	}
	if got := b.login(without(byPassword, "password", "x")); got.status != http.StatusUnauthorized {
		t.Errorf("%+v", got)
	}
	if got := b.send(t.Context(), http.MethodPost, loginPath, "{}", "Content-Type", "application/json"); got.status != 400 {
		t.Errorf("a login in JSON: %+v", got)
	}
}

func TestCreateAndCaptureReplies(t *testing.T) {
	b := overTCP(t)
	const object = `{"identity":1,"paymentMethodId":101,"paymentMethodName":"House card","amount":22.5,` +
		`"transactionToken":"abc","created":"X","createdByUserId":10,"createdByUserName":"sync@tenant-1"}`
	want := `{"trackingId":"X","type":"create","results":{"totalCount":1,"items":[` + object + `]}}`
	if diff := cmp.Diff(want, blank(b.create("abc").body)); diff != "" {
		t.Error(diff)
	}
	want = `{"trackingId":"X","instance":` + object + `}`
	if diff := cmp.Diff(want, blank(b.v4(http.MethodGet, createPath+"1", "").body)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, blank(b.capture("1").body)); diff != "" {
		t.Error(diff)
	}
	b.configure(func(s *simulator.Settings) {
		s.CreateReply, s.CaptureReply, s.CaptureField = simulator.ReplyInstance, simulator.ReplyEmpty, "id"
	})
	want = `{"trackingId":"X","type":"create","results":{"totalCount":1,"items":[{"identity":2,"action":"create","instance":` +
		strings.Replace(object, `"identity":1`, `"identity":2`, 1) + `}]}}`
	if diff := cmp.Diff(want, blank(b.create("abc").body)); diff != "" {
		t.Error(diff)
	}
	if got := b.v4(http.MethodPost, capturePath, `{"id":2}`); got.status != 200 || got.body != "" {
		t.Errorf("%+v", got)
	}
}

// blank replaces what differs from run to run by X.
func blank(body string) string {
	for _, name := range []string{`"trackingId":"`, `"created":"`} {
		before, after, ok := strings.Cut(body, name)
		if ok {
			_, after, _ = strings.Cut(after, `"`)
			body = before + name + `X"` + after
		}
	}
	return body
}

func TestACreateWithoutAMethodUsesTheAutoPayOne(t *testing.T) {
	b := overTCP(t)
	if _, err := b.world.AddPaymentMethod(simulator.PaymentMethod{Identity: 300, AutoPay: true}); err != nil {
		t.Fatal(err)
	}
	got := b.v4(http.MethodPost, createPath, `{"amount":1.10}`)
	if effects := b.world.Effects(); got.status != 200 || len(effects) != 1 || effects[0].PaymentMethodID != 300 {
		t.Errorf("%+v, %+v", got, effects)
	}
}

func find(name, operator, value string) string {
	return `{"query":{"search":[{"name":"` + name + `","operator":"` + operator + `","value":` + value + `}]}}`
}

// identities reads those of a search's or a list's reply, in order.
func identities(t *testing.T, body string) string {
	t.Helper()
	type items []struct{ Identity int64 }
	var reply struct {
		Items        items
		ItemCount    *int
		PagedResults struct{ Items items }
	}
	decode(t, body, &reply)
	if reply.ItemCount != nil && *reply.ItemCount != len(reply.Items) {
		t.Errorf("the itemCount disagrees: %s", body)
	}
	var all []string
	for _, each := range append(reply.Items, reply.PagedResults.Items...) {
		all = append(all, fmt.Sprint(each.Identity))
	}
	return strings.Join(all, " ")
}

func TestSearch(t *testing.T) {
	b := overTCP(t)
	for i, h := range []simulator.Hold{
		{Amount: dec("10.00"), Token: "Abc-1"},
		{Amount: dec("9.5"), Token: "abc-2"},
		{Amount: dec("20"), Token: "xyz"},
		{Amount: dec("10"), Token: ""},
	} {
		h.Identity, h.PaymentMethodID = int64(i+1), 101
		if _, err := b.world.AddHold(h); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct{ name, query, want string }{
		{"nothing asked gives all", `{"query":{}}`, "1 2 3 4"},
		{"eq on a token minds no case", find("transactionToken", "eq", `"ABC-1"`), "1"},
		{"eq on an unknown token gives none", find("transactionToken", "eq", `"abc"`), ""},
		{"contains", find("transactionToken", "contains", `"bc-"`), "1 2"},
		{"startsWith", find("transactionToken", "startsWith", `"x"`), "3"},
		{"notEq", find("transactionToken", "notEq", `"xyz"`), "1 2 4"},
		{"eq on an amount compares decimals", find("amount", "eq", "10.0"), "1 4"},
		{"lt compares decimals, not strings", find("amount", "lt", "10"), "2"},
		{"ltEq", find("amount", "ltEq", "10"), "1 2 4"},
		{"gt on the identity", find("identity", "gt", "2"), "3 4"},
		{"gt on the highest identity gives none", find("identity", "gt", "4"), ""},
		{"gtEq takes a number in quotes", find("identity", "gtEq", `"3"`), "3 4"},
		{"elements combine with AND", `{"query":{"search":[{"name":"amount","operator":"eq","value":10},` +
			`{"name":"identity","operator":"gt","value":1}]}}`, "4"},
		{"top cuts", `{"query":{"top":2,"orderBy":[{"name":"identity","direction":"asc"}]}}`, "1 2"},
		{"the order comes before the cut", `{"query":{"top":2,"orderBy":[{"name":"amount","direction":"desc"},` +
			`{"name":"identity","direction":"desc"}]}}`, "3 4"},
		{"a pagination inside is taken", `{"query":{"pagination":{"pageNumber":2,"pageSize":1}}}`, "1 2 3 4"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := b.v4(http.MethodPost, searchPath, c.query)
			if got.status != http.StatusOK {
				t.Fatalf("%+v", got)
			}
			if found := identities(t, got.body); found != c.want {
				t.Errorf("want %q, got %q", c.want, found)
			}
		})
	}
	b.configure(func(s *simulator.Settings) { s.CaseSensitiveSearch = true })
	if got := identities(t, b.v4(http.MethodPost, searchPath, find("transactionToken", "eq", `"ABC-1"`)).body); got != "" {
		t.Error("a search that minds letter case found", got)
	}
	b.configure(func(s *simulator.Settings) { s.IgnoreSearch = true })
	if got := identities(t, b.v4(http.MethodPost, searchPath, find("identity", "gt", "3")).body); got != "1 2 3 4" {
		t.Error("a search that ignores its filters found", got)
	}
}

func TestListsAndPages(t *testing.T) {
	b := overTCP(t)
	for _, identity := range []int64{5, 3, 9, 4, 8} { // in the order of identities whatever the order of adding
		if _, err := b.world.AddHold(simulator.Hold{Identity: identity, Amount: dec("1")}); err != nil {
			t.Fatal(err)
		}
	}
	page := func(header string) answer {
		return b.send(t.Context(), http.MethodGet, pagedPath, "", "Authorization", "Bearer "+b.token, "Pagination", header)
	}
	expect := func(name, want, got string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	}
	expect("the list", "3 4 5 8 9", identities(t, b.v4(http.MethodGet, createPath, "").body))
	expect("no header", "3 4 5 8 9", identities(t, page("").body))
	expect("the first page", "3 4", identities(t, page(`{"pageNumber":1,"pageSize":2}`).body))
	expect("the last page", "9", identities(t, page(`{"pageNumber":3,"pageSize":2}`).body))
	expect("beyond", "", identities(t, page(`{"pageNumber":4,"pageSize":2}`).body))
	if got := page(`{"pageNumber":0}`); got.status != http.StatusBadRequest {
		t.Errorf("page 0: %+v", got)
	}
	b.configure(func(s *simulator.Settings) { s.PageCap = 3 })
	expect("a capped page", "3 4 5", identities(t, page(`{"pageNumber":1,"pageSize":1000}`).body))
	expect("the page after", "8 9", identities(t, page(`{"pageNumber":2,"pageSize":1000}`).body))
	b.configure(func(s *simulator.Settings) { s.RepeatItems = true })
	expect("a repeated item", "3 4 5 5", identities(t, page(`{"pageNumber":1,"pageSize":1000}`).body))
	b.configure(func(s *simulator.Settings) { s.RepeatItems, s.IgnorePaging = false, true })
	expect("a server that does not page", "3 4 5", identities(t, page(`{"pageNumber":7,"pageSize":1000}`).body))
	if err := b.world.RemoveHold(4); err != nil {
		t.Fatal(err)
	}
	expect("after a removal", "3 5 8 9", identities(t, b.v4(http.MethodGet, createPath, "").body))
	b.configure(func(s *simulator.Settings) { s.ShuffleLists = true })
	shuffled := map[string]bool{}
	for range 30 {
		shuffled[identities(t, b.v4(http.MethodGet, createPath, "").body)] = true
	}
	if len(shuffled) < 2 {
		t.Error("thirty shuffled lists are all the same")
	}
}
