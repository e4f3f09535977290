package plan

// Method is the answer to "which payment method is this card?".
type Method struct {
	// ID is v4's paymentMethodId. It is 0 for Autopay, which names none.
	ID      int64
	Autopay bool
	// Missing says why there is no answer; it is empty when there is one.
	Missing string
}
