// Package config reads the configuration: defaults first, then a strict load
// that reports every problem at once with its line, then what only the whole
// can tell. The table of keys is in keys.go.
package config

import (
	"strconv"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

// Config is a configuration. Load gives a valid one; formatting it shows no secret.
type Config struct {
	// Schedule says when cycles begin, in Timezone.
	Schedule Schedule
	Timezone *time.Location
	State    State
	Control  Control
	Metrics  Metrics
	Log      Log
	// Connector is the source, the PMS.
	Connector Connector
	// V4 is the sink, the billing platform.
	V4     V4
	Mirror Mirror
	// Properties are at least one; their names and access tokens are distinct.
	Properties []Property
}

// State is the ledger's file.
type State struct {
	// Path is absolute; a relative one is taken from the configuration file's folder.
	Path string
}

// Control is the control socket.
type Control struct {
	// Socket is absolute like State.Path; "" switches it off.
	Socket string
}

// Metrics is the HTTP listener for metrics and health.
type Metrics struct {
	// Listen is host:port; no host means every interface, port 0 any that is free,
	// and "" switches it off.
	Listen string
}

// Log is what is logged and how.
type Log struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is json or console.
	Format string
}

// RateLimit allows at most Requests in any window of length Per.
type RateLimit struct {
	// Requests of 0 means no limit.
	Requests int
	Per      time.Duration
}

// Connector is the Connector API, common to all properties.
type Connector struct {
	// Address has no trailing slash; /api/connector/v1/… is appended.
	Address string
	// Client is the name and version that travel in every request.
	Client      string
	ClientToken httpx.Secret
	// Timeout is for one request.
	Timeout time.Duration
	// Concurrency is how many requests are under way at once, over all properties.
	Concurrency int
	// RateLimit is for each access token.
	RateLimit RateLimit
}

// V4 is the billing platform's API.
type V4 struct {
	// Address has no trailing slash; /api/v4/… is appended.
	Address string
	Auth    Auth
	// Timeout is for one request.
	Timeout time.Duration
	// Settle is how long a write may take to show in reads after its deadline.
	Settle time.Duration
	// Concurrency is how many writes are in flight at once.
	Concurrency          int
	RateLimit            RateLimit
	TransactionToken     TransactionToken
	CaptureField         string
	CaptureEmptyReply    CaptureEmptyReply
	AlreadyCapturedCodes []int64
	// CreatedByUserID is sent when above 0.
	CreatedByUserID int64
}

// Auth is how to be let in: either Token, or a login at LoginAddress with
// Username and Password or with ClientID and ClientSecret.
type Auth struct {
	Token        httpx.Secret
	LoginAddress string
	ClientID     string
	Username     string
	Password     httpx.Secret
	ClientSecret httpx.Secret
}

func (a Auth) secrets() []httpx.Secret { return []httpx.Secret{a.Token, a.Password, a.ClientSecret} }

// Mirror is what is mirrored, and how boldly.
type Mirror struct {
	Mode         Mode
	FirstRun     FirstRun
	NewCustomers NewCustomers
	// MaxActionsPerCycle is the fuse, for each property; 0 means none.
	MaxActionsPerCycle int
	UnknownCapture     UnknownCapture
	// HoldWarnAfter is the age from which an uncaptured hold is told of; 0 means never.
	HoldWarnAfter time.Duration
}

// SharedV4 is what the top-level v4 is called beside those of properties, which have
// their names.
const SharedV4 = "default"

// Property is one property of the PMS: one access token.
type Property struct {
	// Name consists of letters, digits, dots, dashes and underscores.
	Name        string
	AccessToken httpx.Secret
	// Currency is the ISO 4217 code of what its tenant bills in.
	Currency       string
	Customers      Customers
	PaymentMethods PaymentMethods
	// V4 is where its holds are made: its own values over the top-level's.
	V4 V4
	// OwnV4 is set when it gives any itself: then it has a sink of its own.
	OwnV4 bool
}

// Customers says whose preauthorizations are mirrored: the union of all.
type Customers struct {
	// IDs are as written in the file; which of them are UUIDs is for the source to say.
	IDs []string
	// File is absolute, or "" for none. It is read again each cycle, not by Load.
	File     string
	Discover Discover
}

// Discover finds customers by asking the Connector API; 0 switches one off.
type Discover struct {
	UpdatedWithin      time.Duration
	ReservationsWithin time.Duration
}

// PaymentMethods says which v4 payment method a card is.
type PaymentMethods struct {
	// CreditCards and Customers map Ids, as MethodKey gives them, to paymentMethodIds.
	CreditCards map[string]int64
	Customers   map[string]int64
	// File is absolute, or "" for none. It is read again each cycle, not by Load.
	File string
	// Lookup is the v4 field that holds the CreditCardId, or "" for none.
	Lookup  string
	Default DefaultMethod
}

// DefaultMethod is what to do with a card that nothing else names: the zero
// value is none.
type DefaultMethod struct {
	// ID is a paymentMethodId, 0 unless one is given.
	ID int64
	// Autopay leaves the paymentMethodId out of the create.
	Autopay bool
}

// String gives none, autopay or the number.
func (d DefaultMethod) String() string {
	switch {
	case d.Autopay:
		return "autopay"
	case d.ID > 0:
		return strconv.FormatInt(d.ID, 10)
	default:
		return "none"
	}
}

// Default gives the configuration that a file with nothing but required keys
// starts from; the required ones are empty. It lists no property.
func Default() *Config {
	c := &Config{}
	reset(keys(c))
	c.Schedule.location = c.Timezone
	return c
}

// Secrets gives every secret there is, so that a log can be kept free of them.
func (c *Config) Secrets() []httpx.Secret {
	all := append([]httpx.Secret{c.Connector.ClientToken}, c.V4.Auth.secrets()...)
	for _, property := range c.Properties {
		all = append(all, property.AccessToken)
		if property.OwnV4 {
			all = append(all, property.V4.Auth.secrets()...)
		}
	}
	var set []httpx.Secret
	for _, secret := range all {
		if !secret.Empty() {
			set = append(set, secret)
		}
	}
	return set
}
