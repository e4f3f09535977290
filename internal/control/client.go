package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// helloTimeout is how long a daemon may take to introduce itself.
const helloTimeout = 5 * time.Second

// ErrNobody says that no daemon that has the state file answers. The error that
// wraps it says where, and why.
var ErrNobody = errors.New("no daemon answers for it")

// Client asks a daemon. It is an Operator.
type Client struct {
	http   *http.Client
	daemon Hello
}

var _ Operator = (*Client)(nil)

// Dial finds the daemon that has this state file at its socket. Nobody there, and
// whoever is not that daemon or answers nothing sensible, is ErrNobody.
func Dial(ctx context.Context, socket, stateFile string) (*Client, error) {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}
	c := &Client{http: &http.Client{Transport: transport}}
	if err := c.meet(ctx, stateFile); err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w at the control socket %s: %w", ErrNobody, socket, err)
	}
	return c, nil
}

// meet asks who is there, and whether it has the state file.
func (c *Client) meet(ctx context.Context, stateFile string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	c.daemon, err = call[Hello](ctx, c, opHello, nothing{}, nil)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("run this as root or as the daemon's user: %w", fs.ErrPermission)
	case errors.Is(err, fs.ErrNotExist):
		return fs.ErrNotExist
	case errors.Is(err, syscall.ECONNREFUSED):
		return syscall.ECONNREFUSED
	case ctx.Err() != nil:
		return fmt.Errorf("who has it said nothing for %s", helloTimeout)
	case err != nil:
		return fmt.Errorf("who has it is no daemon of this program, or answers root and its own user only: %w", err)
	}
	own, err := Identify(stateFile)
	same := own.Path == c.daemon.State.Path
	if err == nil {
		same = own.Device == c.daemon.State.Device && own.Inode == c.daemon.State.Inode
	}
	if !same {
		return fmt.Errorf("the daemon there (pid %d) has another state file, %s", c.daemon.PID, c.daemon.State.Path)
	}
	return nil
}

// Close lets go of the daemon.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call asks for one operation. What item returns ends it, and is returned.
func call[R any](ctx context.Context, c *Client, name string, argument any, item func(json.RawMessage) error) (result R, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a reply that is given up is given up at the daemon too
	reply, err := c.post(ctx, name, argument)
	if err != nil {
		return result, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return result, fmt.Errorf("the daemon (version %s) does not know %q: it is of another version; restart it", c.daemon.Version, name)
	}
	text, err := readReply(reply.Body, item)
	if errors.Is(err, errCut) && ctx.Err() != nil {
		return result, ctx.Err()
	}
	if errors.Is(err, errCut) {
		return result, c.gone(name, err)
	}
	if text == nil {
		return result, err
	}
	if unread := json.Unmarshal(text, &result); unread != nil {
		return result, errors.Join(err, c.gone(name, unread))
	}
	return result, err
}

func (c *Client) post(ctx context.Context, name string, argument any) (*http.Response, error) {
	body, err := json.Marshal(argument)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daemon"+pathPrefix+name, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	reply, err := c.http.Do(request)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && name != opHello {
		return nil, c.gone(name, err)
	}
	return reply, err
}

// gone makes an error of a daemon that ended, or was ended, before its reply did.
func (c *Client) gone(name string, err error) error {
	return fmt.Errorf("the daemon (pid %d) went away during %q; what it had begun is in the state file: %w", c.daemon.PID, name, err)
}

// Status says how each property stands.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, opStatus, nothing{}, nil)
}

// Show gives one preauthorization's record and journal.
func (c *Client) Show(ctx context.Context, id preauth.ID) (Record, error) {
	return call[Record](ctx, c, opShow, id, nil)
}

// Export hands over every record with its journal.
func (c *Client) Export(ctx context.Context, visit func(Record) error) error {
	_, err := call[nothing](ctx, c, opExport, nothing{}, each(visit))
	return err
}

// Backup writes a consistent copy of the daemon's state file. After an error what
// has been written is a part of one.
func (c *Client) Backup(ctx context.Context, to io.Writer) error {
	_, err := call[nothing](ctx, c, opBackup, nothing{}, each(func(chunk []byte) error {
		_, err := to.Write(chunk)
		return err
	}))
	return err
}

// Parked lists what is parked.
func (c *Client) Parked(ctx context.Context, of Selection) (ParkedList, error) {
	return call[ParkedList](ctx, c, opParked, of, nil)
}

// Retry lets what is parked go on.
func (c *Client) Retry(ctx context.Context, order Retry) (Answers, error) {
	return call[Answers](ctx, c, opRetry, order, nil)
}

// Resolve says what has become of what is parked.
func (c *Client) Resolve(ctx context.Context, order Resolve) (Answers, error) {
	return call[Answers](ctx, c, opResolve, order, nil)
}

// Pause stops all writes, or one property's.
func (c *Client) Pause(ctx context.Context, property string) ([]Paused, error) {
	return call[[]Paused](ctx, c, opPause, property, nil)
}

// Resume lets them go on.
func (c *Client) Resume(ctx context.Context, property string) ([]Paused, error) {
	return call[[]Paused](ctx, c, opResume, property, nil)
}

// Plan says what the next cycle would do.
func (c *Client) Plan(ctx context.Context) (Plan, error) {
	return call[Plan](ctx, c, opPlan, nothing{}, nil)
}

// Backfill mirrors history. Cancelling ctx cancels it at the daemon.
func (c *Client) Backfill(ctx context.Context, order Backfill, progress func(Progress)) (Account, error) {
	return call[Account](ctx, c, opBackfill, order, each(func(p Progress) error {
		progress(p)
		return nil
	}))
}

// Audit compares the PMS, the ledger and v4.
func (c *Client) Audit(ctx context.Context, order Audit, finding func(Finding) error) (Audited, error) {
	return call[Audited](ctx, c, opAudit, order, each(finding))
}

// each decodes items for visit.
func each[I any](visit func(I) error) func(json.RawMessage) error {
	return func(text json.RawMessage) error {
		var item I
		if err := json.Unmarshal(text, &item); err != nil {
			return fmt.Errorf("%w: %w", errCut, err)
		}
		return visit(item)
	}
}
