package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

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
			"  token_differs           v4's hold carries the token of another preauthorization\n" +
			"  unknown                 v4 holds it with a token of ours, and the ledger does not know\n" +
			"  undecided               the PMS says a state that this version does not know\n\n" +
			"What changes while it is compared, or waits for an outcome, is counted as in motion. What an operator has\n" +
			"answered is counted too, and not told again. A UUID that no preauthorization has is ours where v4 keeps the\n" +
			"tokens it is given, unless the state file knows better; elsewhere gateways give UUIDs of their own. v4 does not\n" +
			"say what is captured: that is the ledger's word. Captured holds are missing only on a v4 that lists others.\n\n" +
			"What is read is sorted in $TMPDIR, so that memory does not grow with it.\n\n" +
			"Exit codes: 0 clean; 1 something could not be compared; 2 something was found; 3 configuration refused; 4 state\n" +
			"file locked; 6 state file refused; 130 interrupted.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{outputTable, outputJSON, outputCSV}, output) {
				return fmt.Errorf("-o %q: use table, json or csv", output)
			}
			if order.Property == "" && cmd.Flags().Changed("property") {
				return errors.New("--property is empty: name a property, or leave it out for all of them")
			}
			return e.operate(cmd.Context(), state.ReadOnly, func(operator control.Operator) error {
				printer := e.auditPrinter(output)
				audited, err := operator.Audit(cmd.Context(), order, printer.finding)
				if err != nil {
					return err
				}
				return errors.Join(printer.close(audited), auditVerdict(audited))
			})
		},
	}
	cmd.Flags().StringVar(&order.Property, "property", "", "only the property with this `NAME`; v4's holds that are nobody's are left out")
	cmd.Flags().StringVarP(&output, "output", "o", outputTable, "output as table, json or csv")
	return cmd
}

func auditVerdict(audited control.Audited) error {
	if len(audited.Unread) > 0 {
		return &verdict{code: exitFailed, err: fmt.Errorf("the audit is not complete:\n  %s", strings.Join(audited.Unread, "\n  "))}
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
}

func (e *env) auditPrinter(output string) auditPrinter {
	switch output {
	case outputJSON:
		return &auditJSON{out: e.Stdout}
	case outputCSV:
		return &auditCSV{out: csv.NewWriter(e.Stdout), summary: e.Stderr}
	default:
		return &auditTable{page: e.page()}
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

// close writes the rest of the object: the summary, without its own beginning.
func (a *auditJSON) close(audited control.Audited) error {
	var rest bytes.Buffer
	if err := writeJSON(&rest, audited); err != nil {
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
	told    bool
}

func (a *auditCSV) head() error {
	if a.told {
		return nil
	}
	a.told = true
	return a.out.Write([]string{"kind", "preauthorization_id", "identity", "property", "detail"})
}

func (a *auditCSV) finding(f control.Finding) error {
	return errors.Join(a.head(), a.out.Write([]string{f.Kind, f.ID, auditIdentity(f), f.Property, f.Detail}))
}

func (a *auditCSV) close(audited control.Audited) error {
	err := a.head()
	a.out.Flush()
	fmt.Fprintln(a.summary, auditSummary(audited))
	return errors.Join(err, a.out.Error())
}

// auditTable prints aligned blocks: to align all of the findings would take all of
// them at once.
type auditTable struct {
	page *page
	rows [][]cell
}

const auditBlock = 200

func (a *auditTable) finding(f control.Finding) error {
	if a.rows == nil {
		a.rows = append(a.rows, titles("kind", "preauthorization", "identity", "property", "detail"))
	}
	identity := auditIdentity(f)
	if identity == "" {
		identity = "-"
	}
	a.rows = append(a.rows, []cell{
		warning.inked("%s", f.Kind), say("%s", f.ID), say("%s", identity), say("%s", f.Property), say("%s", f.Detail),
	})
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
	a.page.line(say("%s", auditSummary(audited)))
	return a.page.err
}

func auditIdentity(f control.Finding) string {
	if f.Identity == nil {
		return ""
	}
	return strconv.FormatInt(*f.Identity, 10)
}

// auditSummary says what was compared, and what came of it.
func auditSummary(a control.Audited) string {
	parts := []string{fmt.Sprintf("%s and %s of v4 compared: found %s",
		plural(a.Checked, "preauthorization", "preauthorizations"), plural(a.Holds, "hold", "holds"), counts(a.Found))}
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
