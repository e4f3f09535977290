package config

import (
	"math"
	"time"
)

// keys is the table of all keys, bound to a configuration. Their order is the
// one in which documentation shows them.
func keys(c *Config) []field {
	return []field{
		schedule(&c.Schedule),
		timezone(&c.Timezone),
		section("state", "the ledger",
			path("path", &c.State.Path, "/var/lib/preauth-sync/state.db", "the state file; relative to this file's folder", notEmpty)),
		section("control", "the control socket",
			path("socket", &c.Control.Socket, "/run/preauth-sync/control.sock",
				`where commands ask the daemon while it runs; relative to this file's folder; "" switches it off`, notBlank)),
		section("metrics", "metrics and health",
			text("listen", &c.Metrics.Listen, "127.0.0.1:9464", `/metrics, /healthz and /readyz; port 0 takes a free one, "" switches them off`, listenAddress)),
		section("log", "logs, on stderr",
			choice("level", &c.Log.Level, "the lowest level that is written", "info", "debug", "warn", "error"),
			choice("format", &c.Log.Format, "one JSON object a line, or lines for people", "json", "console")),
		section("connector", "the Connector API, where preauthorizations are read", connectorKeys(&c.Connector)...),
		section("v4", "the v4 API, where holds are made", v4Keys(&c.V4)...),
		section("mirror", "what is mirrored", mirrorKeys(&c.Mirror)...),
		required(list("properties", "at least one", &c.Properties, func(p *Property) []field {
			return append(propertyKeys(p), ownV4(p, &c.V4)) // v4 has been read by then
		})),
	}
}

const (
	manyRequests   = 1_000_000
	manyConcurrent = 1000
)

func connectorKeys(c *Connector) []field {
	return []field{
		required(address("address", &c.Address, "/api/connector/v1", "the platform's address; /api/connector/v1/… is appended")),
		text("client", &c.Client, "preauth-sync 1.0.0", "name and version of this client, for the vendor", plain),
		required(secret("client_token", &c.ClientToken, "the client's token", notEmpty)),
		duration("timeout", &c.Timeout, 1, "60s", "of one request"),
		number("concurrency", &c.Concurrency, 1, manyConcurrent, "4", "requests under way at once"),
		section("rate_limit", "per access token, never exceeded in any window",
			number("requests", &c.RateLimit.Requests, 1, manyRequests, "180", "requests in a window"),
			duration("per", &c.RateLimit.Per, 1, "30s", "length of the window")),
	}
}

func v4Keys(c *V4) []field {
	return []field{
		required(address("address", &c.Address, "/api/v4", "the resource server's address; /api/v4/… is appended")),
		section("auth", "either token, or login_address with username and password or with client_id and client_secret",
			secret("token", &c.Auth.Token, "a bearer token that does not expire", bearer),
			address("login_address", &c.Auth.LoginAddress, "", "the full address of the login"),
			text("client_id", &c.Auth.ClientID, "", "required with client_secret", nil),
			text("username", &c.Auth.Username, "", "with password", nil),
			secret("password", &c.Auth.Password, "with username", nil),
			secret("client_secret", &c.Auth.ClientSecret, "instead of username and password", nil)),
		duration("timeout", &c.Timeout, 1, "30s", "of one request"),
		duration("settle", &c.Settle, 1, "5m", "how long a write may take to show in searches after its time-out"),
		number("concurrency", &c.Concurrency, 1, manyConcurrent, "8", "writes in flight at once"),
		section("rate_limit", "of all requests together",
			number("requests", &c.RateLimit.Requests, 0, manyRequests, "0", "requests in a window; 0 means no limit"),
			duration("per", &c.RateLimit.Per, 1, "1s", "length of the window")),
		choice("transaction_token", &c.TransactionToken, "what a create sends as its token; only id can be verified",
			TokenID, TokenCode, TokenNone),
		text("capture_field", &c.CaptureField, "identity", "the capture body's field for the identity", plain),
		choice("capture_empty_reply", &c.CaptureEmptyReply, "what an empty reply to a capture means", EmptyUnknown, EmptySuccess),
		numbers("already_captured_codes", &c.AlreadyCapturedCodes, "v4 error codes that mean: captured already"),
		number("created_by_user_id", &c.CreatedByUserID, 0, math.MaxInt64, "0", "sent with creates when above 0"),
	}
}

func mirrorKeys(c *Mirror) []field {
	return []field{
		choice("mode", &c.Mode, "observe sends nothing, capture_only creates nothing", ModeFull, ModeObserve, ModeCaptureOnly),
		choice("first_run", &c.FirstRun, "what was charged before the first run", FirstRunBaseline, FirstRunMirror),
		choice("new_customers", &c.NewCustomers, "charged history of customers added later",
			NewCustomersPark, NewCustomersBaseline, NewCustomersMirror),
		number("max_actions_per_cycle", &c.MaxActionsPerCycle, 0, math.MaxInt32, "1000",
			"a property whose plan has more requests sends nothing; 0 means no fuse"),
		choice("unknown_capture", &c.UnknownCapture, "retry only if the gateway refuses a second full capture",
			UnknownCapturePark, UnknownCaptureRetry),
		duration("hold_warn_after", &c.HoldWarnAfter, 0, "120h", "tells of a hold not captured by then; 0 means never"),
	}
}

func propertyKeys(p *Property) []field {
	return []field{
		required(trimmed(text("name", &p.Name, "", "its name in logs and metrics", propertyName))),
		required(secret("access_token", &p.AccessToken, "the property's access token", notEmpty)),
		required(text("currency", &p.Currency, "", "ISO 4217 code of what its tenant bills in", currency)),
		section("customers", "whose preauthorizations are mirrored: any mix, united",
			texts("ids", &p.Customers.IDs, "customers' Ids"),
			path("file", &p.Customers.File, "", "one Id a line, # comments; read again each cycle", notBlank),
			section("discover", "customers found by asking the Connector API",
				durationTo("updated_within", &p.Customers.Discover.UpdatedWithin, 0, 3660*day, "0s", "updated within this; 0 means off"),
				duration("reservations_within", &p.Customers.Discover.ReservationsWithin, 0, "0s",
					"guests of reservations within now ± this, at most 8784h; 0 means off"))),
		section("payment_methods", "which v4 payment method a card is, looked for in this order: its own, the customer's, lookup, default",
			methods("credit_cards", &p.PaymentMethods.CreditCards, "CreditCardId: paymentMethodId"),
			methods("customers", &p.PaymentMethods.Customers, "CustomerId: paymentMethodId"),
			path("file", &p.PaymentMethods.File, "", "CSV credit_card_id,payment_method_id; read again each cycle", notBlank),
			text("lookup", &p.PaymentMethods.Lookup, "", "v4 PaymentMethod field that holds the CreditCardId, asked for each card; then default is not used", fieldName),
			defaultMethod(&p.PaymentMethods.Default)),
	}
}

// Key describes one key of the configuration, for documentation.
type Key struct {
	// Path is the key's full path; [] stands for an item of a list.
	Path string
	// Takes names the kind of value; Default is empty where there is none.
	Takes, Default string
	Required       bool
	Doc            string
}

// Keys lists every key in the order of the documentation, sections included.
func Keys() []Key {
	return describe("", keys(&Config{Timezone: time.UTC}))
}

func describe(above string, fields []field) []Key {
	var all []Key
	for _, f := range fields {
		at := join(above, f.key)
		all = append(all, Key{at, f.takes, f.def, f.required, f.doc})
		if f.items != nil && f.fields != nil {
			at += "[]"
		}
		all = append(all, describe(at, f.fields)...)
	}
	return all
}
