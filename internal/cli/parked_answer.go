package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const aboutSeveral = "On a terminal it is said how many are parked for what, and asked whether to answer them, when they are more than one.\n\n"

const answerCodes = "Exit codes: 0 all are answered; 1 some are not, and why is said; " + refusedCodes

func newParkedRetry(e *env) *cobra.Command {
	choice := parkedAnswer{env: e}
	var order control.Retry
	cmd := &cobra.Command{
		Use:   "retry [ID...]",
		Short: "Let the next cycle go on with what is parked",
		Long: "Lift the mark of what is parked, by Id or by --reason and --property, so that the next cycle goes on with it. Sends\n" +
			"nothing itself. An unknown create is looked up first, and sent again only once v4 is proven not to hold it. Whatever\n" +
			"else was the cause, what still has it parks again; v4 is asked anew which payment method the card is.\n\n" +
			"Two things cannot be found out here, and need the word of somebody who has looked in v4:\n" +
			"--resend-create where v4 does not keep tokens, so that a create cannot be looked up, and --resend-capture.\n\n" +
			aboutSeveral + answerCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if order.Of, err = choice.readSome(args); err != nil {
				return err
			}
			if err := plan.CheckNote(order.Note); err != nil {
				return fmt.Errorf("--note: %w", err)
			}
			return e.operate(cmd.Context(), state.ReadWrite, func(operator control.Operator) error {
				return choice.ask(cmd.Context(), operator, order.Of, func(of control.Selection) (control.Answers, error) {
					order.Of = of
					return operator.Retry(cmd.Context(), order)
				})
			})
		},
	}
	choice.add(cmd)
	cmd.Flags().BoolVar(&order.ResendCreate, "resend-create", false,
		"send a create again that cannot be looked up: only after v4 was searched by hand for the amount and method and holds nothing")
	cmd.Flags().BoolVar(&order.ResendCapture, "resend-capture", false,
		"send a capture again that may have taken effect: only after v4 was searched by hand for its payment and has none")
	cmd.Flags().StringVar(&order.Note, "note", "", "a `TEXT` for the journal")
	return cmd
}

func newParkedResolve(e *env) *cobra.Command {
	choice := parkedAnswer{env: e}
	var order control.Resolve
	cmd := &cobra.Command{
		Use:   "resolve [ID...]",
		Short: "Say what has become of what is parked",
		Long: "Answer what is parked, by Id or by --reason and --property, with what was found by hand. What the PMS said when it\n" +
			"was parked does not park again. --as is one of\n\n" +
			"  created=IDENTITY  v4 holds it under this number and has not captured it; v4 is asked whether it is there\n" +
			"  captured          it has been collected, on v4 or elsewhere: nothing more is sent for it\n" +
			"  released          it is let go: nothing is sent for it while the PMS says the same. A hold that is known here\n" +
			"                    stays on v4, uncaptured; if v4 has one that is not known here, say created instead\n\n" +
			"Whether a capture took effect is answered by captured, or by `parked retry --resend-capture`.\n\n" +
			aboutSeveral + answerCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if order.Of, err = choice.readSome(args); err != nil {
				return err
			}
			if err := checkResolve(order); err != nil {
				return err
			}
			return e.operate(cmd.Context(), state.ReadWrite, func(operator control.Operator) error {
				return choice.ask(cmd.Context(), operator, order.Of, func(of control.Selection) (control.Answers, error) {
					order.Of = of
					return operator.Resolve(cmd.Context(), order)
				})
			})
		},
	}
	choice.add(cmd)
	cmd.Flags().StringVar(&order.As, "as", "", "the `ANSWER`: created=IDENTITY, captured or released")
	cmd.Flags().StringVar(&order.Note, "note", "", "what was found, and where: a `TEXT` for the journal (required)")
	return cmd
}

// parkedAnswer is a choice of what is to be answered.
type parkedAnswer struct {
	*env
	parkedChoice

	yes bool
}

func (a *parkedAnswer) add(cmd *cobra.Command) {
	a.parkedChoice.add(cmd)
	cmd.Flags().BoolVar(&a.yes, "yes", false, "answer more than one without asking")
}

// ask tells somebody on a terminal for how many an answer is, before it is given: to
// those alone, and where a reason chose them while they are parked for it.
func (a *parkedAnswer) ask(
	ctx context.Context, operator control.Operator, of control.Selection, answer func(control.Selection) (control.Answers, error),
) error {
	if a.yes || !a.Terminals.Stdin {
		return a.tellAnswers(answer(of))
	}
	list, err := operator.Parked(ctx, of)
	if err != nil {
		return err
	}
	if len(list.Rows) < 2 {
		return a.tellAnswers(answer(of))
	}
	reasons, chosen := map[string]int{}, len(of.IDs) == 0
	for _, row := range list.Rows {
		reasons[string(row.Reason)]++
		if chosen {
			of.IDs = append(of.IDs, preauth.ID(row.ID))
		}
	}
	if _, err := fmt.Fprintf(a.Stdout, "%d are parked: %s\n", len(list.Rows), counts(reasons)); err != nil {
		return err
	}
	agreed, err := a.confirm(ctx, "Answer all of them? [y/N] ")
	if err != nil {
		return err
	}
	if !agreed {
		_, err := fmt.Fprintln(a.Stdout, "None was answered.")
		return err
	}
	return a.tellAnswers(answer(of))
}

// checkResolve says what is wrong with a resolve's flags, before anything is opened.
func checkResolve(order control.Resolve) error {
	answer, err := plan.ParseAnswer(order.As)
	if err != nil {
		return fmt.Errorf("--as: %w", err)
	}
	if answer.As == plan.Created && len(order.Of.IDs) != 1 {
		return errors.New("--as created=IDENTITY answers one preauthorization: name its Id alone")
	}
	if strings.TrimSpace(order.Note) == "" {
		return errors.New("--note is required: say what was found, and where")
	}
	if err := plan.CheckNote(order.Note); err != nil {
		return fmt.Errorf("--note: %w", err)
	}
	return nil
}

// tellAnswers says what came of each answer. What has been answered is told even
// when something then went wrong.
func (e *env) tellAnswers(answers control.Answers, err error) error {
	for _, a := range answers.Done {
		if _, err := fmt.Fprintf(e.Stdout, "%s  was parked as %s and is %s now: %s\n", a.ID, a.Was, a.Phase, a.Then); err != nil {
			return err
		}
	}
	if err == nil && len(answers.Done)+len(answers.Refused) == 0 {
		_, err = fmt.Fprintln(e.Stdout, "nothing is parked that way")
	}
	return errors.Join(refusals(answers.Refused), err)
}
