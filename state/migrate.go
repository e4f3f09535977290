package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// A file of an earlier schema is rewritten as one of this schema. A writer does so aside,
// and gives the name to the new file once it is complete, checked and durable: a crash in
// between leaves the old one. A reader must not touch the folder, so it reads a copy
// elsewhere that has no name: it is gone when the process is.

// migrationStep is how many documents one transaction of a migration stores.
const migrationStep = 4096

// migrate goes on with a file of this schema.
//
//nolint:contextcheck,nolintlint // Open has no context
func (l *Ledger) migrate(found inspection) error {
	if found.schema == schema {
		return nil
	}
	ctx := context.Background() // Open has none
	if l.options.Mode != ReadWrite {
		return l.migrateCopy(ctx, found)
	}
	if err := l.migrateFile(ctx, found); err != nil {
		return fmt.Errorf("the state file %s cannot be migrated from schema %d: %w", l.options.Path, found.schema, err)
	}
	return nil
}

func (l *Ledger) migrateFile(ctx context.Context, found inspection) error {
	path, err := l.home()
	if err != nil {
		return err
	}
	clearAside(path)
	temp := asideName(path)
	defer func() { _ = os.Remove(temp) }()
	if err = l.buildMigrated(ctx, temp, false, found); err == nil {
		err = verifyFile(ctx, Options{Path: temp, LockTimeout: l.options.LockTimeout, Now: l.options.Now})
	}
	if err == nil {
		_, _, err = l.exchange(temp, path)
	}
	return err
}

// migrateCopy goes on with a copy. The file itself stays open and locked beside it.
func (l *Ledger) migrateCopy(ctx context.Context, found inspection) error {
	err := l.readCopy(ctx, found)
	if _, unsound := errors.AsType[*Error](err); err == nil || unsound {
		return err
	}
	return fmt.Errorf("the state file %s has schema %d and is read as a copy of this program's, which cannot be made in %s; "+
		"set TMPDIR to a folder with room for it: %w", l.options.Path, found.schema, os.TempDir(), err)
}

func (l *Ledger) readCopy(ctx context.Context, found inspection) error {
	file, err := os.CreateTemp("", "preauth-sync-*.db")
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	temp, err := withoutName(file)
	if temp == file.Name() {
		defer func() { _ = os.Remove(temp) }()
	}
	if err == nil {
		err = l.buildMigrated(ctx, temp, true, found)
	}
	if err == nil {
		l.earlier = l.db
		_, err = l.open(temp)
	}
	return err
}

// buildMigrated makes a migrated file. A passing one need not outlive this process.
func (l *Ledger) buildMigrated(ctx context.Context, temp string, passing bool, found inspection) error {
	return guard(l.options.Path, func() error {
		into, err := bolt.Open(temp, fileMode, &bolt.Options{Timeout: l.options.LockTimeout, NoStatistics: true, NoSync: passing})
		if err != nil {
			return err
		}
		into.AllocSize = into.Info().PageSize
		if err = into.Update(func(tx *bolt.Tx) error { return fillNew(tx, found.file, l.codec, l.options.logSize) }); err == nil {
			err = l.db.View(func(from *bolt.Tx) error {
				m := &migration{l: l, rewriter: rewriter{ctx: ctx, from: from, into: into}}
				return m.run()
			})
		}
		if closeErr := into.Close(); err == nil {
			err = closeErr
		}
		return err
	})
}

// migration rewrites a file of an earlier schema.
type migration struct {
	rewriter
	l *Ledger
	// s is what the new file's next transaction stores, so many documents.
	group  *staging
	s      *stager
	staged int
	// counted is what the records add up to: not every schema has it, or all of it.
	counted tallies
}

func (m *migration) run() (err error) {
	m.counted = make(tallies)
	m.l.known = newKnown(newEnterprises(), m.from.Bucket([]byte(bucketJournal)).Sequence())
	if m.tx, err = m.into.Begin(true); err != nil {
		return err
	}
	defer func() { _ = m.tx.Rollback() }() // of what is not committed by then
	m.begin()
	for _, each := range []func() error{m.records, m.owners, m.reads, func() error { return m.s.addTallies(m.counted) }, m.flush} {
		if err := each(); err != nil {
			return err
		}
	}
	for _, name := range keptBuckets() {
		if bucket := m.from.Bucket([]byte(name)); bucket != nil {
			if err := m.bucket([]byte(name), bucket, asItIs); err != nil {
				return err
			}
		}
	}
	return m.tx.Commit()
}

func (m *migration) begin() {
	m.group = m.l.stage(snapshot{l: m.l, tx: m.tx, enterprises: m.l.known.enterprises})
	m.s, m.staged = m.group.stager(), 0
}

// flush stores what is staged.
func (m *migration) flush() error {
	m.group.take(m.s)
	if err := m.group.apply(m.tx); err != nil {
		return err
	}
	m.l.settleKnown(m.group.known)
	if err := m.tx.Commit(); err != nil {
		return err
	}
	unmap(m.from.DB().Info().Data, m.from.Size())
	tx, err := m.into.Begin(true)
	if err != nil {
		return err
	}
	m.tx = tx
	m.begin()
	return m.ctx.Err()
}

// next makes room for one more document.
func (m *migration) next() error {
	if m.staged++; m.staged < migrationStep {
		return nil
	}
	return m.flush()
}

// records walks the records and the journal side by side.
func (m *migration) records() error {
	journal := m.l.earlierJournal(m.from)
	err := m.from.Bucket([]byte(bucketRecords)).ForEach(func(key, value []byte) error {
		if err := m.strays(journal, key); err != nil {
			return err
		}
		r, err := m.l.decodeEarlierRecord(key, value)
		if err != nil {
			return err
		}
		d := document{key: bytes.Clone(key), now: r}
		if d.lines, err = journal.take(key); err != nil {
			return err
		}
		if len(d.lines) > 0 {
			d.last = d.lines[len(d.lines)-1].Seq
		}
		return m.record(d)
	})
	if err != nil {
		return err
	}
	return m.strays(journal, nil)
}

// strays puts the lines up to an Id, of which there are no records.
func (m *migration) strays(journal *earlierJournal, upTo []byte) error {
	for journal.before(upTo) {
		id := bytes.Clone(journal.key[:min(idLength, len(journal.key))])
		lines, err := journal.take(id)
		if err != nil {
			return err
		}
		key, value := encodeOlder(id, lines)
		m.s.write(bucketJournal, key, value)
		if err := m.next(); err != nil {
			return err
		}
	}
	return nil
}

func (m *migration) record(d document) error {
	m.counted.count(d.now, 1)
	t := transition{old: &d.old, now: &d.now}
	if err := m.s.unfinished(t); err != nil {
		return err
	}
	for _, index := range recordIndexes() {
		if err := m.s.reindex(index, t); err != nil {
			return err
		}
	}
	m.s.order = append(m.s.order[:0], &d)
	if err := m.s.putDocuments(); err != nil {
		return err
	}
	return m.next()
}

func (m *migration) owners() error {
	return m.from.Bucket([]byte(bucketIdentities)).ForEach(func(key, value []byte) error {
		sink, identity, owner, err := m.l.decodeEarlierOwner(key, value)
		if err != nil {
			return err
		}
		if err := m.s.setOwner(sink, identity, owner); err != nil {
			return err
		}
		return m.next()
	})
}

func (m *migration) reads() error {
	return m.from.Bucket([]byte(bucketCustomers)).ForEach(func(key, value []byte) error {
		read, err := m.l.decodeEarlierRead(key, value)
		if err != nil {
			return err
		}
		if err := m.s.reads([]plan.CustomerRead{read}); err != nil {
			return err
		}
		return m.next()
	})
}
