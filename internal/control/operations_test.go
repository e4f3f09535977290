package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// operationCase asks one operation and gives everything that comes back.
type operationCase struct {
	name string
	ask  func(context.Context, Operator) (any, error)
}

// gathered is what came back from a stream.
type gathered[I, R any] struct {
	Items  []I
	Result R
}

// everyOperation asks each method of Operator once.
func everyOperation() []operationCase {
	chosen := Selection{IDs: []preauth.ID{"a", "b"}, Reason: plan.Reason("rejected"), Property: "hotel \"1\""}
	return []operationCase{
		{"Status", func(ctx context.Context, o Operator) (any, error) { return o.Status(ctx) }},
		{"Show", func(ctx context.Context, o Operator) (any, error) { return o.Show(ctx, "some id") }},
		{"Export", func(ctx context.Context, o Operator) (any, error) {
			var all []Record
			err := o.Export(ctx, func(rec Record) error {
				all = append(all, rec)
				return nil
			})
			return all, err
		}},
		{"Backup", func(ctx context.Context, o Operator) (any, error) {
			var all bytes.Buffer
			err := o.Backup(ctx, &all)
			return all.Bytes(), err
		}},
		{"Parked", func(ctx context.Context, o Operator) (any, error) { return o.Parked(ctx, chosen) }},
		{"Retry", func(ctx context.Context, o Operator) (any, error) {
			return o.Retry(ctx, Retry{Of: chosen, ResendCreate: true, ResendCapture: true, Note: "n"})
		}},
		{"Resolve", func(ctx context.Context, o Operator) (any, error) {
			return o.Resolve(ctx, Resolve{Of: chosen, As: "created=5", Note: "n"})
		}},
		{"Pause", func(ctx context.Context, o Operator) (any, error) { return o.Pause(ctx, "p") }},
		{"Resume", func(ctx context.Context, o Operator) (any, error) { return o.Resume(ctx, "") }},
		{"Plan", func(ctx context.Context, o Operator) (any, error) { return o.Plan(ctx) }},
		{"Backfill", func(ctx context.Context, o Operator) (any, error) {
			var all []Progress
			order := Backfill{Property: "p", Customers: []preauth.ID{"c"}, Charged: true, Limit: 7, DryRun: true}
			account, err := o.Backfill(ctx, order, func(p Progress) { all = []Progress{p} }) // only the newest is sure to come
			return gathered[Progress, Account]{all, account}, err
		}},
		{"Audit", func(ctx context.Context, o Operator) (any, error) {
			var all []Finding
			audited, err := o.Audit(ctx, Audit{Property: "p"}, func(found Finding) error {
				all = append(all, found)
				return nil
			})
			return gathered[Finding, Audited]{all, audited}, err
		}},
	}
}

func TestEveryOperationIsAskedHere(t *testing.T) {
	asked := map[string]bool{}
	for _, c := range everyOperation() {
		asked[c.name] = true
	}
	for method := range reflect.TypeFor[Operator]().Methods() {
		if !asked[method.Name] {
			t.Errorf("%s is not", method.Name)
		}
	}
}

func TestTheSocketChangesNothingOfAQuestionOrItsAnswer(t *testing.T) {
	for _, empty := range []bool{false, true} {
		for _, c := range everyOperation() {
			t.Run(fmt.Sprintf("%s, empty %t", c.name, empty), func(t *testing.T) {
				direct := &fake{items: 3, empty: empty}
				want, err := c.ask(t.Context(), direct)
				must(t, err)
				d := serve(t)
				d.operator.empty = empty
				got, err := c.ask(t.Context(), d.dial(t))
				must(t, err)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the answer: %s", diff)
				}
				if diff := cmp.Diff(direct.asked, d.operator.asked); diff != "" {
					t.Errorf("the question: %s", diff)
				}
			})
		}
	}
}

func TestAnErrorComesWithItsTextAndItsExitCode(t *testing.T) {
	for _, c := range everyOperation() {
		t.Run(c.name, func(t *testing.T) {
			d := serve(t)
			d.operator.before = func(context.Context) error { return errors.New("this is wrong:\n\"that\"") }
			_, err := c.ask(t.Context(), d.dial(t))
			want := &Error{Message: "this is wrong:\n\"that\"", Code: 6}
			if got, _ := errors.AsType[*Error](err); !reflect.DeepEqual(got, want) || err.Error() != want.Message {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// halfway is an Operator that fails with something done.
type halfway struct{ *fake }

func (halfway) Backfill(context.Context, Backfill, func(Progress)) (Account, error) {
	return Account{InDoubt: 3}, errors.New("the disk is full")
}

func TestAnErrorComesWithWhatHadBeenDoneUntilThen(t *testing.T) {
	d := serve(t, func(o *Options) { o.Operator = func() Operator { return halfway{&fake{}} } })
	account, err := d.dial(t).Backfill(t.Context(), Backfill{}, func(Progress) {})
	if err == nil || err.Error() != "the disk is full" || account.InDoubt != 3 {
		t.Errorf("%+v, %v", account, err)
	}
}

func TestAnInterruptedCommandInterruptsTheOperationAtTheDaemon(t *testing.T) {
	for _, c := range everyOperation() {
		t.Run(c.name, func(t *testing.T) {
			d := serve(t)
			begun, over := make(chan struct{}), make(chan error, 1)
			d.operator.before = func(ctx context.Context) error {
				close(begun)
				<-ctx.Done()
				over <- ctx.Err()
				return ctx.Err()
			}
			client := d.dial(t)
			ctx, interrupt := context.WithCancel(t.Context())
			go func() {
				<-begun
				interrupt()
			}()
			if _, err := c.ask(ctx, client); !errors.Is(err, context.Canceled) {
				t.Errorf("the command got %v", err)
			}
			if err := <-over; !errors.Is(err, context.Canceled) {
				t.Errorf("the operation got %v", err)
			}
		})
	}
}

func TestAReaderThatHasEnoughEndsTheOperation(t *testing.T) {
	d := serve(t)
	d.operator.items = 1 << 30
	enough := errors.New("the pipe is closed")
	client := d.dial(t)
	if err := client.Export(t.Context(), func(Record) error { return enough }); !errors.Is(err, enough) || err.Error() != enough.Error() {
		t.Errorf("export: %v", err)
	}
	if _, err := client.Audit(t.Context(), Audit{}, func(Finding) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("audit: %v", err)
	}
	if err := client.Backup(t.Context(), broken{enough}); !errors.Is(err, enough) {
		t.Errorf("backup: %v", err)
	}
	if _, err := client.Status(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	must(t, d.Close(t.Context())) // which waits for all three
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestAPanicEndsItsRequestAndNothingElse(t *testing.T) {
	d := serve(t)
	d.operator.before = func(context.Context) error { panic("a defect") }
	client := d.dial(t)
	_, err := client.Plan(t.Context())
	if _, ok := errors.AsType[*Error](err); !ok || err.Error() !=
		"a defect of this program ended it: a defect; please report the daemon's log line control.panicked with its stack" {
		t.Errorf("got %v", err)
	}
	panics := d.logs.FilterField(zapEvent("control.panicked")).All()
	if len(panics) != 1 || panics[0].ContextMap()["stack"] == "" || panics[0].ContextMap()["operation"] != "plan" {
		t.Errorf("it was told as %v", panics)
	}
	d.operator.before = nil
	if _, err := client.Plan(t.Context()); err != nil {
		t.Errorf("the next request: %v", err)
	}
}
