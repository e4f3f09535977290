package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/preauth-sync/preauth-sync/bench/server"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// entries is how many preauthorizations the largest poll of the server's world shows.
const entries = server.PageSize * perCustomer

// canned answers every request with the same body.
type canned []byte

// RoundTrip implements http.RoundTripper.
func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: r,
		Body: io.NopCloser(bytes.NewReader(c)), ContentLength: int64(len(c)),
	}, nil
}

// pollOf gives a property of one largest poll: its customers, and a client that is
// answered without a network.
func pollOf(b *testing.B) ([]preauth.ID, *connector.Client) {
	b.Helper()
	world := server.NewWorld(seed, server.PageSize)
	customers := make([]preauth.ID, 0, server.PageSize)
	for _, id := range world.Customers() {
		customers = append(customers, preauth.ID(id.String()))
	}
	client, err := connector.New(connector.Config{
		Address: "http://api.test", Client: "bench", Transport: canned(replyOf(b, world, customers)),
		ClientToken: httpx.NewSecret("bench"), AccessToken: httpx.NewSecret("bench"),
	})
	if err != nil {
		b.Fatal(err)
	}
	return customers, client
}

// replyOf is the body of the server's reply to a poll.
func replyOf(b *testing.B, world *server.World, customers []preauth.ID) []byte {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var serving errgroup.Group
	serving.Go(func() error { return server.New(world, 0).Serve(ctx, listener) })
	body, err := json.Marshal(map[string]any{"CustomerIds": customers})
	if err != nil {
		b.Fatal(err)
	}
	c := client(1)
	defer c.CloseIdleConnections()
	reply, err := c.Post("http://"+listener.Addr().String()+server.PollPath, "application/json", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	defer reply.Body.Close()
	if body, err = io.ReadAll(reply.Body); err != nil {
		b.Fatal(err)
	}
	stop()
	if err := serving.Wait(); err != nil {
		b.Fatal(err)
	}
	return body
}

// BenchmarkDecode is a poll of 4000 preauthorizations, without its network.
func BenchmarkDecode(b *testing.B) {
	customers, client := pollOf(b)
	for b.Loop() {
		shown := 0
		_, err := client.Poll(b.Context(), customers, func(reply preauth.Reply) error {
			shown += len(reply.Preauthorizations)
			return nil
		})
		if err != nil || shown != entries {
			b.Fatal(err, shown)
		}
	}
	perEntry(b)
}

// BenchmarkPlan decides about 4000 preauthorizations: those that v4 does not hold yet,
// and those that it holds as the PMS says.
func BenchmarkPlan(b *testing.B) {
	customers, client := pollOf(b)
	var shown []preauth.Preauthorization
	_, err := client.Poll(b.Context(), customers, func(reply preauth.Reply) error {
		shown = append(shown, reply.Preauthorizations...)
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		phase   plan.Phase
		actions int
	}{{"new", plan.None, 1}, {"in step", plan.Created, 0}} {
		records := make([]plan.Record, 0, len(shown))
		for _, p := range shown {
			records = append(records, plan.Record{
				ID: p.ID, CustomerID: p.CustomerID, CardID: p.CardID, Phase: c.phase, Amount: p.Amount, Seen: plan.Observe(p), Revision: 1,
			})
		}
		b.Run(c.name, func(b *testing.B) {
			around, policy, now := plan.Context{ReadBefore: true, Method: plan.Method{ID: method}}, plan.Policy{Currency: "EUR"}, time.Now()
			for b.Loop() {
				for i, p := range shown {
					d := plan.Decide(p, records[i], around, policy)
					if settled := plan.Settle(records[i], p, d, now); settled.Changed || len(d.Actions) != c.actions {
						b.Fatal(settled, d)
					}
				}
			}
			perEntry(b)
		})
	}
}

func perEntry(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
}

// BenchmarkLedgerWrite is what one create costs the ledger: its intent and its outcome,
// each durable, with so many creates at once.
func BenchmarkLedgerWrite(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			ledger := openLedger(b)
			var next atomic.Int64
			var group errgroup.Group
			b.ResetTimer()
			for range writers {
				group.Go(func() error {
					for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
						if err := writeOnce(b.Context(), ledger, n); err != nil {
							return err
						}
					}
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// writeOnce stores the n-th create's intent, and then its outcome.
func writeOnce(ctx context.Context, ledger *state.Ledger, n int) error {
	done := ledgertest.HeldRecord(n)
	sent := done
	sent.Phase, sent.Identity = plan.Creating, 0
	sent.Intent = &plan.Intent{
		Action: plan.Create, Attempt: 1, Amount: done.Amount, PaymentMethodID: method,
		Token: string(done.ID), Deadline: ledgertest.At(n), Before: plan.None,
	}
	for revision, step := range []struct {
		record plan.Record
		event  string
	}{{sent, "create.intent"}, {done, "create.applied"}} {
		step.record.Revision = uint64(revision)
		err := ledger.Commit(ctx, plan.Batch{
			Records: []plan.Record{step.record},
			Journal: []plan.Entry{{
				ID: done.ID, At: ledgertest.At(n), Event: step.event, Action: plan.Create, Attempt: 1, Phase: step.record.Phase,
				Amount: done.Amount, PaymentMethodID: method, Identity: step.record.Identity,
			}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkLedgerRead reads 4000 records in a file of 100,000.
func BenchmarkLedgerRead(b *testing.B) {
	const all, batch = 100_000, 5000
	ledger := openLedger(b)
	for n := 0; n < all; n += batch {
		var records []plan.Record
		for i := range batch {
			records = append(records, ledgertest.HeldRecord(n+i))
		}
		if err := ledger.Commit(b.Context(), plan.Batch{Records: records}); err != nil {
			b.Fatal(err)
		}
	}
	ids := make([]preauth.ID, 0, entries)
	for i := range entries {
		ids = append(ids, ledgertest.ID(i*(all/entries)))
	}
	for b.Loop() {
		records, err := ledger.Records(b.Context(), ids)
		if err != nil || len(records) != len(ids) {
			b.Fatal(err, len(records))
		}
	}
	perEntry(b)
}

func openLedger(b *testing.B) *state.Ledger {
	b.Helper()
	ledger, err := state.Open(state.Options{Path: filepath.Join(b.TempDir(), "state.db"), Mode: state.ReadWrite})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := ledger.Close(); err != nil {
			b.Error(err)
		}
	})
	return ledger
}
