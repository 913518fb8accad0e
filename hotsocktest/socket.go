package hotsocktest

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

// A Socket is a bare WebSocket, for tests of what goes over the wire
// (docs/protocol.md) and of connections that time out: it answers pings of the
// WebSocket protocol, and neither sends anything else by itself nor reconnects. It
// keeps what it receives; stall its Link for a client that receives nothing.
// Failures end the test that dialed. One goroutine at a time may use it.
type Socket struct {
	// Link is the way to the nodes.
	Link *Link
	// ConnectionID and ConnectionSecret are those of hotsock.connected.
	ConnectionID, ConnectionSecret string

	t  testing.TB
	s  *Server
	ws *websocket.Conn
	in *inbox
}

// Dial connects a Socket with a connect token of the claims, to the nodes in
// turn, and reads hotsock.connected.
func (s *Server) Dial(t testing.TB, c hotsock.Claims) *Socket {
	t.Helper()
	return s.DialWith(t, "token="+url.QueryEscape(s.Token(c)), nil)
}

// DialWith does the same with the given query and header, for apps with their own
// authentication.
func (s *Server) DialWith(t testing.TB, query string, header http.Header) *Socket {
	t.Helper()
	k := &Socket{Link: newLink(), t: t, s: s}
	transport := s.network.transport(k.Link)
	ctx, cancel := s.patient()
	defer cancel()
	var err error
	k.ws, _, err = websocket.Dial(ctx, balanced+s.o.Path+"?"+query, //nolint:bodyclose // It is the WebSocket.
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header})
	if err != nil {
		t.Fatalf("hotsocktest: cannot connect: %v", err)
	}
	k.ws.SetReadLimit(-1)
	k.in = newInbox(k.ws)
	t.Cleanup(func() {
		_ = k.ws.CloseNow()
		<-k.in.over
		transport.CloseIdleConnections()
	})
	var m struct {
		Event string
		Data  struct{ ConnectionID, ConnectionSecret string }
	}
	frame := k.Read()
	if err := json.Unmarshal(frame, &m); err != nil || m.Event != "hotsock.connected" {
		t.Fatalf("hotsocktest: the first frame is %s", frame)
	}
	k.ConnectionID, k.ConnectionSecret = m.Data.ConnectionID, m.Data.ConnectionSecret
	return k
}

// Send sends a frame.
func (k *Socket) Send(frame string) {
	k.t.Helper()
	ctx, cancel := k.s.patient()
	defer cancel()
	if err := k.ws.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
		k.t.Fatalf("hotsocktest: cannot send: %v", err)
	}
}

// Read waits for the next frame and returns it.
func (k *Socket) Read() []byte {
	k.t.Helper()
	frame, err := k.read()
	if err != nil {
		k.t.Fatalf("hotsocktest: there was no frame: %v", err)
	}
	return frame
}

func (k *Socket) read() ([]byte, error) {
	ctx, cancel := k.s.patient()
	defer cancel()
	return k.in.next(ctx)
}

// Expect waits for the next frame and returns it. The test fails unless the frame
// has everything that want has, as JSON: members that want does not name may be
// anything.
func (k *Socket) Expect(want string) []byte {
	k.t.Helper()
	wanted, err := generic(json.RawMessage(want))
	if err != nil {
		k.t.Fatalf("hotsocktest: what is wanted is not JSON: %v", err)
	}
	frame := k.Read()
	got, err := generic(json.RawMessage(frame))
	if err != nil {
		k.t.Fatalf("hotsocktest: a frame that is not JSON: %s", frame)
	}
	if diff := cmp.Diff(wanted, only(got, wanted)); diff != "" {
		k.t.Fatalf("hotsocktest: the frame %s\ndiffers (-want +got):\n%s", frame, diff)
	}
	return frame
}

// ExpectNone fails the test if there is a frame that was not read. Everything that
// this connection's node has sent by now counts: it pings the server and waits for
// the answer. It sees what was published, perhaps elsewhere, and has not reached
// the node yet only in a bubble.
func (k *Socket) ExpectNone() {
	k.t.Helper()
	k.s.restInBubble()
	k.Send(`{"event":"hotsock.ping"}`)
	k.Expect(`{"event":"hotsock.pong"}`)
}

// ExpectClose waits for the server to close the connection with that status
// (docs/protocol.md lists them), and fails the test if it does not or if there
// is a frame before.
func (k *Socket) ExpectClose(code websocket.StatusCode) {
	k.t.Helper()
	frame, err := k.read()
	var ce websocket.CloseError
	switch {
	case err == nil:
		k.t.Fatalf("hotsocktest: got %s, want the connection closed", frame)
	case !errors.As(err, &ce) || ce.Code != code:
		k.t.Fatalf("hotsocktest: got %v, want the connection closed with %v", err, code)
	}
}
