package protocoltest

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// feeds has clients connect without a WebSocket, wherever a test does not say otherwise.
var feeds = flag.Bool("feeds", false, "connect without WebSockets")

// needsSocket skips a test that is about WebSockets, or whose outcome is different over
// feeds.
func needsSocket(t *testing.T, why string) {
	t.Helper()
	if *feeds {
		t.Skip("not over feeds: " + why)
	}
}

// A client is one connection. Frames that it expects are patterns,
// which may capture, and what was captured is put into what it sends.
type client struct {
	*wstest.Conn
	t    *testing.T
	e    *env
	node int // that holds it
}

// connect opens a connection with a connect token of the claims, on the nodes
// in turn, and reads hotsock.connected.
func (e *env) connect(t *testing.T, claims string) *client {
	t.Helper()
	return e.connectTo(t, e.next(), claims)
}

// connectTo does the same on a certain node.
func (e *env) connectTo(t *testing.T, n int, claims string) *client {
	t.Helper()
	c, refused := e.dial(t, n, "?token="+url.QueryEscape(token(t, claims)), nil)
	if c == nil {
		t.Fatalf("refused: %d %s", refused.status, refused.body)
	}
	c.Greet()
	return c
}

// dial makes the handshake only. It returns either a client or the answer that
// refused it. What follows the mount point in the URL is suffix.
func (e *env) dial(t *testing.T, n int, suffix string, header http.Header) (*client, *answer) {
	t.Helper()
	return e.dialBy(t, *feeds, n, suffix, header)
}

// dialBy does the same with or without a WebSocket.
func (e *env) dialBy(t *testing.T, feed bool, n int, suffix string, header http.Header) (*client, *answer) {
	t.Helper()
	c, res, err := wstest.Try(t, e.nodes[n].base+suffix, wstest.Options{
		HTTPClient: e.http, Header: header, Patience: e.patience,
		Feed: feed, Post: func() string { return e.anyNode().base },
		// Half of the clients, so that those who compress share channels with others.
		Compress: e.dialed.Add(1)%2 == 0,
	})
	if err == nil {
		return &client{c, t, e, n}, nil
	}
	if res == nil {
		t.Fatalf("dial: %v", err)
	}
	body, _ := io.ReadAll(res.Body)
	return nil, &answer{e, res.StatusCode, string(body), res.Header}
}

// send sends a command, with what was captured put in.
func (c *client) send(text string) {
	c.t.Helper()
	c.Send(c.e.expand(text))
}

// expect reads the next frames, which must match the patterns.
func (c *client) expect(patterns ...string) {
	c.t.Helper()
	for _, p := range patterns {
		if err := c.e.match(p, c.Next().Text); err != nil {
			c.t.Fatal(err)
		}
	}
}

// together reads as many frames as there are patterns, which may come in any
// order.
func (c *client) together(patterns ...string) {
	c.t.Helper()
	for len(patterns) > 0 {
		frame := c.Next().Text
		var errs []error
		i := slices.IndexFunc(patterns, func(p string) bool {
			err := c.e.match(p, frame)
			errs = append(errs, err)
			return err == nil
		})
		if i < 0 {
			c.t.Fatal(errors.Join(errs...))
		}
		patterns = slices.Delete(slices.Clone(patterns), i, i+1)
	}
}

// until reads up to the frame that matches, and returns those before it.
func (c *client) until(pattern string) []string {
	c.t.Helper()
	var before []string
	for {
		frame := c.Next().Text
		if c.e.match(pattern, frame) == nil {
			return before
		}
		before = append(before, frame)
	}
}

// do sends a command and expects the frames that answer it.
func (c *client) do(command string, patterns ...string) {
	c.t.Helper()
	c.send(command)
	c.expect(patterns...)
}

// failure is the frame of an error; channel is "" for none.
func failure(channel, code string) string {
	if channel != "" {
		channel = fmt.Sprintf(`"channel":%q,`, channel)
	}
	return fmt.Sprintf(`{"event":"hotsock.error",%s"error":{"code":%q,"message":"$_"}}`, channel, code)
}
