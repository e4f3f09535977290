package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

func secret(text string) httpx.Secret { return httpx.NewSecret(text) }

// A server that repeats what it was sent is the worst that can befall a secret.
func TestNoCredentialShowsAnywhere(t *testing.T) {
	inBench(t, func(b *bench) {
		const password = "canary-pass word/&+é"
		b.must(b.world.SetPassword("tenant-1", password))
		for range 12 {
			b.hold("10")
		}
		b.configure()
		words := map[string][]string{
			simulator.APIConnector: {b.world.ClientToken(), b.world.Enterprises()[0].AccessToken},
			simulator.APIV4:        {password, url.QueryEscape(password)},
		}
		watchLogins := func() {
			b.world.Inject(simulator.Fault{
				Operation: simulator.OpLogin, Kind: simulator.KindRewrite, Rewrite: func(status int, body []byte) (int, []byte) {
					var reply struct {
						AccessToken string `json:"access_token"`
					}
					if json.Unmarshal(body, &reply) == nil && reply.AccessToken != "" {
						words[simulator.APIV4] = append(words[simulator.APIV4], reply.AccessToken)
					}
					return status, body
				},
			})
		}
		echo := func(operation string, status int) func(int, []byte) (int, []byte) {
			return func(int, []byte) (int, []byte) {
				api := simulator.APIV4
				if operation == simulator.OpConfiguration || operation == simulator.OpPoll {
					api = simulator.APIConnector
				}
				text := fmt.Sprintf("you sent %q", words[api])
				return status, fmt.Appendf(nil, `{"Message":%q,"error":%q,"error_description":%q,"trackingId":%q,`+
					`"errors":[{"code":1,"message":%q}]}`, text, text, text, text, text)
			}
		}
		b.start(func(cfg *config.Config) { cfg.V4.Auth.Password = secret(password) })
		var shown bytes.Buffer
		step := func() {
			result, err := b.tryCycle(false)
			fmt.Fprintf(&shown, "%v %+v %#v %v\n", err, result, result, b.app.Config)
			for _, p := range result.Properties {
				fmt.Fprintf(&shown, "%v %+v\n", p.Err, p)
			}
			b.pass(time.Minute)
		}
		for _, operation := range []string{
			simulator.OpConfiguration, simulator.OpLogin, simulator.OpPaged, simulator.OpPoll, simulator.OpCreate,
		} {
			for _, status := range []int{400, 401, 403, 429, 500, 200} {
				b.world.Inject(simulator.Fault{
					Operation: operation, Kind: simulator.KindRewrite, Rewrite: echo(operation, status), Times: 2,
				})
				watchLogins()
				step()
				b.clear()
			}
			b.world.Inject(simulator.Fault{Operation: operation, Kind: simulator.KindReset, Times: 6})
			step()
			b.clear()
			step()
		}
		b.wire.refuseNext(-1)
		b.wire.hangUp()
		step()
		b.wire.refuseNext(0)
		ledger, err := os.ReadFile(b.path)
		b.must(err)
		for name, text := range map[string][]byte{
			"log": []byte(b.logs.String()), "results and errors": shown.Bytes(), "state file": ledger,
		} {
			for _, word := range slices.Concat(words[simulator.APIConnector], words[simulator.APIV4]) {
				if at := bytes.Index(text, []byte(word)); at >= 0 {
					t.Errorf("the %s shows %q: …%s…", name, word, text[max(0, at-200):min(len(text), at+100)])
				}
			}
		}
		if len(b.requests(simulator.OpCreate, "")) == 0 || len(words[simulator.APIV4]) < 3 {
			t.Error("nothing was ever sent, or with a login that is not known")
		}
	})
}
