package simulator

import (
	"errors"
	"fmt"
	"time"
)

// TokenPolicy says what v4 does with the transactionToken of a create. The page
// calls it the token received by the gateway and lets a caller write it [S];
// which of the two wins is not documented.
type TokenPolicy string

// What may become of a token.
const (
	// TokenKeep stores the caller's token.
	TokenKeep TokenPolicy = "keep"
	// TokenOverwrite stores a token of the gateway's in its place.
	TokenOverwrite TokenPolicy = "overwrite"
	// TokenLate keeps it, but the hold shows in search, lists and get only after TokenDelay.
	TokenLate TokenPolicy = "late"
	// TokenLateToken shows the hold at once, and its token only after TokenDelay.
	TokenLateToken TokenPolicy = "late_token"
)

// The forms of a reply.
const (
	// ReplyObject is the create reply whose item is the object itself [S].
	ReplyObject = "object"
	// ReplyInstance is the create reply whose item is {identity, action, instance} [D];
	// for a capture, {trackingId, instance} [I].
	ReplyInstance = "instance"
	// ReplyEmpty is a capture's 200 with an empty body [I].
	ReplyEmpty = "empty"
)

// Settings are the behaviour that can change while the world runs.
type Settings struct {
	// TokenPolicy of creates from now on.
	TokenPolicy TokenPolicy
	// TokenDelay belongs to the two late policies.
	TokenDelay time.Duration
	// UpperCaseTokens stores tokens in upper case.
	UpperCaseTokens bool
	// CaseSensitiveSearch makes string operators mind letter case. [I] Databases
	// behind such APIs mostly do not.
	CaseSensitiveSearch bool
	// IgnoreSearch makes Search ignore its filters and its order, as a server does that
	// does not know their names.
	IgnoreSearch bool
	// IgnorePaging makes Paged answer the first page whatever was asked.
	IgnorePaging bool
	// ShuffleLists puts every list reply in random order.
	ShuffleLists bool
	// RepeatItems shows each page's last item once more at its end.
	RepeatItems bool
	// PageCap is the size to which Paged silently cuts a page; 0 = 10,000.
	PageCap int
	// CreateReply is ReplyObject or ReplyInstance.
	CreateReply string
	// CaptureReply is ReplyInstance, ReplyObject (like a create's) or ReplyEmpty.
	CaptureReply string
	// CaptureField is the name under which a capture's body gives the identity [I].
	CaptureField string
	// AllowDoubleCapture makes a second capture charge a second time.
	AllowDoubleCapture bool
	// AlreadyCapturedCode is the code with which a second capture is refused.
	AlreadyCapturedCode int64
	// Latency comes before every reply of either API.
	Latency time.Duration
	// LoginTTL is how long a bearer token is good for; at most 1800 s in v4 [D].
	LoginTTL time.Duration
	// ExpiresInText makes the login's expires_in a string.
	ExpiresInText bool
	// LoginRefusal is the status of a refused login: 400 or 401 [I].
	LoginRefusal int
	// RateLimit is how many requests each AccessToken has in any RateWindow [D]; 0 = no limit.
	RateLimit  int
	RateWindow time.Duration
	// OlderReplies adds ReceiptIdentifier and SequenceCode, leaves out ReservationId [S].
	OlderReplies bool
	// CustomersPageCap is the size to which customers/getAll and reservations/getAll
	// silently cut a page; 0 = the 1000 of their documentation.
	CustomersPageCap int
	// CursorAtEnd gives a cursor with the last page too. One page of the docs says
	// that there is always one, another that it is null when there is no more [D].
	CursorAtEnd bool
	// UpperCaseIDs spells the Connector API's ids in upper case.
	UpperCaseIDs bool
}

// DefaultSettings is a sink that keeps tokens and refuses second captures.
func DefaultSettings() Settings {
	return Settings{
		TokenPolicy: TokenKeep, CreateReply: ReplyObject, CaptureReply: ReplyInstance, CaptureField: "identity",
		AlreadyCapturedCode: codeAlreadyCaptured, LoginTTL: 30 * time.Minute, LoginRefusal: 400,
		RateLimit: 200, RateWindow: 30 * time.Second,
	}
}

// Validate says which setting is not one of those possible.
func (s Settings) Validate() error {
	switch s.TokenPolicy {
	case TokenKeep, TokenOverwrite, TokenLate, TokenLateToken:
	default:
		return fmt.Errorf("the token policy %q is none of keep, overwrite, late, late_token", s.TokenPolicy)
	}
	if s.CreateReply != ReplyObject && s.CreateReply != ReplyInstance {
		return fmt.Errorf("the create reply %q is neither object nor instance", s.CreateReply)
	}
	if s.CaptureReply != ReplyObject && s.CaptureReply != ReplyInstance && s.CaptureReply != ReplyEmpty {
		return fmt.Errorf("the capture reply %q is none of object, instance, empty", s.CaptureReply)
	}
	if s.CaptureField == "" {
		return errors.New("the capture field has no name")
	}
	if s.LoginRefusal != 400 && s.LoginRefusal != 401 {
		return fmt.Errorf("a login is refused with 400 or 401, not %d", s.LoginRefusal)
	}
	if s.TokenDelay < 0 || s.Latency < 0 || s.LoginTTL <= 0 || s.RateWindow <= 0 || s.RateLimit < 0 ||
		s.PageCap < 0 || s.CustomersPageCap < 0 {
		return errors.New("delays, limits and caps are not negative, and the login's life and the rate window are above zero")
	}
	return nil
}

// Settings gives the present ones.
func (w *World) Settings() Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settings
}

// Configure changes the settings. It gives an error, and changes nothing, when
// the result is not possible.
func (w *World) Configure(change func(*Settings)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := w.settings
	change(&changed)
	if err := changed.Validate(); err != nil {
		return err
	}
	w.settings = changed
	return nil
}
