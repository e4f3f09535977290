package state

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// each visits a bucket, and keeps on after what is corrupt.
func (v *verifier) each(ctx context.Context, s snapshot, bucket string, visit func(key, value []byte) error) error {
	return s.forEach(bucket, func(key, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return v.noted(visit(key, value))
	})
}

// noted makes what is corrupt a problem of the report.
func (v *verifier) noted(err error) error {
	if refusal, ok := errors.AsType[*Error](err); ok && refusal.Kind == Corrupt {
		v.problem("%s", refusal.Detail)
		return nil
	}
	return err
}

func (v *verifier) records(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketRecords, func(key, value []byte) error {
		v.report.Records++
		d, err := s.decodeDocument(keyID(key), key, value, true)
		if err != nil {
			return err
		}
		r := d.now
		v.report.Journal += len(d.lines)
		v.report.Phases[r.Phase]++
		v.counted.count(r, 1)
		if r.Identity != 0 {
			v.identified++
		}
		if err := v.standsAsUnfinished(s, r); err != nil {
			return err
		}
		for _, index := range recordIndexes() {
			indexed, err := index.key(r)
			if err != nil {
				return err
			}
			if indexed != nil && s.get(index.bucket, indexed) == nil {
				v.problem("record %s is %s and missing from the index", r.ID, index.bucket)
			}
		}
		return nil
	})
}

// standsAsUnfinished makes sure that an unfinished record is found by its customer.
func (v *verifier) standsAsUnfinished(s snapshot, r plan.Record) error {
	if !r.Unfinished() {
		return nil
	}
	key, err := customerKey(s.enterprises.numbers[r.Enterprise], r.CustomerID)
	if err != nil {
		return err
	}
	id, err := idKey(r.ID)
	if err != nil {
		return err
	}
	c, err := v.l.decodeCustomer(key, s.get(bucketCustomers, key))
	if err != nil {
		return err
	}
	if !slices.Contains(c.ids, uuid.UUID(id)) && s.get(bucketUnfinished, append(key, id...)) == nil {
		v.problem("record %s is unfinished and missing from the index", r.ID)
	}
	return nil
}

// older are the lines that stand apart. Lines are numbered without a gap, and only
// compactions leave any out.
func (v *verifier) older(ctx context.Context, s snapshot) error {
	err := v.each(ctx, s, bucketJournal, func(key, value []byte) error {
		lines, err := v.l.decodeOlder(key, value)
		v.report.Journal += len(lines)
		return err
	})
	if written := s.sequence(); err == nil && uint64(v.report.Journal)+v.report.Pruned != written {
		v.problem("the journal has %d lines and should have %d", v.report.Journal, written-v.report.Pruned)
	}
	return err
}

func (v *verifier) customers(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketCustomers, func(key, value []byte) error {
		c, err := v.l.decodeCustomer(key, value)
		if err != nil {
			return err
		}
		if c.read > 0 {
			v.report.Customers++
		}
		v.report.Unfinished += len(c.ids)
		for _, id := range c.ids {
			if _, err := v.l.unfinishedRecord(s, key, id); err != nil {
				return err
			}
		}
		_, err = v.l.unfinishedOf(s, key, c)
		return err
	})
}

func (v *verifier) unfinished(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketUnfinished, func(key, value []byte) error {
		v.report.Unfinished++
		id, err := v.l.unfinishedID(key, value)
		if err != nil {
			return err
		}
		of := key[:numberLength+idLength]
		if r, err := v.l.unfinishedRecord(s, of, id); err != nil || r.CustomerID == "" {
			return err
		}
		c, err := v.l.decodeCustomer(of, s.get(bucketCustomers, of))
		if err == nil && (c.beyond == 0 || slices.Contains(c.ids, id)) {
			v.problem("record %s stands as unfinished where its customer has it not", id)
		}
		return err
	})
}

func (v *verifier) inFlight(ctx context.Context, s snapshot) error {
	return v.index(ctx, s, inFlightIndex(), &v.report.InFlight)
}

func (v *verifier) parked(ctx context.Context, s snapshot) error {
	return v.index(ctx, s, parkedIndex(), &v.report.Parked)
}

func (v *verifier) index(ctx context.Context, s snapshot, index recordIndex, entries *int) error {
	decode := v.l.indexed(index)
	return v.each(ctx, s, index.bucket, func(key, value []byte) error {
		*entries++
		_, err := decode(s, key, value)
		return err
	})
}

func (v *verifier) tallies(ctx context.Context, s snapshot) error {
	err := v.each(ctx, s, bucketTallies, func(key, value []byte) error {
		t, err := v.l.tally(key, value)
		if err != nil {
			return err
		}
		enterprise := optionalKeyID(key)
		if !sameTally(t, v.counted[enterprise]) {
			v.problem("%s is not what its records add up to", describe(bucketTallies, key))
		}
		delete(v.counted, enterprise)
		return nil
	})
	for enterprise := range v.counted {
		v.problem("the tally of %s is missing", cmp.Or(enterprise, "no enterprise"))
	}
	return err
}

func (v *verifier) discovered(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketDiscovered, func(key, value []byte) error {
		v.report.Discovered++
		if _, err := decodeDiscovered(key, value); err != nil {
			v.problem("%s is wrong: %v", describe(bucketDiscovered, key), err)
		}
		return nil
	})
}

func (v *verifier) pauses(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketPauses, func(key, value []byte) error {
		v.report.Pauses++
		if _, err := decodePause(key, value); err != nil {
			v.problem("%s is wrong: %v", describe(bucketPauses, key), err)
		}
		return nil
	})
}

func (v *verifier) lookedUp(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketLookedUp, func(key, value []byte) error {
		v.report.LookedUp++
		_, err := v.l.decodeLookedUp(key, value)
		return err
	})
}

func (v *verifier) observed(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketObserved, func(key, value []byte) error {
		v.report.Observed++
		_, err := v.l.decodeObserved(key, value)
		return err
	})
}

func (v *verifier) identities(ctx context.Context, s snapshot) error {
	err := v.each(ctx, s, bucketIdentities, func(key, value []byte) error {
		all, err := v.l.decodeOwners(key, value)
		if err != nil {
			return err
		}
		v.report.Identities += len(all.ids)
		sink, _, _ := bytes.Cut(key, []byte{0})
		for _, id := range all.ids {
			owner := preauth.ID(id.String())
			r, _, err := v.l.record(s, owner, id[:])
			if err != nil {
				return err
			}
			own, at := identityKey(string(sink), r.Identity)
			if index, owned := all.index(at); !bytes.Equal(key, own) || !owned || all.ids[index] != id {
				v.problem("the index of identities is wrong about record %s", owner)
			}
		}
		return nil
	})
	if err == nil && v.report.Identities != v.identified {
		v.problem("%d records have an identity and the index has %d", v.identified, v.report.Identities)
	}
	return err
}

func (v *verifier) passes(_ context.Context, s snapshot) error {
	spans, err := v.l.readSpans(s)
	for number, of := range spans {
		v.report.Passes += len(of)
		if _, err := s.enterprises.id(uint64(number)); err != nil {
			v.problem("a pass is that of %v", err)
		}
	}
	return v.noted(err)
}

func (v *verifier) observedReads(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketObservedReads, func(key, value []byte) error {
		v.report.ObservedReads++
		if _, err := unsealNumber(bucketObservedReads, key, value); err != nil || len(key) != 2*idLength {
			v.problem("%s is wrong", describe(bucketObservedReads, key))
		}
		return nil
	})
}

func (v *verifier) properties(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketProperties, func(key, value []byte) error {
		v.report.Properties++
		_, _, err := v.l.property(key, value)
		return err
	})
}

func (v *verifier) sinks(ctx context.Context, s snapshot) error {
	err := v.each(ctx, s, bucketSinks, func(key, value []byte) error {
		v.report.Sinks++
		_, _, err := v.l.sink(key, value)
		return err
	})
	if err != nil {
		return err
	}
	return v.each(ctx, s, bucketHighest, func(key, value []byte) error {
		_, err := v.l.highest(key, value)
		return err
	})
}

func (v *verifier) tokens(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketTokens, func(key, value []byte) error {
		v.report.Tokens++
		t, _, err := v.l.token(key, value)
		if err != nil {
			return err
		}
		if !t.Foreign && s.get(bucketUnmatched, key) == nil {
			v.problem("%s is unmatched and missing from the index", describe(bucketTokens, key))
		}
		return nil
	})
}

func (v *verifier) unmatched(ctx context.Context, s snapshot) error {
	return v.each(ctx, s, bucketUnmatched, func(key, _ []byte) error {
		v.report.Unmatched++
		t, ok, err := v.l.token(key, s.get(bucketTokens, key))
		if err == nil && (!ok || t.Foreign) {
			v.problem("the index of unmatched tokens is wrong about %s", describe(bucketTokens, key))
		}
		return err
	})
}
