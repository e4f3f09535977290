package state

import (
	"errors"
	"testing"
)

// TestAPanicOfAWorkerIsARefusal: nobody above a worker can recover it.
func TestAPanicOfAWorkerIsARefusal(t *testing.T) {
	parts := []subtree{{}} // which has nothing to check with
	if err := checkParts(&pages{pageFile: pageFile{path: "state.db"}}, parts); kindOf(err) != Corrupt {
		t.Errorf("want corrupt, got %v", err)
	}
}

func kindOf(err error) Kind {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal.Kind
	}
	return 0
}
