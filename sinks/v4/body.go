package v4

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// createBody gives a create's body (seed). The amount is a JSON number with
// exactly the decimals that it has; what is 0 or empty is left out.
func createBody(req preauth.CreateRequest) ([]byte, error) {
	if req.Amount.Sign() <= 0 {
		return nil, errors.New("the amount is not above zero")
	}
	if req.PaymentMethodID < 0 || req.CreatedByUserID < 0 {
		return nil, errors.New("the payment method and the user must not be negative")
	}
	body, err := json.Marshal(struct {
		PaymentMethodID  int64       `json:"paymentMethodId,omitempty"`
		Amount           json.Number `json:"amount"`
		TransactionToken string      `json:"transactionToken,omitempty"`
		CreatedByUserID  int64       `json:"createdByUserId,omitempty"`
	}{req.PaymentMethodID, json.Number(preauth.AmountText(req.Amount)), req.Token, req.CreatedByUserID})
	if err != nil {
		return nil, fmt.Errorf("the create cannot be written as JSON: %w", err)
	}
	return body, nil
}

// captureBody gives a capture's body, whose field is inferred.
func captureBody(field string, identity int64) ([]byte, error) {
	if identity <= 0 {
		return nil, fmt.Errorf("the identity %d is not above zero", identity)
	}
	return marshal(map[string]int64{field: identity})
}

// query is the body of a Search (vendor's docs: top 1 to 10000, 100 by default;
// the elements of search combine with AND).
type query struct {
	Top     int         `json:"top"`
	Search  []condition `json:"search"`
	OrderBy []order     `json:"orderBy,omitempty"`
}

type condition struct {
	Name     string `json:"name"`
	Operator string `json:"operator"`
	Value    any    `json:"value"`
}

type order struct {
	Name      string `json:"name"`
	Direction string `json:"direction"`
}

func searchBody(q query) ([]byte, error) { return marshal(map[string]query{"query": q}) }

func marshal(value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("the request cannot be written as JSON: %w", err)
	}
	return body, nil
}
