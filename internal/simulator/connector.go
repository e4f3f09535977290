package simulator

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// routeConnector knows the addresses of the Connector API: exact, case and all,
// without a trailing slash [D]. A new operation is one more case.
func (w *World) routeConnector(r *http.Request) operation {
	path, _ := strings.CutPrefix(r.URL.EscapedPath(), connectorPrefix)
	op := operation{name: OpUnknown, authorize: w.authorizeConnector}
	switch path {
	case "preauthorizations/getAllByCustomers":
		op.name, op.run = OpPoll, w.getAllByCustomers
	case "customers/getAll":
		op.name, op.run = OpCustomers, w.getAllCustomers
	case "reservations/getAll/2023-06-06":
		op.name, op.run = OpReservations, w.getAllReservations
	case "configuration/get":
		op.name, op.run = OpConfiguration, w.getConfiguration
	default:
		op.authorize = func(c *call) *reply {
			w.violation("the Connector API has no address %.200s", c.entry.Path)
			refusal := connectorRefusal(c, http.StatusNotFound, "the address does not exist")
			return &refusal
		}
		op.run = func(c *call, _ bool) reply { return connectorRefusal(c, http.StatusNotFound, "") }
	}
	return op
}

// authorizeConnector refuses what is wrong with any request of the Connector
// API: method, type, tokens, rate. Only POST with JSON is supported [D].
func (w *World) authorizeConnector(c *call) *reply {
	refuse := func(status int, message string) *reply {
		refusal := connectorRefusal(c, status, message)
		return &refusal
	}
	if c.request.Method != http.MethodPost {
		w.violation("the Connector API knows only POST, not %.20s", c.request.Method)
		return refuse(http.StatusMethodNotAllowed, "only POST is supported")
	}
	if !isJSON(c.request) {
		w.violation("the Connector API takes only application/json")
		return refuse(http.StatusUnsupportedMediaType, "the content type must be application/json")
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(c.body, &body) != nil || body == nil {
		w.violation("a body of the Connector API is no JSON object")
		return refuse(http.StatusBadRequest, "Invalid JSON.")
	}
	sent := []byte(text(body["ClientToken"]))
	if subtle.ConstantTimeCompare(sent, []byte(w.clientToken)) != 1 {
		return refuse(http.StatusUnauthorized, "Invalid ClientToken.")
	}
	if c.enterprise == nil {
		return refuse(http.StatusUnauthorized, "Invalid AccessToken.")
	}
	if c.throttled > 0 {
		r := refuse(http.StatusTooManyRequests, "Request limit exceeded.")
		seconds := int64((c.throttled + time.Second - 1) / time.Second)
		r.header.Set("Retry-After", strconv.FormatInt(seconds, 10))
		return r
	}
	return nil
}

// connectorRefusal is an error reply: Message, RequestId and Details [D].
func connectorRefusal(c *call, status int, message string) reply {
	b := appendText([]byte(`{"Message":`), message)
	b = appendText(append(b, `,"RequestId":`...), c.requestID)
	b = append(b, `,"Details":null}`...)
	return reply{status: status, header: http.Header{}, body: b}
}

// connectorBody reads a request's properties, of which Client is always required [S].
func (w *World) connectorBody(c *call, known ...string) (map[string]json.RawMessage, *reply) {
	body, err := members(c.body, append(known, "ClientToken", "AccessToken", "Client")...)
	if err == nil && text(body["Client"]) == "" {
		err = errors.New(`the property "Client" is required`)
	}
	if err != nil {
		w.violation("%s: %s", c.op.name, err)
		refusal := connectorRefusal(c, http.StatusBadRequest, "Invalid request: "+err.Error())
		return nil, &refusal
	}
	return body, nil
}

// getConfiguration tells which enterprise the token belongs to [D].
func (w *World) getConfiguration(c *call, _ bool) reply {
	if _, refusal := w.connectorBody(c); refusal != nil {
		return *refusal
	}
	e := c.enterprise
	b := appendText([]byte(`{"NowUtc":`), w.now().UTC().Format(time.RFC3339))
	b = appendText(append(b, `,"Enterprise":{"Id":`...), w.spell(e.ID))
	b = appendText(append(b, `,"Name":`...), e.Name)
	b = appendText(append(b, `,"TimeZoneIdentifier":"Europe/Budapest","Currencies":[{"Currency":`...), e.Currency)
	b = append(b, `,"IsDefault":true,"IsEnabled":true}]},"Service":null,"PaymentCardStorage":null}`...)
	return reply{status: http.StatusOK, body: b}
}

// getAllByCustomers is the poll [S].
func (w *World) getAllByCustomers(c *call, _ bool) reply {
	body, refusal := w.connectorBody(c, "CustomerIds")
	if refusal != nil {
		return *refusal
	}
	customers, err := w.customerIDs(body["CustomerIds"])
	if err != nil {
		return connectorRefusal(c, http.StatusBadRequest, err.Error())
	}
	b := []byte(`{"Preauthorizations":[`)
	empty := len(b)
	for _, customer := range customers {
		for _, at := range w.rowsOf(c.enterprise, customer) {
			if len(b) > empty {
				b = append(b, ',')
			}
			b = w.appendItem(b, &w.rows[at])
		}
	}
	return reply{status: http.StatusOK, body: append(b, "]}"...)}
}

// customerIDs reads a poll's CustomerIds. What is listed there may come from an
// operator: ids that are none, or of nobody, are no violation.
func (w *World) customerIDs(raw json.RawMessage) ([]uuid.UUID, error) {
	listed, err := listedOf("CustomerIds", raw)
	if err != nil {
		w.violation("a poll: %s", err)
		return nil, err
	}
	ids, err := idsOf("CustomerIds", listed)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if w.unknown[id] {
			return nil, errors.New("a customer was not found")
		}
	}
	return ids, nil
}

// appendItem appends a preauthorization in the order of the published example.
func (w *World) appendItem(b []byte, r *row) []byte {
	var odd Preauthorization
	if r.odd != nil {
		odd = *r.odd
	}
	if odd.RawItem != "" {
		return append(b, odd.RawItem...)
	}
	b = appendText(append(b, `{"Amount":{"Currency":`...), r.currency)
	b = append(b, `,"NetValue":null,"GrossValue":`...)
	if odd.RawGross == "" {
		odd.RawGross = literal(r.amount)
	}
	b = append(b, odd.RawGross...)
	b = appendTextOrNull(append(b, `,"TaxValues":[]},"Code":`...), odd.Code)
	b = appendText(append(b, `,"CreditCardId":`...), w.spell(r.card.String()))
	if !odd.OmitCustomer {
		b = appendText(append(b, `,"CustomerId":`...), w.spell(r.customer.String()))
	}
	b = appendText(append(b, `,"Id":`...), w.spell(r.id.String()))
	if !w.settings.OlderReplies {
		b = appendTextOrNull(append(b, `,"ReservationId":`...), odd.ReservationID)
	}
	if !odd.OmitActive {
		b = strconv.AppendBool(append(b, `,"IsActive":`...), !r.inactive)
	}
	if w.settings.OlderReplies {
		b = append(b, `,"ReceiptIdentifier":null,"SequenceCode":null`...)
	}
	b = appendText(append(b, `,"State":`...), r.state)
	if odd.Extra != "" {
		b = append(append(b, ','), odd.Extra...)
	}
	return append(b, '}')
}

// spell writes an id in the letter case that the settings ask for.
func (w *World) spell(id string) string {
	if w.settings.UpperCaseIDs {
		return strings.ToUpper(id)
	}
	return id
}
