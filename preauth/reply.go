package preauth

import (
	"errors"
	"time"
)

// Reply is one complete reply of the source for some customers.
type Reply struct {
	// Customers are those asked for, and therefore read.
	Customers []ID
	// Preauthorizations are distinct by Id and sorted by it.
	Preauthorizations []Preauthorization
	// Conflicting are the Ids that one reply showed twice with different contents.
	// They are not among Preauthorizations: which of the two is true is not known.
	Conflicting []ID
	// RequestID is the source's name for the exchange, for its support; it may be empty.
	RequestID string
}

// RefusedCustomer is a customer that could not be read.
type RefusedCustomer struct {
	CustomerID ID
	Reason     string
}

// ErrOddEntries is wrapped where the source's list of customers is complete but for
// entries that name nobody who could be asked for.
var ErrOddEntries = errors.New("entries of the list that name no customer")

// FoundCustomer is a customer whom discovery has shown.
type FoundCustomer struct {
	ID ID
	// Until is when it leaves the window in which it was looked for, as far as the
	// PMS says by now.
	Until time.Time
}
