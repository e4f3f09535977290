package v4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// Auth says how to log in: with a static Token, or at LoginAddress with either
// Username and Password (and ClientID, if any) or ClientID and ClientSecret.
type Auth struct {
	Token        httpx.Secret
	LoginAddress string
	ClientID     string
	Username     string
	Password     httpx.Secret
	ClientSecret httpx.Secret
}

func (a Auth) check() error {
	byPassword := a.Username != "" || !a.Password.Empty()
	switch {
	case !a.Token.Empty() && (a.LoginAddress != "" || byPassword || !a.ClientSecret.Empty()):
		return errors.New("v4 auth: give a token or a login, not both")
	case !a.Token.Empty():
		return checkToken(a.Token)
	case a.LoginAddress == "":
		return errors.New("v4 auth: give a token or a login_address")
	case byPassword && !a.ClientSecret.Empty():
		return errors.New("v4 auth: give a password or a client_secret, not both")
	case byPassword && (a.Username == "" || a.Password.Empty()):
		return errors.New("v4 auth: username and password go together")
	case !byPassword && (a.ClientID == "" || a.ClientSecret.Empty()):
		return errors.New("v4 auth: give username and password, or client_id and client_secret")
	}
	_, err := parseAddress("login_address", a.LoginAddress)
	return err
}

// checkToken refuses what cannot stand in a header.
func checkToken(token httpx.Secret) error {
	for _, r := range token.Reveal() {
		if r <= ' ' || r > '~' {
			return errors.New("v4 auth: the token holds a character that no header can carry")
		}
	}
	return nil
}

// secrets are what must not appear in any text.
func (a Auth) secrets() []httpx.Secret {
	return []httpx.Secret{a.Token, a.Password, a.ClientSecret}
}

// form is the body of a login (vendor's docs).
func (a Auth) form() []byte {
	form := url.Values{"grant_type": {"password"}}
	if a.ClientID != "" {
		form.Set("client_id", a.ClientID)
	}
	if a.ClientSecret.Empty() {
		form.Set("username", a.Username)
		form.Set("password", a.Password.Reveal())
	} else {
		form.Set("client_secret", a.ClientSecret.Reveal())
	}
	return []byte(form.Encode())
}

// Times of a login. expires_in is at most 1800 seconds (vendor's docs); without a
// usable one a short life is assumed. A login is renewed a margin before its end,
// which is long enough for a write to be over, but at most half of its life.
const (
	maxLife      = 1800 * time.Second
	assumedLife  = 5 * time.Minute
	leastMargin  = time.Minute
	maxLoginBody = 64 << 10
)

// login is one token, numbered in the order of their coming.
type login struct {
	number uint64
	renew  time.Time
	// header is that of every request with a JSON body or none. Nobody changes it, and fmt
	// prints no more of it than its address.
	header *http.Header
	// secrets are what must not appear in what comes of a request with it.
	secrets []httpx.Secret
}

func (s *session) begin(token httpx.Secret, renew time.Time) {
	s.number++
	header := http.Header{
		"Authorization": {"Bearer " + token.Reveal()},
		"Content-Type":  {"application/json"},
		"Accept":        {"application/json"},
	}
	s.present = &login{number: s.number, renew: renew, header: &header, secrets: append(s.auth.secrets(), token)}
}

// session keeps the present login.
type session struct {
	auth   Auth
	client *httpx.ReadClient
	margin time.Duration
	// turn lets one caller log in at a time; the others wait for it, or for their context.
	turn chan struct{}

	mu      sync.Mutex
	present *login
	number  uint64
	// rejected is the highest number that was answered 401.
	rejected uint64
	// failures counts failed logins, and failure is the last one's error.
	failures uint64
	failure  error
}

func newSession(auth Auth, client *httpx.ReadClient, timeout time.Duration) *session {
	s := &session{auth: auth, client: client, margin: max(leastMargin, timeout), turn: make(chan struct{}, 1)}
	if !auth.Token.Empty() {
		s.begin(auth.Token, time.Time{})
	}
	return s
}

func (s *session) static() bool { return !s.auth.Token.Empty() }

// current gives the present login, fresh or not: using one that has run out has no
// other effect than a 401.
func (s *session) current() (login, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.present == nil {
		return login{}, false
	}
	return *s.present, true
}

func (s *session) fresh() (login, bool) {
	present, ok := s.current()
	return present, ok && (s.static() || time.Now().Before(present.renew))
}

// reject notes that a login was answered 401.
func (s *session) reject(l login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected = max(s.rejected, l.number)
}

// forget drops the present login, unless it has come after the last rejected one.
func (s *session) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.static() || s.present == nil || (s.rejected > 0 && s.present.number > s.rejected) {
		return
	}
	s.present = nil
}

// ensure gives a fresh login, logging in if need be. Of callers that come at the
// same time one logs in, and the others get its login or its error.
func (s *session) ensure(ctx context.Context) (login, error) {
	if present, ok := s.fresh(); ok {
		return present, nil
	}
	failures, _ := s.lastFailure()
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return login{}, fmt.Errorf("v4 login: stopped while another one was under way: %w", ctx.Err())
	}
	defer func() { <-s.turn }()
	if present, ok := s.fresh(); ok {
		return present, nil
	}
	if count, err := s.lastFailure(); count != failures {
		return login{}, err
	}
	return s.login(ctx)
}

func (s *session) lastFailure() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures, s.failure
}

func (s *session) login(ctx context.Context) (login, error) {
	token, renew, err := s.request(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil { // otherwise it is this caller's failure alone
			s.failures, s.failure = s.failures+1, err
		}
		return login{}, err
	}
	s.begin(token, renew)
	return *s.present, nil
}

// request logs in. A login has no effect, so it is tried again after network
// errors, 429 and 5xx; any other answer is final.
func (s *session) request(ctx context.Context) (httpx.Secret, time.Time, error) {
	var body object
	asked := time.Now() // the token's life begins somewhere between now and the reply
	answer, err := s.client.Do(ctx, httpx.ReadRequest{
		Operation: opLogin, Method: http.MethodPost, URL: s.auth.LoginAddress,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
		Body:   s.auth.form(),
		Use: func(r io.Reader) error {
			raw, err := io.ReadAll(r)
			if err == nil {
				body, err = parseObject(raw)
			}
			return err
		},
	})
	if err != nil {
		return httpx.Secret{}, time.Time{}, err
	}
	if answer.Status < 200 || answer.Status > 299 {
		return httpx.Secret{}, time.Time{}, s.refusal(answer)
	}
	if body.hasErrors() {
		return httpx.Secret{}, time.Time{}, explain(refusalOf(opLogin, answer.Status, answer.Header, body, s.auth.secrets()))
	}
	token, err := body.text("access_token")
	if err != nil || token == "" {
		return httpx.Secret{}, time.Time{}, errors.New("v4 login: the reply has no access_token")
	}
	secret := httpx.NewSecret(token)
	if err := checkToken(secret); err != nil {
		return httpx.Secret{}, time.Time{}, err
	}
	life := lifeOf(body)
	return secret, asked.Add(life - min(s.margin, life/2)), nil
}

// lifeOf reads expires_in, a number or a string of digits, in seconds (vendor's docs).
func lifeOf(body object) time.Duration {
	raw, ok := body.get("expires_in")
	if !ok {
		return assumedLife
	}
	seconds, err := preauth.ParseAmount(bytes.Trim(raw, `" `))
	if err != nil || seconds.Sign() <= 0 {
		return assumedLife
	}
	if seconds.IntPart() >= int64(maxLife/time.Second) || !seconds.Truncate(0).BigInt().IsInt64() {
		return maxLife
	}
	return time.Duration(seconds.IntPart()) * time.Second
}

// refusal tells why a login failed, whose reply may be v4's or OAuth's: the
// form of the latter is {error, error_description} (RFC 6749, section 5.2).
func (s *session) refusal(answer *httpx.ReadReply) error {
	body, err := parseObject(answer.Body)
	if err != nil {
		body = nil
	}
	if temporary(answer.Status) {
		return fmt.Errorf("v4 login: HTTP %d (tries: %d); the next cycle tries again", answer.Status, answer.Attempts)
	}
	refusal := refusalOf(opLogin, answer.Status, answer.Header, body, s.auth.secrets())
	reason, _ := body.text("error")
	description, _ := body.text("error_description")
	if text := strings.TrimSpace(reason + " " + description); len(refusal.Errors) == 0 && text != "" {
		refusal.Errors = []preauth.APIError{{Message: tidy(text, maxMessage, s.auth.secrets())}}
	}
	return explain(refusal)
}
