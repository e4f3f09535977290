package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
)

// ProbeFindings are what a probe has found out. Again is nil where no second capture
// was sent.
type ProbeFindings struct {
	Create  ProbeWrite
	Sight   ProbeSight
	Capture ProbeWrite
	Again   *ProbeWrite
}

// Suggestion is a key of v4's configuration, the value that a probe speaks for, and why.
type Suggestion struct{ Key, Value, Why string }

// Suggest says what the findings mean for the configuration.
func (p *Probe) Suggest(found ProbeFindings) []Suggestion {
	return []Suggestion{
		p.suggestToken(found.Sight), p.suggestSettle(found.Sight), p.suggestEmptyReply(found), p.suggestCodes(found.Again),
		p.suggestUser(found.Create.Hold),
	}
}

func (p *Probe) suggestToken(sight ProbeSight) Suggestion {
	s := Suggestion{Key: "transaction_token", Value: string(config.TokenNone)}
	const parks = ": an unknown create cannot be looked up, and parks"
	switch {
	case sight.Respelled:
		s.Value, s.Why = string(config.TokenID), "v4 keeps the token, in another letter case: an unknown create can be looked up, since Ids match in any"
	case len(sight.Found) > 0:
		s.Value, s.Why = string(config.TokenID), "v4 keeps the token: an unknown create can be looked up"
	case sight.Carried == CarriesOther:
		s.Why = "v4 puts another token in its place" + parks
	case sight.Carried == CarriesOwn:
		s.Why = fmt.Sprintf("the hold carries the token, but Search does not show it within %s%s; probe again with a longer v4.settle", p.Sink.Config.Settle, parks)
	default:
		s.Why = fmt.Sprintf("the token is not shown within %s%s; probe again with a longer v4.settle before you believe it", p.Sink.Config.Settle, parks)
	}
	return s
}

// suggestSettle doubles what was measured, since one probe is no worst case. It never
// gives less than there is: a request may be under way inside v4 for longer than a
// hold takes to show.
func (p *Probe) suggestSettle(sight ProbeSight) Suggestion {
	is := p.Sink.Config.Settle
	s := Suggestion{Key: "settle", Value: is.String(), Why: "as it is, since nothing was measured"}
	switch twice := 2 * sight.After; {
	case len(sight.Found) == 0:
	case twice > is:
		s.Value = fmt.Sprintf("%dm", (twice+time.Minute-1)/time.Minute)
		s.Why = fmt.Sprintf("Search showed it after %s; twice that, in whole minutes. More is safer where v4 is slow under load", Rounded(sight.After))
	default:
		s.Why = fmt.Sprintf("as it is: Search showed it after %s, and a request may be under way inside v4 for longer than that", Rounded(sight.After))
	}
	return s
}

func (p *Probe) suggestEmptyReply(found ProbeFindings) Suggestion {
	s := Suggestion{Key: "capture_empty_reply", Value: string(config.EmptyUnknown)}
	switch found.Capture.Answer() {
	case AnswerEmpty:
		s.Why = "the reply had no body: success is right only if v4 shows the probe's payment"
	case AnswerDone:
		s.Why = "the reply has a body, so that an empty one would be odd"
	default:
		s.Value, s.Why = string(p.Sink.Config.CaptureEmptyReply), "as it is, since no capture has succeeded"
	}
	return s
}

func (p *Probe) suggestCodes(again *ProbeWrite) Suggestion {
	s := Suggestion{Key: "already_captured_codes", Value: codeList(p.Sink.Config.AlreadyCapturedCodes)}
	if again == nil {
		s.Why = "as it is, since no second capture was sent (--second-capture)"
		return s
	}
	switch again.Answer() {
	case AnswerRefused:
		s.Value, s.Why = codeList(codesOf(*again)), "what a second capture was refused with, if that means nothing else"
	case AnswerDone:
		s.Value, s.Why = codeList(nil), "a second capture charges again: leave mirror.unknown_capture at park"
	default:
		s.Why = "as it is, since what became of the second capture is not known"
	}
	return s
}

func codesOf(write ProbeWrite) (codes []int64) {
	for _, each := range write.Errors {
		if !slices.Contains(codes, each.Code) {
			codes = append(codes, each.Code)
		}
	}
	return codes
}

func (p *Probe) suggestUser(hold preauth.Hold) Suggestion {
	s := Suggestion{Key: "created_by_user_id", Value: fmt.Sprint(hold.CreatedByUserID)}
	switch sent := p.Sink.Config.CreatedByUserID; {
	case hold.CreatedByUserID == 0:
		s.Value, s.Why = fmt.Sprint(sent), "as it is, since the reply names no user"
	case sent == 0:
		s.Why = "the user that v4 notes for this login by itself; 0 leaves it to v4"
	case sent != hold.CreatedByUserID:
		s.Why = fmt.Sprintf("the user that v4 noted, though %d was sent", sent)
	default:
		s.Why = "the user that was sent, as v4 noted it"
	}
	return s
}

func codeList(codes []int64) string {
	texts := make([]string, 0, len(codes))
	for _, code := range codes {
		texts = append(texts, fmt.Sprint(code))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// Rounded gives a measured time as people read it: at least a millisecond.
func Rounded(d time.Duration) time.Duration {
	if d < time.Second {
		return max(d.Round(time.Millisecond), time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
