package engine

import (
	"context"
	"crypto/sha256"
	"runtime"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// list unites the listed customers with those that have unfinished records,
// and divides them into chunks.
func (run *propertyRun) list(ctx context.Context) error {
	run.strays, run.listing = map[preauth.ID]bool{}, true
	methods, err := run.p.opts.Methods(ctx)
	if err != nil {
		run.stopCreates = true
		run.account.fail(err)
		methods = noMethods{}
	}
	run.methods = methods
	if err := run.tellAging(ctx); err != nil {
		return err
	}
	if b := run.c.backfill; b.partial() {
		return run.divide(ctx, slices.Clone(b.opts.Customers))
	}
	customers, err := run.p.opts.Customers(ctx)
	if err != nil {
		run.stopCreates = true
		run.account.fail(err)
	}
	for _, invalid := range customers.Invalid {
		run.refuse(invalid.Spelled, invalid.Where+": it is not a UUID, and was not asked for")
	}
	found, err := run.discover(ctx)
	if run.e.Failed() != nil {
		return err
	}
	if err != nil {
		run.account.fail(err)
	}
	run.wholeList = complete(err) && !run.stopCreates && len(customers.Invalid) == 0
	return run.divide(ctx, append(customers.IDs, found...))
}

// divide adds who has unfinished records, unless only some are asked for, and
// makes the chunks. It takes the list over.
func (run *propertyRun) divide(ctx context.Context, listed []preauth.ID) error {
	run.listed = preauth.Distinct(listed)
	chunks := chunksOf(run.listed)
	if !run.c.backfill.partial() {
		unlisted, err := run.unlisted(ctx, sumOfAll(chunks))
		if err != nil {
			return run.e.fail(err)
		}
		if len(unlisted) > 0 {
			ids := slices.Concat(run.listed, unlisted)
			slices.Sort(ids)
			chunks = chunksOf(ids)
		}
	}
	run.chunks, run.isListed = chunks, true
	run.c.backfill.lists(run)
	return nil
}

// unlisted gives who has unfinished records and is not in the list, whose sum is given.
// It is worked out again only when it may be another answer than the last one.
func (run *propertyRun) unlisted(ctx context.Context, list [32]byte) ([]preauth.ID, error) {
	revision, err := run.e.ledger.PendingRevision(ctx, run.p.enterprise)
	if err != nil {
		return nil, err
	}
	found := &plan.Unlisted{List: list, Revision: revision}
	if last := run.doc.Unlisted; last != nil && last.List == found.List && last.Revision == revision {
		return last.Customers, nil
	}
	rest := run.listed
	err = run.e.ledger.Pending(ctx, run.p.enterprise, func(id preauth.ID) error {
		for len(rest) > 0 && rest[0] < id {
			rest = rest[1:]
		}
		if len(rest) == 0 || rest[0] != id {
			found.Customers = append(found.Customers, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	run.doc.Unlisted = found
	if len(found.Customers) > chunkSize {
		run.doc.Unlisted = nil // it would make the property's document large
	}
	return found.Customers, nil
}

// idLength is how long an Id is as text.
const idLength = 36

// chunk is customers who are asked for in one poll.
type chunk struct {
	ids []preauth.ID
	// sum identifies them.
	sum [32]byte
}

// chunksOf divides customers, and sums the chunks on all processors: until that is done
// nobody is polled.
func chunksOf(ids []preauth.ID) []chunk {
	chunks := make([]chunk, 0, (len(ids)+chunkSize-1)/chunkSize)
	for part := range slices.Chunk(ids, chunkSize) {
		chunks = append(chunks, chunk{ids: part})
	}
	var summing sync.WaitGroup
	for part := range slices.Chunk(chunks, max(1, len(chunks)/runtime.GOMAXPROCS(0))) {
		summing.Go(func() {
			text := make([]byte, 0, chunkSize*idLength)
			for i := range part {
				text = text[:0]
				for _, id := range part[i].ids {
					text = append(text, id...)
				}
				part[i].sum = sha256.Sum256(text)
			}
		})
	}
	summing.Wait()
	return chunks
}

// sumOfAll identifies a list of customers.
func sumOfAll(chunks []chunk) [32]byte {
	sums := sha256.New()
	for _, each := range chunks {
		_, _ = sums.Write(each.sum[:]) // it never fails
	}
	return [32]byte(sums.Sum(nil))
}

// noMethods stands in for a file that cannot be used; creates are stopped then.
type noMethods struct{}

// Find gives no method.
func (noMethods) Find(preauth.Preauthorization) plan.Method {
	return plan.Method{Missing: "the payment methods file cannot be used"}
}

// firstRunIsOver tells whether every listed customer has been read once, and
// says so while it is not.
func (run *propertyRun) firstRunIsOver(ctx context.Context) (bool, error) {
	if done := run.firstRunDone(); done || len(run.listed) == 0 || !run.isListed || run.c.backfill.partial() {
		return done, nil
	}
	unread := 0
	for chunk := range slices.Chunk(run.listed, chunkSize) {
		customers, err := run.customers(ctx, chunk)
		if err != nil {
			return false, err
		}
		for _, id := range chunk {
			if customers[id].Read == 0 {
				unread++
			}
		}
	}
	if unread == 0 && run.wholeList {
		return true, nil
	}
	run.account.log.Warn("the first run is not over: until every listed customer has been read, what is first seen charged becomes the baseline",
		telemetry.Event(telemetry.FirstRunOpen), zap.Int("unread", unread), zap.Bool("list_complete", run.wholeList))
	return false, nil
}
