package protocoltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// A client is one WebSocket connection.
type client struct {
	e    *env
	node int // that holds it
	ws   *websocket.Conn
	// id and secret of the connection.
	id, secret string
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
	c.hello(t)
	return c
}

// dial makes the handshake only. It returns either a client or the answer that
// refused it. What follows the mount point in the URL is suffix.
func (e *env) dial(t *testing.T, n int, suffix string, header http.Header) (*client, *answer) {
	t.Helper()
	ctx, cancel := e.context()
	defer cancel()
	// Half of the clients, so that those who compress share channels with others.
	compression := websocket.CompressionDisabled
	if e.dialed.Add(1)%2 == 0 {
		compression = websocket.CompressionNoContextTakeover
	}
	ws, res, err := websocket.Dial(ctx, e.nodes[n].base+suffix, &websocket.DialOptions{
		HTTPClient: e.http, HTTPHeader: header, CompressionMode: compression,
	})
	if err != nil {
		if res == nil {
			t.Fatalf("dial: %v", err)
		}
		body, _ := io.ReadAll(res.Body)
		return nil, &answer{e, res.StatusCode, string(body), res.Header}
	}
	ws.SetReadLimit(-1)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &client{e: e, node: n, ws: ws}, nil
}

// hello reads hotsock.connected.
func (c *client) hello(t *testing.T) {
	t.Helper()
	frame := c.read(t)
	var m struct {
		Event string
		Data  struct{ ConnectionID, ConnectionSecret string }
	}
	if err := json.Unmarshal([]byte(frame), &m); err != nil || m.Event != "hotsock.connected" {
		t.Fatalf("the first frame is %s", frame)
	}
	c.id, c.secret = m.Data.ConnectionID, m.Data.ConnectionSecret
}

// send sends a text message, with what was captured put in.
func (c *client) send(t *testing.T, text string) {
	t.Helper()
	c.sendRaw(t, websocket.MessageText, []byte(c.e.expand(text)))
}

func (c *client) sendRaw(t *testing.T, typ websocket.MessageType, b []byte) {
	t.Helper()
	ctx, cancel := c.e.context()
	defer cancel()
	if err := c.ws.Write(ctx, typ, b); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// read returns the next frame.
func (c *client) read(t *testing.T) string {
	t.Helper()
	frame, err := c.tryRead()
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return frame
}

func (c *client) tryRead() (string, error) {
	ctx, cancel := c.e.context()
	defer cancel()
	typ, b, err := c.ws.Read(ctx)
	if err == nil && typ != websocket.MessageText {
		err = errors.New("not a text message")
	}
	return string(b), err
}

// expect reads the next frames, which must match the patterns.
func (c *client) expect(t *testing.T, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if err := c.e.match(p, c.read(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// together reads as many frames as there are patterns, which may come in any
// order.
func (c *client) together(t *testing.T, patterns ...string) {
	t.Helper()
	for len(patterns) > 0 {
		frame := c.read(t)
		var errs []error
		i := slices.IndexFunc(patterns, func(p string) bool {
			err := c.e.match(p, frame)
			errs = append(errs, err)
			return err == nil
		})
		if i < 0 {
			t.Fatal(errors.Join(errs...))
		}
		patterns = slices.Delete(slices.Clone(patterns), i, i+1)
	}
}

// until reads up to the frame that matches, and returns those before it.
func (c *client) until(t *testing.T, pattern string) []string {
	t.Helper()
	var before []string
	for {
		frame := c.read(t)
		if c.e.match(pattern, frame) == nil {
			return before
		}
		before = append(before, frame)
	}
}

// do sends a command and expects the frames that answer it.
func (c *client) do(t *testing.T, command string, patterns ...string) {
	t.Helper()
	c.send(t, command)
	c.expect(t, patterns...)
}

// ping makes sure that the server has carried out what was sent before, and
// that nothing else was waiting to be read.
func (c *client) ping(t *testing.T) {
	t.Helper()
	c.do(t, `{"event":"hotsock.ping"}`, `{"event":"hotsock.pong","data":{}}`)
}

// subscribe subscribes to a channel and reads the answer, whatever its data.
func (c *client) subscribe(t *testing.T, channels ...string) {
	t.Helper()
	for _, channel := range channels {
		c.send(t, fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q}`, channel))
		frame := c.read(t)
		if !strings.HasPrefix(frame, fmt.Sprintf(`{"event":"hotsock.subscribed","channel":%q,`, channel)) {
			t.Fatalf("subscribing to %q: %s", channel, frame)
		}
	}
}

// failure is the frame of an error; channel is "" for none.
func failure(channel, code string) string {
	if channel != "" {
		channel = fmt.Sprintf(`"channel":%q,`, channel)
	}
	return fmt.Sprintf(`{"event":"hotsock.error",%s"error":{"code":%q,"message":"$_"}}`, channel, code)
}

// expectClose reads the end of the connection. Nothing else may come before.
func (c *client) expectClose(t *testing.T, code websocket.StatusCode, reason string) {
	t.Helper()
	frame, err := c.tryRead()
	if err == nil {
		t.Fatalf("got %s, want the connection closed with %d", shorten(frame), code)
	}
	c.checkClose(t, err, code, reason)
}

func (c *client) checkClose(t *testing.T, err error, code websocket.StatusCode, reason string) {
	t.Helper()
	var ce websocket.CloseError
	if !errors.As(err, &ce) || ce.Code != code || reason != "" && ce.Reason != reason {
		t.Fatalf("got %v, want the connection closed with %d %q", err, code, reason)
	}
}

// close ends the connection as a page that is left does.
func (c *client) close(t *testing.T) {
	t.Helper()
	if err := c.ws.Close(websocket.StatusGoingAway, ""); err != nil {
		t.Fatalf("close: %v", err)
	}
}
