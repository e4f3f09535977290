package simulator

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The codes of v4's errors. That they are numbers is documented [D], the
// numbers themselves are this simulator's own [I].
const (
	codeInvalidBody     = 1001
	codeInvalidValue    = 1002
	codeNotFound        = 1003
	codeInvalidQuery    = 1004
	codeNoMethod        = 2001
	codeInactiveMethod  = 2002
	codeNoAutoPay       = 2003
	codeDeclined        = 2004
	codeAlreadyCaptured = 2005
)

const (
	loginPath  = loginPrefix + "Access/Login"
	objectPath = v4Prefix + "PaymentPreAuthorize/"
	methodPath = v4Prefix + "PaymentMethod/Search"
)

// routeV4 knows the addresses of v4: create and list have a trailing slash,
// the others have none [S]. A new operation is one more case.
func (w *World) routeV4(r *http.Request) operation {
	path := r.URL.EscapedPath()
	if path == loginPath {
		return only(w, http.MethodPost, operation{name: OpLogin, authorize: anyone, run: w.login})
	}
	if path == methodPath {
		return only(w, http.MethodPost, operation{name: OpMethods, authorize: w.authorizeV4, run: w.searchMethods})
	}
	action, ok := strings.CutPrefix(path, objectPath)
	if !ok {
		return w.nowhere()
	}
	op := operation{authorize: w.authorizeV4}
	switch {
	case action == "" && r.Method == http.MethodPost:
		op.name, op.write, op.run = OpCreate, true, w.create
	case action == "":
		op.name, op.run = OpList, w.list
		return only(w, http.MethodGet, op)
	case action == "Capture":
		op.name, op.write, op.run = OpCapture, true, w.capture
		return only(w, http.MethodPost, op)
	case action == "Search":
		op.name, op.run = OpSearch, w.search
		return only(w, http.MethodPost, op)
	case action == "Paged":
		op.name, op.run = OpPaged, w.paged
		return only(w, http.MethodGet, op)
	case strings.Trim(action, "0123456789") == "":
		op.name = OpGet
		op.run = func(c *call, _ bool) reply { return w.get(c, action) }
		return only(w, http.MethodGet, op)
	default:
		return w.nowhere()
	}
	return op
}

func anyone(*call) *reply { return nil }

func (w *World) nowhere() operation {
	return operation{
		name: OpUnknown,
		authorize: func(c *call) *reply {
			w.violation("v4 has no address %.200s", c.entry.Path)
			refusal := page(http.StatusNotFound)
			return &refusal
		},
		run: func(*call, bool) reply { return page(http.StatusNotFound) },
	}
}

// only refuses another method than the one documented.
func only(w *World, method string, op operation) operation {
	authorize := op.authorize
	op.authorize = func(c *call) *reply {
		if c.request.Method != method {
			w.violation("v4's %s is %s, not %.20s", op.name, method, c.request.Method)
			refusal := page(http.StatusMethodNotAllowed)
			return &refusal
		}
		return authorize(c)
	}
	return op
}

// authorizeV4 wants a bearer token that has not expired [D]. Nothing says what a
// 401 looks like, so it is no JSON [I].
func (w *World) authorizeV4(c *call) *reply {
	token, ok := strings.CutPrefix(c.request.Header.Get("Authorization"), "Bearer ")
	held, known := w.bearers[token]
	if !ok || !known || (!held.expires.IsZero() && !w.now().Before(held.expires)) {
		refusal := page(http.StatusUnauthorized)
		refusal.header = http.Header{"Www-Authenticate": {"Bearer"}}
		return &refusal
	}
	c.tenant = held.tenant
	if c.request.Method == http.MethodPost && !isJSON(c.request) {
		w.violation("v4's %s takes only application/json", c.op.name)
		refusal := page(http.StatusUnsupportedMediaType)
		return &refusal
	}
	return nil
}

// login gives a bearer token for user name and password, or for the client's
// secret; both with grant_type password [D].
func (w *World) login(c *call, commit bool) reply {
	kind, _, err := mime.ParseMediaType(c.request.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		w.violation("v4's login takes only a form")
		return oauthRefusal(http.StatusBadRequest, "invalid_request")
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil || c.request.URL.RawQuery != "" {
		w.violation("v4's login has a form that cannot be read, or a query")
		return oauthRefusal(http.StatusBadRequest, "invalid_request")
	}
	if form.Get("grant_type") != "password" {
		w.violation("v4's login has no grant_type of password")
		return oauthRefusal(http.StatusBadRequest, "unsupported_grant_type")
	}
	t := w.whoLogsIn(form)
	if t == nil {
		return oauthRefusal(w.settings.LoginRefusal, "invalid_grant")
	}
	token, now := w.secret(), w.now().UTC()
	expires := now.Add(w.settings.LoginTTL)
	if commit {
		w.bearers[token] = bearer{tenant: t, expires: expires}
	}
	in := strconv.FormatInt(int64(w.settings.LoginTTL/time.Second), 10)
	if w.settings.ExpiresInText {
		in = `"` + in + `"`
	}
	b := appendText([]byte(`{"access_token":`), token)
	b = append(b, `,"token_type":"bearer","expires_in":`+in+`,"refresh_token":`...)
	b = appendText(b, w.secret())
	b = appendText(append(b, `,".issued":`...), now.Format(http.TimeFormat))
	b = appendText(append(b, `,".expires":`...), expires.Format(http.TimeFormat))
	return reply{status: http.StatusOK, body: append(b, '}')}
}

func (w *World) whoLogsIn(form url.Values) *tenant {
	for _, t := range w.tenants {
		if form.Get("client_id") != t.ClientID {
			continue
		}
		if form.Get("client_secret") == t.ClientSecret && form.Get("username") == "" {
			return t
		}
		if form.Get("username") == t.Username && form.Get("password") == t.Password {
			return t
		}
	}
	return nil
}

// oauthRefusal is the usual form of a refused token request [I].
func oauthRefusal(status int, code string) reply {
	return reply{status: status, body: append(appendText([]byte(`{"error":`), code), '}')}
}

// trouble is one of the errors of a v4 refusal.
type trouble struct {
	code    int64
	message string
}

// v4Refusal lists all errors, under the type that the operation also has when it
// succeeds [D].
func v4Refusal(c *call, status int, troubles ...trouble) reply {
	b := appendText([]byte(`{"trackingId":`), c.requestID)
	b = appendText(append(b, `,"type":`...), c.op.name)
	b = append(b, `,"errors":[`...)
	for i, each := range troubles {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"code":`...), each.code, 10)
		b = append(appendText(append(b, `,"message":`...), each.message), '}')
	}
	return reply{status: status, body: append(b, "]}"...)}
}
