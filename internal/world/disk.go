package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// disk is what outlives a worker: the state file, the generation beside it, and
// copies that an operator has made.
type disk struct {
	w      *world
	files  int
	file   *file
	beside beside
	copies []*file
	// newest is what was lost last, unseen until a cycle has run on what replaced it.
	newest *file
	unseen bool
}

// file is one state file.
type file struct {
	id         int
	store      *memory.Ledger
	generation uint64
	older      string
	backup     bool
	// captures is how many captures had been sent when it was copied.
	captures int
	// day is the generation that stood beside it when it was copied or lost.
	day beside
}

// beside is the generation file.
type beside struct {
	there      bool
	generation uint64
	id         int
}

func newDisk(w *world) *disk { return &disk{w: w} }

// open is what a start finds, and makes where nothing is.
func (d *disk) open(k *worker) *ledger {
	fresh := d.file == nil
	if fresh {
		d.files++
		d.file = &file{id: d.files, store: memory.New(plan.File{})}
	}
	f := d.file
	switch {
	case f.older != "":
	case f.backup:
		f.older = "it is a copy"
	case !d.beside.there && f.generation > 0:
		f.older = "the generation beside it is missing"
	case d.beside.generation > f.generation:
		f.older = "the generation beside it is ahead"
	case d.beside.there && d.beside.id != f.id && max(d.beside.generation, f.generation) > 0:
		f.older = "the generation beside it is another file's"
	}
	d.w.say("disk", "file %d: new=%t generation %d, beside %d, older %q", f.id, fresh, f.generation, d.beside.generation, f.older)
	return &ledger{Ledger: f.store, k: k, disk: d, file: f, fresh: fresh, inherited: f.generation, beside: d.beside.generation}
}

// copy keeps a copy of the file as it is; what comes later goes over it.
func (d *disk) copy(marked bool) {
	f := d.file
	kept := *f
	kept.day, kept.backup, kept.captures = d.beside, marked, d.w.oracle.captures
	d.copies = append(d.copies, &kept)
	f.store = memory.Overlay(kept.store)
	if k := d.w.worker; k != nil && k.ledger.file == f {
		k.ledger.Ledger = f.store
	}
}

// putBack puts a copy in the file's place.
func (d *disk) putBack(kept *file) {
	back := *kept
	back.store = memory.Overlay(kept.store)
	d.file = &back
}

// stands puts a generation beside the file. Generations that are counted anew would
// make copies of the first count look like those of the second.
func (d *disk) stands(b beside) {
	d.beside = b
	d.copies = slices.DeleteFunc(d.copies, func(kept *file) bool { return kept.generation > d.file.generation })
}

// ledger is the state file as one worker has it open.
type ledger struct {
	*memory.Ledger

	k         *worker
	disk      *disk
	file      *file
	fresh     bool
	inherited uint64
	beside    uint64
}

var errDisk = errors.New("the disk failed")

// File implements engine.Ledger.
func (l *ledger) File() plan.File {
	return plan.File{New: l.fresh, Older: l.file.older, Generation: l.inherited}
}

// Commit implements engine.Ledger. It may fail, or be cut short by the end of the
// worker, before what it stores is durable or after it.
func (l *ledger) Commit(ctx context.Context, batch plan.Batch) error {
	return l.write("commit", aboutOf(batch), func() error { return l.commit(ctx, batch) })
}

// write does something to the file, the way disks do.
func (l *ledger) write(what, about string, do func() error) error {
	w, err := l.k.w, error(nil)
	w.locked(func() {
		if l.k.dead {
			err = errDead
			return
		}
		t := w.throw(what, about)
		switch {
		case l.k.broken:
			err = errDisk
		case l.k.mortal() && t.chance(w.kills/2):
			l.k.die("before a " + what + " of " + about)
			err = errDead
		case w.fault(t, 0.01):
			err = errDisk
		}
		if err == nil {
			err = do()
			switch {
			case err != nil:
			case l.k.mortal() && t.chance(w.kills/2):
				l.k.die("after a " + what + " of " + about)
				err = errDead
			case w.fault(t, 0.01):
				err = errDisk
			}
		}
		if errors.Is(err, errDisk) {
			w.say("disk", "a %s of %s fails", what, about)
			l.k.broken = true
		}
	})
	return err
}

func (l *ledger) commit(ctx context.Context, batch plan.Batch) error {
	before := l.k.w.oracle.before(l, batch) //nolint:contextcheck // the ledger in memory never waits
	if err := l.Ledger.Commit(ctx, batch); err != nil {
		return err
	}
	l.k.w.oracle.stored(l, orderOf(ctx), batch, before) //nolint:contextcheck // the ledger in memory never waits
	return nil
}

// Advance implements engine.Ledger: first in the file, then beside it. Before the
// very first a 0 is put beside it, so that one cut short is no lost generation.
func (l *ledger) Advance(_ context.Context, adopted bool) (uint64, error) {
	store := func(where string, do func()) error {
		return l.write("generation", where, func() error {
			do()
			return nil
		})
	}
	if !l.disk.beside.there && l.file.generation == 0 {
		err := store("a first 0", func() { l.disk.beside = beside{true, 0, l.file.id} })
		if err != nil {
			return 0, err
		}
	}
	err := store("in the file", func() {
		l.file.generation = max(l.file.generation, l.beside) + 1
		if adopted {
			l.file.older, l.file.backup = "", false
		}
	})
	if err != nil {
		return 0, err
	}
	err = store("beside it", func() {
		l.disk.beside = beside{true, l.file.generation, l.file.id}
		l.k.advanced = true
	})
	return l.file.generation, err
}

// Pauses implements engine.Ledger. It takes its time: orders come at any moment.
func (l *ledger) Pauses(ctx context.Context) ([]plan.Pause, error) {
	w := l.k.w
	var all []plan.Pause
	w.locked(func() { all = w.oracle.paused() }) //nolint:contextcheck // the ledger in memory never waits
	return all, l.k.step(ctx, "pauses", "", l.k.throw(ctx, "pauses", "").between(0, 100*time.Millisecond))
}

// MarkOlder implements engine.Ledger.
func (l *ledger) MarkOlder(_ context.Context, why string) error {
	return l.write("mark", "", func() error {
		if l.file.older == "" {
			l.file.older = why
		}
		l.k.w.say("disk", "older: %s", why)
		return nil
	})
}

// aboutOf names a batch.
func aboutOf(batch plan.Batch) string {
	switch {
	case len(batch.Records) > 0:
		return fmt.Sprintf("%s to %s", batch.Records[0].ID, batch.Records[0].Phase)
	case batch.Property != nil:
		return "property " + batch.Property.Name
	case batch.Sink != nil:
		return "sink " + batch.Sink.Name
	case len(batch.Read) > 0:
		return "read " + string(batch.Read[0].CustomerID)
	case len(batch.Pauses) > 0:
		return "pause " + string(batch.Pauses[0].Enterprise)
	case len(batch.Tokens) > 0:
		return "token " + batch.Tokens[0].Token
	default:
		return "the rest"
	}
}
