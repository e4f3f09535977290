package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
)

func newAudit(e *env) *cobra.Command {
	var order control.Audit
	var output string
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Compare the PMS, the ledger and v4, both ways and to the cent",
		Long: "audit reads every hold of v4, polls every customer that a cycle would poll, and compares both with the state\n" +
			"file. It changes nothing and sends no request that writes. The kinds of what it finds:\n\n" +
			"  missing                 the PMS has it, or the ledger says that v4 does, and v4 does not\n" +
			"  uncaptured              the PMS has charged it, and v4's hold is not known to be captured\n" +
			"  duplicate               v4 holds it once more than the ledger knows\n" +
			"  orphaned                v4 has what the PMS has released, has not charged, or does not show\n" +
			"  amount_differs          the PMS, the ledger and v4 do not name the same amount\n" +
			"  payment_method_differs  v4 holds it on another payment method than the ledger says\n" +
			"  token_differs           v4's hold carries another preauthorization's token, or one that is nobody's\n" +
			"  unknown                 v4 holds it with a token of ours, and the ledger does not know\n" +
			"  undecided               the PMS says a state that this version does not know\n\n" +
			"What changes while it is compared, or waits for an outcome, is counted as in motion. What an operator has\n" +
			"answered is counted too, and not told again. A UUID that no preauthorization has is ours where v4 keeps the\n" +
			"tokens it is given, unless the state file knows better; elsewhere gateways give UUIDs of their own. v4 does not\n" +
			"say what is captured: that is the ledger's word. Captured holds are missing only on a v4 that lists others.\n\n" +
			"A finding is due when the next cycle mends it by itself, as what the PMS has had since the last one is;\n" +
			"--without-due counts those and leaves them out. Nothing is due while writes are paused, after the fuse has blown,\n" +
			"or with a state file that is older than the world. What the PMS has released stays orphaned in every audit until\n" +
			"v4 lists it no longer: v4 cannot void it.\n\n" +
			"While mirror.mode is observe nothing is due either, and JSON and CSV say of each finding what was the last that would\n" +
			"have been done: observed_action (create, capture, park or none), observed_amount, observed_currency, observed_at, and\n" +
			"for a park observed_reason.\n\n" +
			"What is read is sorted in $TMPDIR, so that memory does not grow with it. The JSON of an audit that broke off is\n" +
			"complete too: its \"checked\" is null, and \"error\" says why.\n\n" +
			"Exit codes: 0 clean; 1 something could not be compared; 2 something was found; 3 configuration refused; 4 state\n" +
			"file locked; 6 state file refused, or an access token of another enterprise; 130 interrupted.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{outputTable, outputJSON, outputCSV}, output) {
				return fmt.Errorf("-o %q: use table, json or csv", output)
			}
			if order.Property == "" && cmd.Flags().Changed("property") {
				return errors.New("--property is empty: name a property, or leave it out for all of them")
			}
			ctx, stop := e.untilHangup(cmd.Context())
			defer stop()
			return e.operate(ctx, state.ReadOnly, func(operator control.Operator) error {
				return e.audit(ctx, operator, order, output)
			})
		},
	}
	cmd.Flags().StringVar(&order.Property, "property", "", "only the property with this `NAME`; v4's holds that are nobody's are left out")
	cmd.Flags().BoolVar(&order.WithoutDue, "without-due", false, "leave out what the next cycle mends by itself; it is counted")
	addOutputs(cmd, &output, "output as table, json or csv", outputTable, outputJSON, outputCSV)
	return cmd
}

// untilHangup is ctx until SIGHUP, unless that is ignored as nohup wants it: whoever
// reads the findings may still be there, and gets an end of them.
func (e *env) untilHangup(ctx context.Context) (context.Context, func()) {
	if e.Hangups == nil || signal.Ignored(syscall.SIGHUP) {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	hangups, stop := e.Hangups()
	go func() {
		select {
		case <-hangups:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		stop()
	}
}

func (e *env) audit(ctx context.Context, operator control.Operator, order control.Audit, output string) error {
	printer := e.auditPrinter(output, order)
	audited, err := operator.Audit(ctx, order, printer.finding)
	if err != nil {
		_ = printer.cut(err) // it is told, and what has broken the audit off is what counts
		return err
	}
	if err := printer.close(audited); err != nil {
		return err
	}
	return auditVerdict(audited)
}

func auditVerdict(audited control.Audited) error {
	if len(audited.Unread) > 0 {
		code := exitFailed
		if audited.Refused {
			code = exitStateRefused
		}
		return &verdict{code: code, err: fmt.Errorf("the audit is not complete:\n  %s", strings.Join(audited.Unread, "\n  "))}
	}
	if len(audited.Found) > 0 {
		return end(exitFound)
	}
	return nil
}

// auditPrinter prints findings as they come, and what closes them.
type auditPrinter interface {
	finding(f control.Finding) error
	close(audited control.Audited) error
	// cut closes them where the audit broke off.
	cut(why error) error
}

func (e *env) auditPrinter(output string, order control.Audit) auditPrinter {
	switch output {
	case outputJSON:
		return &auditJSON{out: e.Stdout}
	case outputCSV:
		return &auditCSV{out: csv.NewWriter(e.Stdout), summary: e.Stderr, order: order}
	default:
		return &auditTable{page: e.page(), order: order}
	}
}

// auditJSON writes one object, whose array grows as the findings come.
type auditJSON struct {
	out  io.Writer
	told bool
}

func (a *auditJSON) finding(f control.Finding) error {
	before := ",\n    "
	if !a.told {
		before = "{\n  \"findings\": [\n    "
	}
	a.told = true
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		return err
	}
	_, err := fmt.Fprint(a.out, before, strings.TrimSuffix(text.String(), "\n"))
	return err
}

func (a *auditJSON) close(audited control.Audited) error { return a.end(audited) }

func (a *auditJSON) cut(why error) error {
	return a.end(struct {
		Checked *int   `json:"checked"`
		Error   string `json:"error"`
	}{nil, message(why)})
}

// end writes the rest of the object: those members, without their own beginning.
func (a *auditJSON) end(members any) error {
	var rest bytes.Buffer
	if err := writeJSON(&rest, members); err != nil {
		return err
	}
	before := "{\n  \"findings\": [],"
	if a.told {
		before = "\n  ],"
	}
	_, err := fmt.Fprint(a.out, before, strings.TrimPrefix(rest.String(), "{"))
	return err
}

// auditCSV writes a line for each finding; the summary is not for the spreadsheet.
type auditCSV struct {
	out     *csv.Writer
	summary io.Writer
	order   control.Audit
	told    bool
}

func (a *auditCSV) head(observing bool) error {
	if a.told {
		return nil
	}
	a.told = true
	titles := []string{"kind", "preauthorization_id", "identity", "property", "detail", "due"}
	if observing {
		titles = append(titles, "observed_action", "observed_amount", "observed_currency", "observed_at", "observed_reason")
	}
	return a.out.Write(titles)
}

func (a *auditCSV) finding(f control.Finding) error {
	line := []string{f.Kind, f.ID, auditIdentity(f), f.Property, f.Detail, strconv.FormatBool(f.Due)}
	if s := f.Shadow; s != nil {
		at := ""
		if s.At != nil {
			at = moment(*s.At)
		}
		line = append(line, s.Action, figure(s.Amount, s.Currency), s.Currency, at, string(s.Reason))
	}
	return errors.Join(a.head(f.Shadow != nil), a.out.Write(line))
}

func (a *auditCSV) close(audited control.Audited) error {
	err := a.head(audited.Observing)
	a.out.Flush()
	fmt.Fprintln(a.summary, auditSummary(audited, a.order))
	return errors.Join(err, a.out.Error())
}

func (a *auditCSV) cut(error) error {
	a.out.Flush()
	return a.out.Error()
}

// auditTable prints aligned blocks: to align all of the findings would take all of
// them at once.
type auditTable struct {
	page  *page
	order control.Audit
	rows  [][]cell
}

const auditBlock = 200

func (a *auditTable) finding(f control.Finding) error {
	if a.rows == nil {
		a.rows = append(a.rows, titles("kind", "preauthorization", "identity", "property", "due", "detail"))
	}
	identity := auditIdentity(f)
	if identity == "" {
		identity = "-"
	}
	kind, due := warning.inked("%s", f.Kind), say("-")
	if f.Due {
		kind, due = say("%s", f.Kind), say("due")
	}
	a.rows = append(a.rows, []cell{kind, say("%s", f.ID), say("%s", identity), say("%s", f.Property), due, say("%s", f.Detail)})
	if len(a.rows) >= auditBlock {
		a.flush()
	}
	return a.page.err
}

func (a *auditTable) flush() {
	a.page.table("", a.rows...)
	a.rows = a.rows[:0]
}

func (a *auditTable) close(audited control.Audited) error {
	a.flush()
	if len(audited.Found) > 0 {
		a.page.line()
	}
	a.page.line(say("%s", auditSummary(audited, a.order)))
	return a.page.err
}

func (a *auditTable) cut(error) error {
	a.flush()
	return a.page.err
}

func auditIdentity(f control.Finding) string {
	if f.Identity == nil {
		return ""
	}
	return strconv.FormatInt(*f.Identity, 10)
}

// auditSummary says what was compared, and what came of it.
func auditSummary(a control.Audited, order control.Audit) string {
	due := ""
	switch {
	case a.Due > 0 && order.WithoutDue:
		due = ", and left out " + plural(a.Due, "that is due", "that are due")
	case a.Due > 0:
		due = ", of which " + plural(a.Due, "is due", "are due")
	}
	parts := []string{fmt.Sprintf("%s and %s of v4 compared: found %s%s",
		plural(a.Checked, "preauthorization", "preauthorizations"), plural(a.Holds, "hold", "holds"), counts(a.Found), due)}
	for _, part := range []struct {
		n    int
		what string
	}{
		{a.InMotion, "in motion"},
		{a.Answered, "answered by an operator"},
		{a.Foreign, "of v4's holds not ours"},
		{a.CapturedUnlisted, "captured, and v4 lists none that is"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, "; ")
}
