package state

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Report is what a full check of the file has counted.
type Report struct {
	Pages      uint64             `json:"pages"`
	Generation uint64             `json:"generation"`
	Records    int                `json:"records"`
	Phases     map[plan.Phase]int `json:"-"`
	Unfinished int                `json:"unfinished"`
	Parked     int                `json:"parked"`
	Identities int                `json:"identities"`
	Journal    int                `json:"journal"`
	Pruned     uint64             `json:"journal_pruned"`
	Customers  int                `json:"customers"`
	Discovered int                `json:"discovered"`
	Properties int                `json:"properties"`
	Sinks      int                `json:"sinks"`
	Tokens     int                `json:"tokens"`
	Unmatched  int                `json:"unmatched"`
	Pauses     int                `json:"pauses"`
	LookedUp   int                `json:"looked_up"`
	Observed   int                `json:"observed"`
	// ObservedReads are the customers that the report counts as read.
	ObservedReads int `json:"observed_reads"`
	// Problems are the first things found wrong, in words; at most 20.
	Problems []string `json:"problems,omitempty"`
}

const maxProblems = 20

// Verify checks everything: each page, each checksum, each document, that the
// indexes and the records say the same. It reads one snapshot, and others go on
// writing meanwhile. An error that is *Error with Corrupt tells the first
// problem; the report then lists more of them.
func (l *Ledger) Verify(ctx context.Context) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	v := &verifier{l: l, report: Report{Phases: make(map[plan.Phase]int)}, counted: make(tallies)}
	err := guard(l.options.Path, func() error { return v.snapshot(ctx) })
	if err == nil && len(v.report.Problems) > 0 {
		err = corrupt(l.options.Path, "%s", v.report.Problems[0])
	}
	return v.report, err
}

type verifier struct {
	l      *Ledger
	report Report
	// identified counts the records that have an identity.
	identified int
	// counted is what the records add up to.
	counted tallies
	// risks is set where the file adds up what is held and what awaits its capture.
	risks bool
}

func (v *verifier) problem(format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, fmt.Sprintf(format, args...))
	}
}

func (v *verifier) snapshot(ctx context.Context) error {
	tx, h, err := v.begin()
	if err != nil {
		return err
	}
	defer v.l.swap.RUnlock()
	defer func() { _ = tx.Rollback() }()
	found, err := inspect(v.l.options.Path, v.l.handle, h, v.l.codec)
	if err != nil {
		return err
	}
	v.report.Pages, v.report.Generation, v.report.Pruned = found.pages, found.file.Generation, found.file.Pruned
	// bbolt's own check shares its list of free pages with writers, so it runs
	// where there are none. It comes after inspect, since it trusts what it reads.
	if v.l.options.Mode == ReadOnly {
		v.structure(tx)
	}
	checks := []func(context.Context, *bolt.Tx) error{
		v.records, v.unfinished, v.identities, v.journal, v.customers, v.properties, v.sinks, v.tokens, v.unmatched,
	}
	if found.schema >= 2 {
		checks = append(checks, v.parked, v.tallies, v.discovered)
	}
	if found.schema >= 3 {
		checks = append(checks, v.pauses)
	}
	if found.schema >= 4 {
		checks = append(checks, v.lookedUp, v.observed, v.observedReads)
	}
	v.risks = found.schema >= 4
	for _, each := range checks {
		if err := each(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// letGoEvery is how often the pages that bbolt's check has read are let go.
const letGoEvery = 50 * time.Millisecond

// structure is bbolt's own check, which reads every page.
func (v *verifier) structure(tx *bolt.Tx) {
	tick := time.NewTicker(letGoEvery)
	defer tick.Stop()
	for problems := tx.Check(); ; {
		select {
		case err, more := <-problems:
			if !more {
				return
			}
			v.problem("%v", err)
		case <-tick.C:
			unmap(tx.DB().Info().Data, tx.Size())
		}
	}
}

// begin starts a read transaction and gives the head that it sees: with no
// writer at work, the newest. Without an error it holds swap for reading.
func (v *verifier) begin() (tx *bolt.Tx, h head, err error) {
	l := v.l
	l.writing.Lock()
	defer l.writing.Unlock()
	l.swap.RLock()
	defer func() {
		if err != nil {
			l.swap.RUnlock()
		}
	}()
	if err := l.readable(); err != nil {
		return nil, head{}, err
	}
	length, err := size(l.handle)
	if err != nil {
		return nil, head{}, err
	}
	if h, err = newestHead(l.options.Path, l.handle, length); err != nil {
		return nil, head{}, err
	}
	if tx, err = l.db.Begin(false); err != nil {
		return nil, head{}, err
	}
	if uint64(tx.ID()) != h.txid {
		_ = tx.Rollback()
		return nil, head{}, corrupt(l.options.Path, "its newest head is transaction %d, the open one is %d", h.txid, tx.ID())
	}
	return tx, h, nil
}

// each visits a bucket, and keeps on after what is corrupt.
func (v *verifier) each(ctx context.Context, tx *bolt.Tx, bucket string, visit func(key, value []byte) error) error {
	return tx.Bucket([]byte(bucket)).ForEach(func(key, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		v.l.touched(tx, 1)
		err := visit(key, value)
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Kind == Corrupt {
			v.problem("%s", refusal.Detail)
			return nil
		}
		return err
	})
}

func (v *verifier) records(ctx context.Context, tx *bolt.Tx) error {
	return v.each(ctx, tx, bucketRecords, func(key, value []byte) error {
		v.report.Records++
		r, err := v.l.decodeRecord(keyID(key), key, value)
		if err != nil {
			return err
		}
		v.report.Phases[r.Phase]++
		v.counted.count(r, 1)
		if r.Identity != 0 {
			v.identified++
		}
		for _, index := range recordIndexes() {
			indexed, err := index.key(r)
			if err != nil {
				return err
			}
			keys := tx.Bucket([]byte(index.bucket))
			if keys != nil && indexed != nil && keys.Get(indexed) == nil {
				v.problem("record %s is %s and missing from the index", r.ID, index.bucket)
			}
		}
		return nil
	})
}

func (v *verifier) unfinished(ctx context.Context, tx *bolt.Tx) error {
	return v.index(ctx, tx, unfinishedIndex(), &v.report.Unfinished)
}

func (v *verifier) parked(ctx context.Context, tx *bolt.Tx) error {
	return v.index(ctx, tx, parkedIndex(), &v.report.Parked)
}

func (v *verifier) index(ctx context.Context, tx *bolt.Tx, index recordIndex, entries *int) error {
	decode := v.l.indexed(index)
	return v.each(ctx, tx, index.bucket, func(key, value []byte) error {
		*entries++
		_, err := decode(tx, key, value)
		return err
	})
}

func (v *verifier) tallies(ctx context.Context, tx *bolt.Tx) error {
	err := v.each(ctx, tx, bucketTallies, func(key, value []byte) error {
		t, err := v.l.tally(key, value)
		if err != nil {
			return err
		}
		enterprise := optionalKeyID(key)
		counted := v.counted[enterprise]
		if !v.risks {
			counted.Held, counted.Awaiting = nil, nil
		}
		if !sameTally(t, counted) {
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

func (v *verifier) discovered(ctx context.Context, tx *bolt.Tx) error {
	return v.each(ctx, tx, bucketDiscovered, func(key, value []byte) error {
		v.report.Discovered++
		if _, err := decodeDiscovered(key, value); err != nil {
			v.problem("%s is wrong: %v", describe(bucketDiscovered, key), err)
		}
		return nil
	})
}

func (v *verifier) pauses(ctx context.Context, tx *bolt.Tx) error {
	return v.each(ctx, tx, bucketPauses, func(key, value []byte) error {
		v.report.Pauses++
		if _, err := decodePause(key, value); err != nil {
			v.problem("%s is wrong: %v", describe(bucketPauses, key), err)
		}
		return nil
	})
}

func (v *verifier) lookedUp(ctx context.Context, tx *bolt.Tx) error {
	return v.each(ctx, tx, bucketLookedUp, func(key, value []byte) error {
		v.report.LookedUp++
		_, err := v.l.decodeLookedUp(key, value)
		return err
	})
}

func (v *verifier) observed(ctx context.Context, tx *bolt.Tx) error {
	return v.each(ctx, tx, bucketObserved, func(key, value []byte) error {
		v.report.Observed++
		_, err := v.l.decodeObserved(key, value)
		return err
	})
}

func (v *verifier) identities(ctx context.Context, tx *bolt.Tx) error {
	err := v.each(ctx, tx, bucketIdentities, func(key, _ []byte) error {
		v.report.Identities++
		owner, _, err := v.l.owner(tx, key)
		if err != nil {
			return err
		}
		id, err := idKey(owner)
		if err != nil {
			return err
		}
		r, _, err := v.l.record(tx, owner, id)
		if err != nil {
			return err
		}
		if sink, _, _ := bytes.Cut(key, []byte{0}); !bytes.Equal(key, identityKey(string(sink), r.Identity)) {
			v.problem("the index of identities is wrong about record %s", owner)
		}
		return nil
	})
	if err == nil && v.report.Identities != v.identified {
		v.problem("%d records have an identity and the index has %d", v.identified, v.report.Identities)
	}
	return err
}

func (v *verifier) journal(ctx context.Context, tx *bolt.Tx) error {
	// Lines are numbered without a gap, and only compactions leave any out.
	written := tx.Bucket([]byte(bucketJournal)).Sequence()
	err := v.each(ctx, tx, bucketJournal, func(key, value []byte) error {
		v.report.Journal++
		if len(key) != idLength+seqLength {
			return corrupt(v.l.options.Path, "the journal holds %x", key)
		}
		_, err := v.l.entry(key, value)
		return err
	})
	if err == nil && uint64(v.report.Journal)+v.report.Pruned != written {
		v.problem("the journal has %d lines and should have %d", v.report.Journal, written-v.report.Pruned)
	}
	return err
}

func (v *verifier) customers(ctx context.Context, tx *bolt.Tx) error {
	return v.reads(ctx, tx, bucketCustomers, &v.report.Customers)
}

func (v *verifier) observedReads(ctx context.Context, tx *bolt.Tx) error {
	return v.reads(ctx, tx, bucketObservedReads, &v.report.ObservedReads)
}

func (v *verifier) reads(ctx context.Context, tx *bolt.Tx, bucket string, entries *int) error {
	return v.each(ctx, tx, bucket, func(key, value []byte) error {
		*entries++
		if _, err := unsealNumber(bucket, key, value); err != nil || len(key) != 2*idLength {
			v.problem("%s is wrong", describe(bucket, key))
		}
		return nil
	})
}

func (v *verifier) properties(ctx context.Context, tx *bolt.Tx) error {
	return v.each(ctx, tx, bucketProperties, func(key, value []byte) error {
		v.report.Properties++
		_, _, err := v.l.property(key, value)
		return err
	})
}

func (v *verifier) sinks(ctx context.Context, tx *bolt.Tx) error {
	err := v.each(ctx, tx, bucketSinks, func(key, value []byte) error {
		v.report.Sinks++
		_, _, err := v.l.sink(key, value)
		return err
	})
	if err != nil {
		return err
	}
	return v.each(ctx, tx, bucketHighest, func(key, value []byte) error {
		_, err := v.l.highest(key, value)
		return err
	})
}

func (v *verifier) tokens(ctx context.Context, tx *bolt.Tx) error {
	index := tx.Bucket([]byte(bucketUnmatched))
	return v.each(ctx, tx, bucketTokens, func(key, value []byte) error {
		v.report.Tokens++
		t, _, err := v.l.token(key, value)
		if err != nil {
			return err
		}
		if !t.Foreign && index.Get(key) == nil {
			v.problem("%s is unmatched and missing from the index", describe(bucketTokens, key))
		}
		return nil
	})
}

func (v *verifier) unmatched(ctx context.Context, tx *bolt.Tx) error {
	tokens := tx.Bucket([]byte(bucketTokens))
	return v.each(ctx, tx, bucketUnmatched, func(key, _ []byte) error {
		v.report.Unmatched++
		t, ok, err := v.l.token(key, tokens.Get(key))
		if err == nil && (!ok || t.Foreign) {
			v.problem("the index of unmatched tokens is wrong about %s", describe(bucketTokens, key))
		}
		return err
	})
}
