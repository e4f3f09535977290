package state

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// There may be hundreds of thousands of cards that were looked up. Nearly all are
// UUIDs; the API does not promise it. So a key ends with the card's form and, by
// that, with its 16 bytes, with its text or, where that is long, with its hash.
const (
	cardID byte = iota + 1
	cardText
	cardHash
)

func lookedUpKey(sink, field, card string) ([]byte, error) {
	key, err := sinkKey(sink)
	if err != nil {
		return nil, err
	}
	if field == "" || len(field) > longToken || strings.ContainsRune(field, 0) {
		return nil, fmt.Errorf("%.64q cannot be the name of a field in the state file", field)
	}
	key = append(append(append(key, 0), field...), 0)
	if id, err := idKey(preauth.ID(card)); err == nil {
		return append(append(key, cardID), id...), nil
	}
	if len(card) <= longToken {
		return append(append(key, cardText), card...), nil
	}
	sum := sha256.Sum256([]byte(card))
	return append(append(key, cardHash), sum[:]...), nil
}

// lookedUpOf gives back what a key was made from. A card stays empty where the key
// has only its hash.
func lookedUpOf(key []byte) (sink, field, card string, err error) {
	first, rest, _ := bytes.Cut(key, []byte{0})
	second, rest, _ := bytes.Cut(rest, []byte{0})
	if len(first) == 0 || len(second) == 0 || len(rest) == 0 {
		return "", "", "", errors.New("its key is not a sink, a field and a card")
	}
	form, rest := rest[0], rest[1:]
	switch {
	case form == cardID && len(rest) == idLength:
		card = string(keyID(rest))
	case form == cardText:
		card = string(rest)
	case form != cardHash || len(rest) != sha256.Size:
		return "", "", "", fmt.Errorf("its key has a card of form %d and %d bytes", form, len(rest))
	}
	return string(first), string(second), card, nil
}

// lookedUp puts and forgets answers.
func (s *stager) lookedUp(answers []plan.LookedUp) error {
	for _, each := range answers {
		key, err := lookedUpKey(each.Sink, each.Field, each.CardID)
		if err != nil {
			return err
		}
		if each.At.IsZero() {
			s.write(bucketLookedUp, key, nil)
			continue
		}
		if err := s.put(bucketLookedUp, key, toWireLookedUp(each)); err != nil {
			return err
		}
	}
	return nil
}

// LookedUp gives what the sink has answered for those cards that it was asked for,
// by card.
func (l *Ledger) LookedUp(ctx context.Context, sink, field string, cards []string) (map[string]plan.LookedUp, error) {
	found := make(map[string]plan.LookedUp)
	err := l.viewNow(ctx, func(s snapshot) error {
		for _, card := range cards {
			key, err := lookedUpKey(sink, field, card)
			if err != nil {
				return err
			}
			value := s.get(bucketLookedUp, key)
			if value == nil {
				continue
			}
			answer, err := l.decodeLookedUp(key, value)
			if err != nil {
				return err
			}
			answer.CardID = card // of a long one the key has only the hash
			found[card] = answer
		}
		return nil
	})
	return found, err
}

func (l *Ledger) decodeLookedUp(key, value []byte) (plan.LookedUp, error) {
	var w wireLookedUp
	if err := l.codec.get(bucketLookedUp, key, value, &w); err != nil {
		return plan.LookedUp{}, l.fault(bucketLookedUp, key, err)
	}
	sink, field, card, err := lookedUpOf(key)
	if err != nil {
		return plan.LookedUp{}, l.fault(bucketLookedUp, key, err)
	}
	answer, err := fromWireLookedUp(sink, field, card, w)
	if err != nil {
		return plan.LookedUp{}, l.fault(bucketLookedUp, key, err)
	}
	return answer, nil
}
