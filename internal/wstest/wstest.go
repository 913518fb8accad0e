// Package wstest is the WebSocket client of the tests: it sends what a test
// tells it to, reads only when it is told to, and fails the test with what it
// has been sent. It knows the protocol's frames and nothing of the server.
package wstest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/await"
)

// Options may be left out.
type Options struct {
	// HTTPClient is the way to the server, for instance a pipe's.
	HTTPClient *http.Client
	Header     http.Header
	// Subprotocols are offered.
	Subprotocols []string
	// Compress offers compression.
	Compress bool
	// Feed connects without a WebSocket, and Post says which handler's URL takes the next
	// of the requests that the client sends by; nil for the one that holds the connection.
	Feed bool
	Post func() string
	// Patience is how long to wait for a frame, await.Patience by default. In a
	// bubble, where waiting takes no time, it is an hour for those who try again
	// for long.
	Patience time.Duration
}

// A Conn is a client's WebSocket. Failures end the test that dialled it, and so
// does the test's end. One goroutine at a time may read, and any may send.
type Conn struct {
	// WS is the connection itself, for tests that do what no client should; nil for a
	// feed.
	WS *websocket.Conn
	// Under is the network connection below it, for those who write frames
	// themselves.
	Under net.Conn
	// ID and Secret are those of hotsock.connected.
	ID, Secret string

	link     link
	t        testing.TB
	patience time.Duration
	frames   received
}

// Connect opens a connection and reads hotsock.connected. The URL may begin with
// http as well as ws.
func Connect(t testing.TB, url string, o Options) *Conn {
	t.Helper()
	c := Dial(t, url, o)
	c.Greet()
	return c
}

// Dial opens a connection and reads nothing.
func Dial(t testing.TB, url string, o Options) *Conn {
	t.Helper()
	c, answer, err := Try(t, url, o) //nolint:bodyclose // Dial has read it.
	switch {
	case err == nil:
		return c
	case answer != nil:
		t.Fatalf("refused with %s: %v", answer.Status, err)
	default:
		t.Fatalf("cannot connect: %v", err)
	}
	return nil
}

// Try is Dial for those who may be refused: the answer says how, with the
// beginning of its body, and is nil if there was none.
func Try(t testing.TB, url string, o Options) (*Conn, *http.Response, error) {
	t.Helper()
	c := &Conn{t: t, patience: o.Patience}
	if c.patience == 0 {
		c.patience = await.Patience
	}
	ctx, cancel := c.patient()
	defer cancel()
	if o.Feed {
		l, answer, err := dialFeed(ctx, url, o)
		if err != nil {
			return nil, answer, err
		}
		c.link = l
		t.Cleanup(c.Cut)
		return c, answer, nil
	}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { c.Under = i.Conn }})
	dial := &websocket.DialOptions{HTTPClient: o.HTTPClient, HTTPHeader: o.Header, Subprotocols: o.Subprotocols}
	if o.Compress {
		dial.CompressionMode = websocket.CompressionNoContextTakeover
	}
	var answer *http.Response
	var err error
	if c.WS, answer, err = websocket.Dial(ctx, url, dial); err != nil {
		return nil, answer, err
	}
	c.WS.SetReadLimit(-1)
	c.link = socketLink{c.WS}
	t.Cleanup(c.Cut)
	return c, answer, nil
}

func (c *Conn) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), c.patience)
}

// Greet reads hotsock.connected.
func (c *Conn) Greet() Frame {
	c.t.Helper()
	f := c.Expect("hotsock.connected")
	var data struct{ ConnectionID, ConnectionSecret string }
	f.Decode(c.t, &data)
	c.ID, c.Secret = data.ConnectionID, data.ConnectionSecret
	return f
}

// Send sends a text message.
func (c *Conn) Send(text string) {
	c.t.Helper()
	if err := c.TrySend(text); err != nil {
		c.failf("cannot send: %v", err)
	}
}

// TrySend is Send for those whose connection may have ended.
func (c *Conn) TrySend(text string) error {
	ctx, cancel := c.patient()
	defer cancel()
	return c.link.write(ctx, text)
}

// Subscribe subscribes to the channels, one after the other.
func (c *Conn) Subscribe(channels ...string) {
	c.t.Helper()
	for _, channel := range channels {
		c.Send(`{"event":"hotsock.subscribe","channel":` + Quote(channel) + `}`)
		if f := c.Expect("hotsock.subscribed"); f.Channel != channel {
			c.failf("subscribed to %q, want %q", f.Channel, channel)
		}
	}
}

// Next reads the next frame.
func (c *Conn) Next() Frame {
	c.t.Helper()
	f, err := c.TryNext()
	if err != nil {
		c.failf("there was no frame: %v", err)
	}
	return f
}

// TryNext is Next for those whose connection may end.
func (c *Conn) TryNext() (Frame, error) {
	ctx, cancel := c.patient()
	defer cancel()
	typ, b, err := c.link.read(ctx)
	if err != nil {
		return Frame{}, err
	}
	c.frames.add(string(b))
	if typ != websocket.MessageText {
		return Frame{}, errors.New("the message is not a text")
	}
	return parse(string(b))
}

// Expect reads the next frame, which must have this name: its event, or if it is
// an error the code.
func (c *Conn) Expect(name string) Frame {
	c.t.Helper()
	f, err := c.TryNext()
	switch {
	case err != nil:
		c.failf("want %s: %v", name, err)
	case f.Name() != name:
		c.failf("want %s", name)
	}
	return f
}

// Do sends a command, and expects the frame that answers it.
func (c *Conn) Do(command, name string) Frame {
	c.t.Helper()
	c.Send(command)
	return c.Expect(name)
}

// Until reads up to a frame of this name, and returns those before it, too: they
// may be of any name, errors among them.
func (c *Conn) Until(name string) (before []Frame, last Frame) {
	c.t.Helper()
	for {
		f, err := c.TryNext()
		if err != nil {
			c.failf("want %s: %v", name, err)
		}
		if f.Name() == name {
			return before, f
		}
		before = append(before, f)
	}
}

// Drain reads until the connection ends, and returns why it did.
func (c *Conn) Drain() error {
	for {
		if _, err := c.TryNext(); err != nil {
			return err
		}
	}
}

// ExpectNothing fails the test if there is a frame that was not read. All that
// the server has sent by now counts, because it must answer a ping first. What is
// still on its way to the server is seen in a bubble, after synctest.Wait.
func (c *Conn) ExpectNothing() {
	c.t.Helper()
	c.Do(`{"event":"hotsock.ping"}`, "hotsock.pong")
}

// ExpectClose reads the end of the connection, which must have this status and,
// unless it is "", this reason. Nothing else may come before.
func (c *Conn) ExpectClose(status websocket.StatusCode, reason string) {
	c.t.Helper()
	_, err := c.TryNext()
	c.WantClose(err, status, reason)
}

// WantClose is ExpectClose for those who have read the end.
func (c *Conn) WantClose(err error, status websocket.StatusCode, reason string) {
	c.t.Helper()
	var end websocket.CloseError
	if !errors.As(err, &end) || end.Code != status || reason != "" && end.Reason != reason {
		c.failf("want the connection closed with %v %q, got %v", status, reason, err)
	}
}

// Close ends the connection as a page does that is left.
func (c *Conn) Close() {
	c.t.Helper()
	if err := c.TryClose(websocket.StatusGoingAway); err != nil {
		c.failf("cannot close: %v", err)
	}
}

// TryClose ends the connection with a code.
func (c *Conn) TryClose(code websocket.StatusCode) error { return c.link.close(code) }

// Cut ends the connection without a word.
func (c *Conn) Cut() { c.link.cut() }

// LastEventID is the id of the last event that was read of a feed.
func (c *Conn) LastEventID() string { return c.link.(*feedLink).lastID }

// failf ends the test with what was received.
func (c *Conn) failf(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf(format+"%s", append(args, c.frames.text())...)
}

// Request is the request of an upgrade as it stands on the line, for tests that
// write frames themselves. The target begins with a slash, and each header is a
// line without its end.
func Request(target string, header ...string) string {
	lines := append([]string{
		"GET " + target + " HTTP/1.1", "Host: example.com", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
	}, header...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}
