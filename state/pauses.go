package state

import (
	"context"
	"errors"
	"fmt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// pauses puts and lifts pauses, all of them whatever they say.
func (s *stager) pauses(pauses []plan.Pause) error {
	for _, each := range pauses {
		key, err := optionalIDKey(each.Enterprise)
		if err != nil {
			return fmt.Errorf("a pause: %w", err)
		}
		var value []byte
		if !each.Since.IsZero() {
			value = sealNumber(bucketPauses, key, uint64(toMillis(each.Since)))
		}
		s.write(bucketPauses, key, value)
	}
	return nil
}

// Pauses gives what is paused, by enterprise, the pause of all first.
func (l *Ledger) Pauses(ctx context.Context) ([]plan.Pause, error) {
	var all []plan.Pause
	err := l.viewNow(ctx, func(s snapshot) error {
		return s.forEach(bucketPauses, func(key, value []byte) error {
			p, err := decodePause(key, value)
			if err != nil {
				return l.fault(bucketPauses, key, err)
			}
			all = append(all, p)
			return nil
		})
	})
	return all, err
}

func decodePause(key, value []byte) (plan.Pause, error) {
	if len(key) != idLength {
		return plan.Pause{}, errors.New("its key is not an Id")
	}
	millis, err := unsealNumber(bucketPauses, key, value)
	if err != nil {
		return plan.Pause{}, err
	}
	return plan.Pause{Enterprise: optionalKeyID(key), Since: fromMillis(int64(millis))}, nil
}
