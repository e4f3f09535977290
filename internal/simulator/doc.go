// Package simulator is both APIs in one process: the Connector API of the PMS
// and the v4 API of the billing platform, stateful and strict, with faults on
// request and a ledger of its own of every effect that was had. Tests use it
// as the oracle; the simulate and demo commands show it to people.
//
// It imports nothing else of the project: code shared with what it tests would
// make the same mistake twice and agree with itself.
//
// # Where its behaviour comes from
//
// Facts are tagged: [S] the published pages the project starts from, [D] the
// vendors' other documentation, [I] inferred, because no page says so.
//
//   - Connector API: POST only, JSON, exact paths [D]; tokens in the body,
//     CustomerIds 1 to 1000, no pagination [S]; unknown properties refused [D];
//     error body Message, RequestId, Details and a Request-Id header [D]; 200
//     requests in 30 s for each AccessToken, 429 with Retry-After [D].
//   - customers/getAll: Extent, Limitation and one filter required, UpdatedUtc at
//     most three months with both ends included, CustomerIds 1 to 1000, pages of 1
//     to 1000, the newest first [D]; only active customers unless told otherwise,
//     the form of a cursor [I].
//   - reservations/getAll/2023-06-06: Limitation required, CollidingUtc and
//     UpdatedUtc at most three months, AccountType Customer or Company [D]; every
//     state unless told otherwise, several filters all apply [I].
//   - A merged customer names its MergeTargetId [D]; it is deleted, its
//     preauthorizations are the target's, its reservations go on naming it [I].
//   - v4: objects, create, search and paged replies [S]; login, expiring bearer
//     tokens, errors with code and message [D]; Capture's body and reply, the
//     Pagination header's form, every error code, and the reply to a wrong
//     password [I].
//   - v4's PaymentMethod: its properties [D]; Search by analogy, and that the
//     paymentMethodIdentifier holds the Id of the PMS's card [I].
//   - v4 has no idempotency key and detects no duplicate [S]: neither does this.
//
// # Addresses
//
//	/api/connector/v1/…                          the Connector API
//	/ResourceServer/api/v4/…                     the v4 API
//	/AuthorizationServer/api/v4/Access/Login     its login
//	/simulator/…                                 the administration, below
//
// # Administration
//
// Bodies and replies are JSON; a refused request answers 4xx {"error": "…"}.
// Unknown members are refused. Durations are Go durations such as "2s".
//
//	GET    /simulator/                   lists these addresses, and what a fault can name
//	GET    /simulator/account            creates, captures, duplicates, violations
//	GET    /simulator/effects            every create and capture that took effect
//	GET    /simulator/holds              what v4 holds, with the tokens as sent and as stored
//	GET    /simulator/requests           every request: API, operation, time, status, fault
//	GET    /simulator/reconcile          the PMS compared with v4, see Reconciliation
//	GET    /simulator/preauthorizations  what the PMS knows: ?id=, or all of ?customer_id=
//	POST   /simulator/preauthorizations  adds one, or changes the named members of an existing one:
//	       {"enterprise", "id", "customer_id", "card_id", "amount": "22.50", "currency", "state", "active", "code"}
//	DELETE /simulator/preauthorizations?id=ID
//	GET    /simulator/reservations       the reservations of ?enterprise=, of the first one without
//	POST   /simulator/reservations       adds one, or changes the named members of an existing one, which updates it:
//	       {"enterprise", "id", "customer_id", "company", "start", "end", "actual_end", "state", "updated"}
//	POST   /simulator/merges             merges a customer into another: {"from", "into"}
//	GET    /simulator/methods            v4's payment methods
//	POST   /simulator/methods            adds one, or changes the named members of an existing one; the identifier is
//	       the field that holds the Id of the PMS's card: {"identity", "tenant", "name", "account", "token",
//	       "identifier", "inactive", "autopay", "declines"}
//	POST   /simulator/faults             adds a rule, see Fault; answers {"id": N}:
//	       {"api": "v4", "operation": "create", "kind": "reset_after", "times": 1, "delay": "2s", "status": 503,
//	       "nth": 1, "probability": 0.5, "after": true, "header": {"X": "y"}, "body": "…", "retry_after": "5",
//	       "location": "/x", "size": 1000}; a kind may end in _before or _after
//	DELETE /simulator/faults             removes every rule and the chaos
//	POST   /simulator/chaos              {"rate": 0.2, "seed": 7, "max_delay": "60s", "kinds": […], "operations": […]}
//	GET    /simulator/options            the settings
//	POST   /simulator/options            changes the named settings, see Settings:
//	       {"token_policy": "keep|overwrite|late|late_token", "token_delay": "5s", "upper_case_tokens": true, …}
package simulator
