package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newParkedRetry(e *env) *cobra.Command {
	var choice parkedChoice
	var with plan.Retrying
	cmd := &cobra.Command{
		Use:   "retry [ID...]",
		Short: "Let the next cycle go on with what is parked",
		Long: "Lift the mark of what is parked, by Id or by --reason and --property, so that the next cycle goes on with it. Sends\n" +
			"nothing itself. An unknown create is looked up first, and sent again only once v4 is proven not to hold it. Whatever\n" +
			"else was the cause, what still has it parks again.\n\n" +
			"Two things cannot be found out here, and need the word of somebody who has looked in v4:\n" +
			"--resend-create where v4 does not keep tokens, so that a create cannot be looked up, and --resend-capture.",
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := choice.readSome(args)
			if err != nil {
				return err
			}
			if err := plan.CheckNote(with.Note); err != nil {
				return fmt.Errorf("--note: %w", err)
			}
			return e.withAnswers(state.ReadWrite, func(answers *app.Answers) error {
				return e.answerEach(cmd.Context(), answers, of, func(ctx context.Context, id preauth.ID) (plan.Answered, error) {
					return answers.Retry(ctx, id, with)
				})
			})
		},
	}
	choice.add(cmd)
	cmd.Flags().BoolVar(&with.ResendCreate, "resend-create", false,
		"send a create again that cannot be looked up: only after v4 was searched by hand for the amount and method and holds nothing")
	cmd.Flags().BoolVar(&with.ResendCapture, "resend-capture", false,
		"send a capture again that may have taken effect: only after v4 was searched by hand for its payment and has none")
	cmd.Flags().StringVar(&with.Note, "note", "", "a `TEXT` for the journal")
	return cmd
}

func newParkedResolve(e *env) *cobra.Command {
	var choice parkedChoice
	var as, note string
	cmd := &cobra.Command{
		Use:   "resolve [ID...]",
		Short: "Say what has become of what is parked",
		Long: "Answer what is parked, by Id or by --reason and --property, with what was found by hand. What the PMS said when it\n" +
			"was parked does not park again. --as is one of\n\n" +
			"  created=IDENTITY  v4 holds it under this number and has not captured it; v4 is asked whether it is there\n" +
			"  captured          it has been collected, on v4 or elsewhere: nothing more is sent for it\n" +
			"  released          it is let go: nothing is sent for it while the PMS says the same; if v4 holds it, say created\n\n" +
			"Whether a capture took effect is answered by captured, or by `parked retry --resend-capture`.",
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := choice.readSome(args)
			if err != nil {
				return err
			}
			answer, err := readAnswer(as, note, of)
			if err != nil {
				return err
			}
			return e.withAnswers(state.ReadWrite, func(answers *app.Answers) (err error) {
				clients, err := app.Clients(answers.Config, app.Outside{Logs: e.Stderr})
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, clients.Close()) }()
				answers.Hold = clients.Sink.Get
				return e.answerEach(cmd.Context(), answers, of, func(ctx context.Context, id preauth.ID) (plan.Answered, error) {
					return answers.Resolve(ctx, id, answer, note)
				})
			})
		},
	}
	choice.add(cmd)
	cmd.Flags().StringVar(&as, "as", "", "the `ANSWER`: created=IDENTITY, captured or released")
	cmd.Flags().StringVar(&note, "note", "", "what was found, and where: a `TEXT` for the journal (required)")
	return cmd
}

// readAnswer reads a resolve's flags, before anything is opened.
func readAnswer(as, note string, of app.Selection) (plan.Answer, error) {
	answer, err := plan.ParseAnswer(as)
	if err != nil {
		return answer, fmt.Errorf("--as: %w", err)
	}
	if answer.As == plan.Created && len(of.IDs) != 1 {
		return answer, errors.New("--as created=IDENTITY answers one preauthorization: name its Id alone")
	}
	if strings.TrimSpace(note) == "" {
		return answer, errors.New("--note is required: say what was found, and where")
	}
	if err := plan.CheckNote(note); err != nil {
		return answer, fmt.Errorf("--note: %w", err)
	}
	return answer, nil
}

// answerEach answers one record after the other and says what came of each. One
// that the answer does not fit keeps none of the others from theirs.
func (e *env) answerEach(
	ctx context.Context, answers *app.Answers, of app.Selection, answer func(context.Context, preauth.ID) (plan.Answered, error),
) error {
	parked, refused, err := answers.Parked(ctx, of)
	if err != nil {
		return err
	}
	if len(parked)+len(refused) == 0 {
		_, err := fmt.Fprintln(e.Stdout, "nothing is parked that way")
		return err
	}
	for _, rec := range parked {
		out, err := answer(ctx, rec.ID)
		if _, unfit := errors.AsType[*plan.AnswerError](err); unfit {
			refused = append(refused, err)
			continue
		}
		if err != nil {
			return errors.Join(append(refused, err)...)
		}
		if _, err := fmt.Fprintf(e.Stdout, "%s  was parked as %s and is %s now: %s\n",
			rec.ID, out.Entry.Reason, out.Record.Phase, out.Then); err != nil {
			return err
		}
	}
	return errors.Join(refused...)
}
