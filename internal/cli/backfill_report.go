package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// reportEvery is how often the log says how far a backfill is.
const reportEvery = 10 * time.Second

// reporter says how far a backfill is: with a bar on a terminal, in the log elsewhere.
type reporter struct {
	// cfg and logs are for what logs while it goes on: a bar leaves room for
	// warnings only.
	cfg  *config.Config
	logs io.Writer

	bar  *progressbar.ProgressBar
	log  *zap.Logger
	told time.Time
}

func (b *backfilling) reporter(cfg *config.Config) (*reporter, error) {
	log, err := app.Logger(cfg, app.Outside{Logs: b.Stderr})
	if err != nil || !b.Terminals.Stderr {
		return &reporter{cfg: cfg, logs: b.Stderr, log: log, told: time.Now()}, err
	}
	quiet := *cfg
	if level, err := zapcore.ParseLevel(cfg.Log.Level); err == nil && level < zapcore.WarnLevel {
		quiet.Log.Level = zapcore.WarnLevel.String()
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(b.Stderr), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("customers"), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish())
	return &reporter{cfg: &quiet, logs: &above{bar: bar, out: b.Stderr}, bar: bar}, nil
}

// progress is told how far it is.
func (r *reporter) progress(p control.Progress) {
	if r.bar == nil {
		if time.Since(r.told) >= reportEvery || p.Waiting {
			r.told = time.Now()
			r.log.Info("the backfill goes on", telemetry.Event(telemetry.BackfillProgress), zap.Int("customers", p.Customers),
				zap.Int("customers_total", p.CustomersTotal), zap.Int("polled", p.Polled), zap.Int("created", p.Created),
				zap.Int("captured", p.Captured), zap.Int("parked", p.Parked), zap.Int("failed", p.Failed), zap.Bool("waiting", p.Waiting))
		}
		return
	}
	said := fmt.Sprintf("%d created, %d captured, %d parked, %d failed", p.Created, p.Captured, p.Parked, p.Failed)
	if p.Waiting {
		said += ", waiting for outcomes"
	}
	r.bar.Describe(said)
	if p.CustomersTotal > 0 {
		r.bar.ChangeMax(p.CustomersTotal)
	}
	_ = r.bar.Set(min(p.Customers, max(0, p.CustomersTotal-1))) // at its end a bar draws no more
}

func (r *reporter) done() {
	if r.bar != nil {
		_ = r.bar.Finish() // a terminal that has gone shows nothing
	}
}

// above writes over the bar, which then goes on below.
type above struct {
	mu  sync.Mutex
	bar *progressbar.ProgressBar
	out io.Writer
}

// Write writes one line of the log.
func (a *above) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.bar.Clear() // see done
	return a.out.Write(line)
}

// mostNamed is how many preauthorizations of a property a summary names.
const mostNamed = 20

// summary prints what would be done, and why the rest would not: as plan does where
// that is short, and how much where it is not.
func summary(p *page, next control.Plan) error {
	tellMode(p, next.Mode)
	for _, property := range next.Properties {
		if len(property.Actions)+len(property.Parks) <= mostNamed {
			propertyPlan(p, property)
			continue
		}
		p.line(heading.inked("%s", property.Name))
		var rows [][]cell
		for _, kind := range kindsOf(property.Actions, func(a control.Action) string { return a.Action }) {
			rows = append(rows, []cell{say("%s", kind.name), say("%d", len(kind.all)), say("%s", totals(kind.all))})
		}
		for _, kind := range kindsOf(property.Parks, parkKind) {
			rows = append(rows, []cell{warning.inked("%s", kind.name), say("%d", len(kind.all)), say("")})
		}
		for _, why := range slices.Sorted(maps.Keys(property.Skipped)) {
			rows = append(rows, []cell{say("skip %s", why), say("%d", property.Skipped[why]), faint.inked("%s", whyInWords(plan.Why(why)))})
		}
		p.table("  ", rows...)
		p.line(faint.inked("  --dry-run -o json names each of them"))
		if property.Paused {
			p.line(warning.inked("  writes are paused: NOTHING would be sent"))
		}
	}
	return p.err
}

// close prints the account, and gives the verdict.
func (b *backfilling) close(account control.Account, err error) error {
	if len(account.Properties) == 0 && err != nil {
		return err
	}
	if printed := b.print(account); err == nil {
		err = printed
	}
	if err != nil {
		return err
	}
	for _, p := range account.Properties {
		if p.Report.Error != "" || p.Report.Counts.Failed > 0 || p.Skipped[string(plan.IsPaused)] > 0 {
			return end(exitFailed)
		}
	}
	if account.InDoubt > 0 || account.NewlyParked > 0 {
		return end(exitFailed)
	}
	return nil
}

func (b *backfilling) print(account control.Account) error {
	if b.output == outputJSON {
		return writeJSON(b.Stdout, account)
	}
	p := b.page()
	for _, property := range account.Properties {
		n, took := property.Report.Counts, property.Report.Finished.Sub(property.Report.Started).Round(time.Second)
		p.line(heading.inked("%s", property.Name))
		p.table("  ",
			[]cell{say("polled"), say("%d", n.Polled), faint.inked("in %s", took)},
			[]cell{say("created"), say("%d", n.Created), say("")},
			[]cell{say("captured"), say("%d", n.Captured), say("")},
			[]cell{say("adopted"), say("%d", n.Adopted), say("")},
			[]cell{say("parked"), say("%d", n.Parked), say("")},
			[]cell{say("released"), say("%d", n.Released), say("")},
			[]cell{say("skipped"), say("%d", n.Skipped), faint.inked("%s", counts(property.Skipped))},
			[]cell{say("failed"), say("%d", n.Failed), failure.inked("%s", property.Report.Error)})
	}
	for _, property := range account.Properties {
		if held := property.Skipped[string(plan.IsPaused)]; held > 0 {
			p.line(warning.inked("%s: nothing was sent for %s, because writes are paused; resume them, and begin another backfill",
				property.Name, plural(held, "preauthorization", "preauthorizations")))
		}
	}
	if account.InDoubt > 0 {
		p.line(warning.inked("%s without a definite answer: looked up by the next cycle, never sent again blindly",
			plural(account.InDoubt, "request is", "requests are")))
	}
	if account.NewlyParked > 0 {
		p.line(warning.inked("%d newly parked for an outcome: see `preauth-sync parked list`", account.NewlyParked))
	}
	return p.err
}
