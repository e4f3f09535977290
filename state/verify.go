package state

import (
	"context"
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
	InFlight   int                `json:"in_flight"`
	Parked     int                `json:"parked"`
	Identities int                `json:"identities"`
	Journal    int                `json:"journal"`
	Pruned     uint64             `json:"journal_pruned"`
	Customers  int                `json:"customers"` // that have been read
	Passes     int                `json:"passes"`
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
}

func (v *verifier) problem(format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, fmt.Sprintf(format, args...))
	}
}

func (v *verifier) snapshot(ctx context.Context) error {
	s, h, err := v.begin()
	if err != nil {
		return err
	}
	defer v.l.swap.RUnlock()
	defer func() { _ = s.tx.Rollback() }()
	found, err := inspect(v.l.options.Path, v.l.handle, h, v.l.codec)
	if err != nil {
		return err
	}
	v.report.Pages, v.report.Generation, v.report.Pruned = found.pages, found.file.Generation, found.file.Pruned
	// bbolt's own check shares its list of free pages with writers, so it runs
	// where there are none. It comes after inspect, since it trusts what it reads.
	if v.l.options.Mode == ReadOnly {
		v.structure(s.tx)
	}
	for _, each := range []func(context.Context, snapshot) error{
		v.records, v.older, v.customers, v.unfinished, v.inFlight, v.parked, v.identities, v.tallies, v.passes, v.properties,
		v.sinks, v.tokens, v.unmatched, v.discovered, v.pauses, v.lookedUp, v.observed, v.observedReads,
	} {
		if err := each(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// structure is bbolt's own check, which reads every page.
func (v *verifier) structure(tx *bolt.Tx) {
	tick := time.NewTicker(100 * letGoEvery)
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
func (v *verifier) begin() (s snapshot, h head, err error) {
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
		return s, h, err
	}
	length, err := size(l.handle)
	if err != nil {
		return s, h, err
	}
	if h, err = newestHead(l.options.Path, l.handle, length); err != nil {
		return s, h, err
	}
	if s, err = l.begin(); err != nil {
		return s, h, err
	}
	if uint64(s.tx.ID()) != h.txid {
		_ = s.tx.Rollback()
		return s, h, corrupt(l.options.Path, "its newest head is transaction %d, the open one is %d", h.txid, s.tx.ID())
	}
	return s, h, nil
}
