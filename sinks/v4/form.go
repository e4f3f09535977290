package v4

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

// Form is what a reply to a write looks like, without any of its values.
type Form struct {
	// Operation is "create" or "capture".
	Operation string
	// Status is the HTTP status.
	Status int
	// Empty is set for a complete reply without a body.
	Empty bool
	// Keys are the names at the top of its body as they are spelled there, in the order
	// of the alphabet; nil when it is not one complete JSON object.
	Keys []string
	// Wrapped is set where the item of a create's reply is an envelope around the
	// object (vendor's newer docs), and not the object itself (seed).
	Wrapped bool
}

// formKey is the key of a context's function for forms.
type formKey struct{}

// WithForms gives a context under which each reply to a Create or Capture is shown to
// a function, in the form that it has. It is for finding out what is documented
// nowhere: nothing goes by it.
func WithForms(ctx context.Context, show func(Form)) context.Context {
	return context.WithValue(ctx, formKey{}, show)
}

func showForm(ctx context.Context, operation string, result httpx.WriteResult) {
	show, ok := ctx.Value(formKey{}).(func(Form))
	if !ok {
		return
	}
	form := Form{Operation: operation, Status: result.Status}
	if result.BodyComplete {
		form.Empty = len(bytes.TrimSpace(result.Body)) == 0
		form.Keys = keysOf(result.Body)
		form.Wrapped = wrapped(result.Body)
	}
	show(form)
}

func keysOf(body []byte) []string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(fields))
}

func wrapped(raw []byte) bool {
	body, err := parseObject(raw)
	if err != nil {
		return false
	}
	item, err := onlyItem(body)
	return err == nil && item.wraps()
}
