package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/client"
)

// newID makes a short random name.
func newID() string { return strings.ToLower(rand.Text()[:10]) }

// A peer is a connection that the checks speak on.
type peer struct {
	conn       *websocket.Conn
	id, secret string
}

// A frame is what the checks read of the server's frames.
type frame struct {
	Event string `json:"event"`
	Ref   string `json:"ref"`
	Data  struct {
		ConnectionID     string `json:"connectionId"`
		ConnectionSecret string `json:"connectionSecret"`
		Check            string `json:"check"`
	} `json:"data"`
	Error struct {
		Code client.Code `json:"code"`
	} `json:"error"`
}

// next reads frames until one fits.
func (p *peer) next(ctx context.Context, fits func(*frame) bool) (f frame, err error) {
	for {
		f = frame{}
		_, b, err := p.conn.Read(ctx)
		if err != nil {
			return f, err
		}
		_ = json.Unmarshal(b, &f) // Data of another type fits nothing.
		if fits(&f) {
			return f, nil
		}
	}
}

// ask sends a command, and returns its answer.
func (p *peer) ask(ctx context.Context, command map[string]any) (frame, error) {
	ref := newID()
	command["ref"] = ref
	b, err := json.Marshal(command)
	if err != nil {
		return frame{}, err
	}
	if err := p.conn.Write(ctx, websocket.MessageText, b); err != nil {
		return frame{}, err
	}
	return p.next(ctx, func(f *frame) bool { return f.Ref == ref })
}

// command is ask, with a refusal as an error.
func (p *peer) command(ctx context.Context, command map[string]any) error {
	f, err := p.ask(ctx, command)
	if err == nil && f.Error.Code != "" {
		err = fmt.Errorf("the server answers %s", f.Error.Code)
	}
	return err
}

// join opens a connection with a token. The handshake says why there is none.
func (x *doctor) join(ctx context.Context) (*peer, *handshake, error) {
	text, err := x.tokens(ctx)
	if err != nil {
		return nil, nil, err
	}
	h := x.shake(ctx, text, "")
	if h.conn == nil {
		return nil, &h, nil
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	p := &peer{conn: h.conn}
	f, err := p.next(ctx, func(*frame) bool { return true })
	if err != nil || f.Event != "hotsock.connected" {
		h.close()
		return nil, &h, fmt.Errorf("the connection is made, and the first frame does not come: %w", cmpError(err))
	}
	p.id, p.secret = f.Data.ConnectionID, f.Data.ConnectionSecret
	return p, &h, nil
}

// joinByURL is join with the token in the URL, which stays so if it helps.
func (x *doctor) joinByURL(ctx context.Context) (*peer, *handshake, error) {
	x.inURL = true
	p, h, err := x.join(ctx)
	x.inURL = p != nil
	return p, h, err
}

func cmpError(err error) error {
	if err == nil {
		return errors.New("another one comes")
	}
	return err
}

// connect: a client gets in, and what it needs works. The checks on the connection
// follow in here.
func (x *doctor) connect(ctx context.Context) bool {
	const name = "connect"
	if x.tokens == nil {
		x.skip(name, "connections need a token or a key: HOTSOCK_TOKEN or HOTSOCK_KEY")
		x.api(ctx)
		return false
	}
	began := time.Now()
	p, h, err := x.join(ctx)
	if err == nil && p == nil && h.code == client.CodeUnauthorized && !x.inURL {
		if p, h, err = x.joinByURL(ctx); p != nil {
			x.warn("token", "The server takes the token in the URL only, where access logs may show it.",
				"If the server is of 0.2, update it, and give clients of 0.3 TokenInURL until then. If it is not, have the proxy\npass on the header Sec-WebSocket-Protocol.")
		}
	}
	switch {
	case err != nil:
		return x.fail(name, fmt.Sprintf("%v.", err), "See the log of the server. A proxy that keeps back what it gets does this, too: turn its buffering off.")
	case p == nil && h.code == client.CodeUnauthorized:
		return x.badToken(ctx)
	case p == nil:
		return x.badUpgrade(h)
	}
	defer p.conn.CloseNow()
	x.ok(name, "a connection in %v", time.Since(began).Round(time.Millisecond))
	x.version(ctx, p)
	x.requests(ctx, p)
	x.messages(ctx, p)
	x.fallback(ctx)
	x.api(ctx)
	return true
}

// badToken says what the server may have against the token.
func (x *doctor) badToken(ctx context.Context) bool {
	const name = "connect"
	text, err := x.tokens(ctx)
	if err != nil {
		return x.fail(name, fmt.Sprintf("The key signs no token: %v.", err), "Give the key that the server verifies tokens with.")
	}
	if x.minted {
		return x.fail(name, "The server refuses a token that was signed with this key just now.",
			"Give the key (and with --kid its id) that Options.Keys has; if the clock above is wrong, set that first.\nThe server may also want an audience or an issuer (Options.Audience, Options.Issuer): then give a token of the app.")
	}
	found, err := look(ctx, text, nil, skewTolerated)
	switch {
	case err != nil:
		return x.fail(name, fmt.Sprintf("The token is none: %v.", err), "Give what the app's endpoint for tokens answers, without quotes.")
	case !found.Accepted:
		return x.fail(name, "The server refuses the token: "+found.Refused+".", "Get a new one. If the app gives such tokens to its clients, set the clock and Expires of the app.")
	}
	return x.fail(name, "The server refuses the token, and what can be seen of it is in order.",
		"See the server's log (\"connect token refused\"): it is signed with another key, used up, revoked, or for another audience or issuer.")
}

// version: a server of 0.2 does not know a command of 0.3.
func (x *doctor) version(ctx context.Context, p *peer) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	f, err := p.ask(ctx, map[string]any{"event": "hotsock.refresh", "data": map[string]string{"token": "none"}})
	switch {
	case err != nil:
		x.fail("version", fmt.Sprintf("A command is not answered: %v.", err), "See the log of the server. A proxy that keeps back what it gets does this, too: turn its buffering off.")
	case f.Error.Code == client.CodeUnknownEvent:
		x.warn("version", "The server is of version 0.2.", "Update it: newer clients catch up less, and what this program says of tokens may not count there.")
	default:
		x.ok("version", "the server is newer than 0.2")
	}
}

// attempts are how many requests are made to meet several nodes.
const attempts = 6

// requests: the client's HTTP API knows the connection, whichever node answers.
func (x *doctor) requests(ctx context.Context, p *peer) {
	const name = "requests"
	transport, ok := x.http.Transport.(*http.Transport)
	if !ok {
		return
	}
	apart := transport.Clone()
	apart.DisableKeepAlives = true // so that a balancer chooses again
	each := &http.Client{Transport: apart, CheckRedirect: x.http.CheckRedirect}
	for i := range attempts {
		code, status, err := x.request(ctx, each, p)
		switch {
		case err != nil:
			x.fail(name, fmt.Sprintf("A request of the client's HTTP API is not answered: %v.", err), "See the logs of the proxy and of the server.")
			return
		case code == client.CodeUnauthorized && i > 0:
			x.fail(name, fmt.Sprintf("Of %d requests for one connection, %d were answered by a node that knows the connection, and one by a node that does not.", i+1, i),
				"The nodes share no store: give all the same Redis and KeyPrefix, and run only one node with the store in memory.")
			return
		case code == client.CodeUnauthorized:
			x.fail(name, "The node that answers does not know the connection, which another one has.",
				"The nodes share no store: give all the same Redis and KeyPrefix, and run only one node with the store in memory.")
			return
		case code == "" && status/100 != 2:
			x.fail(name, fmt.Sprintf("What is below %s does not reach the handler: %d.", shownURL(x.base), status),
				"Mount the handler at both /rt and /rt/, and have the proxy pass on POST requests.")
			return
		}
	}
	x.ok(name, "%d of %d reach a node that knows the connection", attempts, attempts)
}

// request asks for something that needs no permission but to be connected, or is
// refused for want of one.
func (x *doctor) request(ctx context.Context, c *http.Client, p *peer) (code client.Code, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	u := x.base.JoinPath("connection", "getChannelInfo")
	q := u.Query()
	q.Set("connectionId", p.id)
	q.Set("connectionSecret", p.secret)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader([]byte(`{"channel":"`+x.channel+`"}`)))
	if err != nil {
		return "", 0, errors.New("the URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return "", 0, err
	}
	defer res.Body.Close()
	return refusalOf(res.Body), res.StatusCode, nil
}

// messages: what one connection publishes, another one gets, in both directions.
func (x *doctor) messages(ctx context.Context, a *peer) {
	const name = "messages"
	if !x.minted {
		x.skip(name, "sending some takes the key that signs tokens: HOTSOCK_KEY")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	b, _, err := x.join(ctx)
	if err != nil || b == nil {
		x.fail(name, "A second connection is refused.", "See the log of the server.")
		return
	}
	defer b.conn.CloseNow()
	var slowest time.Duration
	for _, p := range []*peer{a, b} {
		if err := p.command(ctx, map[string]any{"event": "hotsock.subscribe", "channel": x.channel}); err != nil {
			x.fail(name, fmt.Sprintf("Subscribing fails: %v.", err), "See the log of the server: its store may be away.")
			return
		}
	}
	for _, way := range [][2]*peer{{a, b}, {b, a}} {
		began, text := time.Now(), newID()
		err := way[0].command(ctx, map[string]any{"event": "check", "channel": x.channel, "data": map[string]string{"check": text}})
		if err == nil {
			_, err = way[1].next(ctx, func(f *frame) bool { return f.Data.Check == text })
		}
		if err != nil {
			x.fail(name, fmt.Sprintf("What one connection publishes does not come on another one: %v.", err),
				"If there are several nodes, they share no store: give all the same Redis and KeyPrefix.")
			return
		}
		slowest = max(slowest, time.Since(began))
	}
	x.ok(name, "from one connection to another in %v", slowest.Round(time.Millisecond/10))
}

// api: the server takes the key of its HTTP API, if there is one.
func (x *doctor) api(ctx context.Context) {
	const name = "api key"
	key, err := x.apiKey.read(x.s)
	if err != nil || key == "" {
		x.skip(name, "there is none to check: HOTSOCK_API_KEY")
		return
	}
	a := &api{base: x.base, key: key, timeout: x.timeout, http: x.http}
	var page struct{}
	err = a.do(ctx, http.MethodGet, []string{"channels", x.channel}, nil, nil, &page)
	refusal, refused := errors.AsType[*client.Error](err)
	switch {
	case err == nil:
		x.ok(name, "the server takes it")
	case refused && refusal.Code == client.CodeUnauthorized:
		x.fail(name, "The server does not take the API key.", "Give one of Options.APIKeys, or one that Options.CheckAPIKey accepts.")
	case refused && refusal.Code == client.CodeNotFound:
		x.fail(name, "The server's HTTP API is off.", "Set Options.APIKeys, or do without HOTSOCK_API_KEY.")
	default:
		x.fail(name, fmt.Sprintf("The server's HTTP API does not answer as it should: %v.", err), "Have the proxy pass on all that is below "+shownURL(x.base)+", with the header Authorization.")
	}
}

// silent: nobody ends a connection on which nothing is said. The client answers
// pings, as browsers do.
func (x *doctor) silent(ctx context.Context) bool {
	const name = "silence"
	if x.silence <= 0 {
		return x.skip(name, "not with --silence 0")
	}
	p, _, err := x.join(ctx)
	if err != nil || p == nil {
		return x.fail(name, "Another connection is refused.", "See the log of the server.")
	}
	defer p.conn.CloseNow()
	x.s.notef("Waiting for %v on a silent connection (--silence 0 does without) …", x.silence)
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, x.silence)
	defer cancel()
	_, err = p.next(limited, func(*frame) bool { return false })
	lived := time.Since(began).Round(time.Second / 10)
	if limited.Err() != nil {
		return x.ok(name, "a connection lives for %v without a word", x.silence)
	}
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return x.fail(name, fmt.Sprintf("The server closed a silent connection after %v: %d %q.", lived, closed.Code, closed.Reason),
			"See docs/protocol.md#close-codes, and the server's log at level debug.")
	}
	return x.fail(name, fmt.Sprintf("A silent connection was cut after %v, without a word: a proxy or a firewall ends what is silent.", lived),
		fmt.Sprintf("Have it wait for longer (proxy_read_timeout 11m; in nginx, timeout tunnel 11m in HAProxy), or set Options.PingInterval\nto less than %v.", lived))
}
