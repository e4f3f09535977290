package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestAPaymentMethodsFileThatCannotBeUsedStopsCreatesAndNotCaptures(t *testing.T) {
	inBench(t, func(b *bench) {
		id := b.held()
		fresh := b.hold("33")
		file := filepath.Join(b.t.TempDir(), "methods.csv")
		b.restart(func(cfg *config.Config) { cfg.Properties[0].PaymentMethods.File = file })
		got := only(b.cycle())
		want := plan.Counts{Polled: 3, Captured: 1, Skipped: 2, Failed: 1}
		if got.Report.OK || got.Report.Counts != want {
			t.Errorf("%+v", got)
		}
		b.must(os.WriteFile(file, []byte("credit_card_id,payment_method_id\n"), 0o600))
		if got := only(b.cycle()); !got.Report.OK || got.Report.Counts.Created != 1 {
			t.Errorf("once it is mended: %+v", got)
		}
		b.expect(id, plan.Captured, "")
		b.expect(fresh, plan.Created, "")
	})
}
