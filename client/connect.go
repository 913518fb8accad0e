package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// run connects, and connects again, until the client closes.
func (c *Client) run() {
	defer close(c.done)
	delays := backoff{min: c.opts.MinDelay, max: c.opts.MaxDelay}
	var kind fallback
	for c.ctx.Err() == nil {
		c.report(State{Status: Connecting})
		n, err := c.connect(c.ctx, &kind)
		for n != nil {
			before := n
			n, err = c.serve(n, &kind)
			if before.proven.Load() {
				delays.reset()
			}
		}
		if p, ok := errors.AsType[*permanentError](err); ok {
			c.cancel(p.err)
		}
		if c.ctx.Err() != nil {
			break
		}
		c.noted(err)
		delay := delays.next(retryAfter(err))
		c.report(State{Status: Waiting, Err: err, Delay: delay, Feed: kind.next(time.Now().Add(delay))})
		sleep(c.ctx, delay)
	}
	err := context.Cause(c.ctx)
	c.endAll(err)
	c.background.Wait()
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
	c.report(State{Status: Closed, Err: err})
}

func (c *Client) noted(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastErr = err
	c.broadcast() // so that who waits can say why
}

func (c *Client) endAll(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.subs {
		s.end(err)
	}
}

// connect makes one attempt, up to the server's first frame.
func (c *Client) connect(ctx context.Context, kind *fallback) (*conn, error) {
	timeout := c.opts.ConnectTimeout
	if t := c.http.Timeout; t > 0 {
		timeout = min(timeout, t)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	u, protocols, err := c.address(ctx)
	if err != nil {
		return nil, err // which says nothing of what gets through
	}
	dial := c.dialSocket
	if kind.next(time.Now()) {
		dial = c.dialFeed
	}
	ctx, reached := noteReached(ctx)
	l, err := dial(ctx, u, protocols)
	var n *conn
	if err == nil {
		if n, err = c.greet(ctx, l); err != nil {
			l.cut()
		}
	}
	if err != nil {
		kind.refused(blocked(err, reached.Load()))
		return nil, err
	}
	kind.connected(time.Now())
	return n, nil
}

// dialSocket makes a WebSocket.
func (c *Client) dialSocket(ctx context.Context, u *url.URL, protocols []string) (link, error) {
	up := &upgrader{transport: cmp.Or(c.http.Transport, http.DefaultTransport)}
	dialer := *c.http
	dialer.Transport = up
	o := &websocket.DialOptions{HTTPClient: &dialer, HTTPHeader: c.opts.Header, Subprotocols: protocols}
	ws, res, err := websocket.Dial(ctx, u.String(), o) //nolint:bodyclose // Dial has closed it.
	if err != nil {
		return nil, refused(res, err)
	}
	ws.SetReadLimit(int64(c.opts.MaxFrameSize))
	return socketLink{ws, up.stream}, nil
}

// mostRedirects is how many an attempt follows, as net/http does by itself.
const mostRedirects = 10

// stayHere decides on redirects: another server, or whoever listens to what is not
// encrypted, must not get the token or the connection's secret. net/http passes on a
// subprotocol and what is posted to anybody, and the query as the Referer.
func (c *Client) stayHere(req *http.Request, via []*http.Request) error {
	from := via[0].URL
	switch {
	case req.URL.Hostname() != from.Hostname():
		return fmt.Errorf("the server redirects to another one, %s, which must not get the client's secrets", req.URL.Host)
	case req.URL.Scheme != from.Scheme && req.URL.Scheme != "https":
		return errors.New("the server redirects from https to http, where anybody can read the client's secrets")
	case c.opts.HTTPClient != nil && c.opts.HTTPClient.CheckRedirect != nil:
		return c.opts.HTTPClient.CheckRedirect(req, via)
	case len(via) >= mostRedirects:
		return fmt.Errorf("the server redirects more than %d times", mostRedirects)
	}
	return nil
}

// address is where to connect, and what subprotocols to offer: with a token, which is
// in one of them or in the query.
func (c *Client) address(ctx context.Context) (u *url.URL, protocols []string, err error) {
	if c.opts.Token == nil {
		return c.base, nil, nil
	}
	token, err := c.opts.Token(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("hotsock: no token: %w", err)
	}
	with := *c.base
	q := with.Query()
	q.Del("token")
	if c.opts.TokenInURL {
		q.Set("token", token)
	} else if protocols, err = tokenProtocols(token); err != nil {
		return nil, nil, err
	}
	with.RawQuery = q.Encode()
	return &with, protocols, nil
}

// tokenProtocols are the subprotocols to offer with a token.
func tokenProtocols(token string) ([]string, error) {
	for _, c := range []byte(token) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return nil, errors.New("hotsock: the token has characters that no JWT has: set Options.TokenInURL")
		}
	}
	return []string{"hotsock", tokenProtocol + token}, nil
}

// tokenProtocol begins the subprotocol that a token is.
const tokenProtocol = "hotsock.token."

// greet reads hotsock.connected.
func (c *Client) greet(ctx context.Context, l link) (*conn, error) {
	b, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	f, err := decodeFrame(b)
	if err != nil {
		return nil, err
	}
	var d connectedData
	if err := f.data(&d); err != nil {
		return nil, err
	}
	if f.Event != eventConnected || d.ConnectionID == "" {
		return nil, errors.New("the server did not begin with " + eventConnected)
	}
	return newConn(c, l, d, f.Meta.UID), nil
}

// disconnected says why a connection ended: in the server's words if it did so,
// since what the library says of that is about frames.
func disconnected(err error) error {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		if closed.Code == statusStayAway {
			return Permanent(&closedError{closed})
		}
		return &closedError{closed}
	}
	return fmt.Errorf("hotsock: disconnected: %w", err)
}

type closedError struct{ frame websocket.CloseError }

func (e *closedError) Error() string {
	return fmt.Sprintf("hotsock: disconnected by the server: %q (%d)", e.frame.Reason, e.frame.Code)
}

func (e *closedError) Unwrap() error { return e.frame }

func (e *closedError) Is(target error) bool {
	return target == ErrStayAway && e.frame.Code == statusStayAway
}

// statusStayAway is the protocol's code for who should not connect again.
const statusStayAway websocket.StatusCode = 4403

// tooLong reports whether the server ended a connection with err because of a frame
// that is longer than it takes.
func tooLong(err error) bool {
	closed, ok := errors.AsType[*closedError](err)
	return ok && closed.frame.Code == websocket.StatusMessageTooBig
}

// answeredText is the reason of a server that has answered all that it has carried
// out. Others close with the same code and promise nothing.
const answeredText = "Going away, all answered"

// answeredAll reports whether what was not answered before a connection ended with
// err was not carried out.
func answeredAll(err error) bool {
	closed, ok := errors.AsType[*closedError](err)
	return ok && closed.frame.Code == websocket.StatusGoingAway && closed.frame.Reason == answeredText
}

// A refusal is an answer of the server that is not a connection.
type refusal struct {
	err    error
	status int
	after  time.Duration // of Retry-After, 0 for none
}

func (r *refusal) Error() string { return r.err.Error() }

func (r *refusal) Unwrap() error { return r.err }

// refused makes an error of a failed handshake. The URL, which has the token in
// it, must not appear in it.
func refused(res *http.Response, err error) error {
	if res == nil || res.StatusCode == http.StatusSwitchingProtocols {
		return fmt.Errorf("hotsock: cannot connect: %w", withoutURL(err))
	}
	body, _ := io.ReadAll(res.Body) // at most 1 KiB
	return answerError(res, body)
}

// withoutURL returns what an error of net/http wraps.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// answerError makes an error of an HTTP answer.
func answerError(res *http.Response, body []byte) error {
	var answer struct {
		Error *errorBody `json:"error"`
	}
	r := &refusal{err: fmt.Errorf("hotsock: the server answered %q", res.Status), status: res.StatusCode}
	if decode(body, &answer) == nil && answer.Error != nil && answer.Error.Code != "" {
		r.err = answer.Error.asError()
	}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.after = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	}
	return r
}

// maxRetryAfter bounds what a server can ask for.
const maxRetryAfter = 5 * time.Minute

func retryAfter(err error) time.Duration {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.after
	}
	return 0
}
