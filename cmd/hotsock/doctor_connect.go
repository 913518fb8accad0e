package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/client"
)

// A handshake is what became of an attempt to open a WebSocket.
type handshake struct {
	status   int // 0 if there was no answer
	err      error
	code     client.Code // "" if the handler has not answered
	message  string
	location *url.URL
	skew     time.Duration // of the server's clock, which it tells by seconds
	hasClock bool
	conn     *websocket.Conn // nil unless status is 101
}

// shake tries to open a WebSocket. The caller closes the connection.
func (x *doctor) shake(ctx context.Context, token, origin string) (h handshake) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	u := *x.base
	var protocols []string
	switch {
	case token == "":
	case x.inURL:
		q := u.Query()
		q.Set("token", token)
		u.RawQuery = q.Encode()
	default:
		protocols = []string{"hotsock", "hotsock.token." + token}
	}
	header := make(http.Header)
	if origin != "" {
		header.Set("Origin", origin)
	}
	began := time.Now()
	conn, res, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{HTTPClient: x.http, HTTPHeader: header, Subprotocols: protocols}) //nolint:bodyclose // Dial has closed it.
	took := time.Since(began)
	h = handshake{conn: conn, err: err}
	if e, ok := errors.AsType[*url.Error](err); ok {
		h.err = e.Err
	}
	if res == nil {
		return h
	}
	h.status = res.StatusCode
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		// A time of whole seconds was half of one later, on average.
		h.skew, h.hasClock = date.Add(time.Second/2).Sub(began.Add(took/2)), true
	}
	if conn != nil {
		conn.SetReadLimit(1 << 20)
		return h
	}
	if res.StatusCode/100 == 3 {
		h.location, _ = res.Location()
	}
	var refusal struct {
		Error struct {
			Code    client.Code `json:"code"`
			Message string      `json:"message"`
		} `json:"error"`
	}
	if body, err := io.ReadAll(res.Body); err == nil && json.Unmarshal(body, &refusal) == nil {
		h.code, h.message = refusal.Error.Code, refusal.Error.Message
	}
	return h
}

const passUpgrade = `Have the proxy pass on the upgrade. In nginx, for this location:
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection "upgrade";
docs/mounting.md has this for other proxies.`

// upgrade: the request for a WebSocket reaches the handler. It needs no token: the
// handler says that there is none.
func (x *doctor) upgrade(ctx context.Context) bool {
	h := x.shake(ctx, "", "")
	defer h.close()
	switch {
	case h.conn != nil:
		x.ok("upgrade", "the server lets in who has no token")
	case h.code == client.CodeUnauthorized:
		x.ok("upgrade", "the handler gets it, and wants a token")
	default:
		return x.badUpgrade(&h)
	}
	x.clock(&h)
	return true
}

// badUpgrade says why there is no connection, for reasons that are not the token's.
func (x *doctor) badUpgrade(h *handshake) bool {
	const name = "upgrade"
	switch {
	case h.status == 0:
		return x.fail(name, fmt.Sprintf("The request for a WebSocket is not answered: %v.", h.err), "See the logs of the proxy and of the server.")
	case h.location != nil && strings.TrimSuffix(h.location.Path, "/") == strings.TrimSuffix(x.base.Path, "/"):
		return x.fail(name, fmt.Sprintf("The server redirects from %s to %s, and WebSocket clients do not follow.", x.base.Path, h.location.Path),
			"Mount the handler at both "+strings.TrimSuffix(x.base.Path, "/")+" and "+strings.TrimSuffix(x.base.Path, "/")+"/.")
	case h.location != nil:
		return x.fail(name, fmt.Sprintf("The server redirects to %s, and WebSocket clients do not follow.", shownURL(h.location)),
			"Take redirects away from this path, and logins: the handler authenticates by itself.")
	case h.code == client.CodeNotFound:
		return x.fail(name, "The handler gets a request without an upgrade: something in between drops the header Upgrade.", passUpgrade)
	case h.code == client.CodeInvalidRequest:
		return x.fail(name, fmt.Sprintf("The handler gets a request that is no handshake: %s (%d).", h.message, h.status), passUpgrade)
	case h.code == client.CodeInternal:
		return x.fail(name, "The handler cannot take the connection over (500 INTERNAL).",
			"Take middleware away that hides http.Hijacker, such as http.TimeoutHandler: the server's log says \"cannot upgrade\".")
	case h.code == client.CodeUnavailable:
		return x.fail(name, "The server is not ready: it is stopping, or cannot reach its store (503 UNAVAILABLE).",
			"See its log; if its store is Redis, check that with HOTSOCK_REDIS.")
	case h.code != "":
		return x.fail(name, fmt.Sprintf("The handler refuses: %s: %s.", h.code, h.message), "docs/protocol.md has the codes.")
	}
	return x.fail(name, fmt.Sprintf("Something other than the handler answers the request for a WebSocket, with %d.", h.status), passUpgrade)
}

// Clocks that differ by more than a server tolerates by default are wrong, and by
// a part of that worth a word.
const (
	skewTolerated = 5 * time.Second
	skewOdd       = 2 * time.Second
)

// clock compares the server's clock with this one.
func (x *doctor) clock(h *handshake) {
	const name = "clock"
	way := "ahead of"
	if h.skew < 0 {
		way = "behind"
	}
	seen := fmt.Sprintf("The server's clock, or its proxy's, is %v %s this machine's.", h.skew.Abs().Round(time.Second/10), way)
	switch {
	case !h.hasClock:
		x.skip(name, "the server does not tell the time")
	case h.skew.Abs() > skewTolerated:
		x.fail(name, seen, "Synchronise both clocks (chrony, systemd-timesyncd): tokens that are signed on one machine\nare refused as expired or not valid yet on the other.")
	case h.skew.Abs() > skewOdd:
		x.warn(name, seen, "Synchronise both clocks: servers tolerate 5 s by default.")
	default:
		x.ok(name, "the server's differs by less than %v", skewOdd)
	}
}

// foreign is an origin that no app has.
const foreign = "https://hotsock-doctor.invalid"

// origins: pages may connect, and those of others not. The handler looks at the
// origin before it looks at the token.
func (x *doctor) origins(ctx context.Context) bool {
	const name = "origin"
	own := x.base.Scheme + "://" + x.base.Host
	wanted := x.origin
	if wanted == "" {
		wanted = own
	}
	h := x.shake(ctx, "", wanted)
	h.close()
	switch {
	case h.code == client.CodeOriginDenied && wanted == own:
		x.fail(name, "Pages of "+wanted+" are refused, although that is the server's own origin: the handler gets another Host.",
			"Have the proxy pass on Host with its port, in nginx: proxy_set_header Host $http_host;")
		return true
	case h.code == client.CodeOriginDenied:
		x.fail(name, "Pages of "+wanted+" are refused.", "Add it to Options.AllowedOrigins.")
		return true
	case h.code != client.CodeUnauthorized && h.conn == nil:
		return x.badUpgrade(&h)
	}
	other := x.shake(ctx, "", foreign)
	if other.close(); other.code != client.CodeOriginDenied {
		return x.warn(name, "Pages of any site may connect, since Options.AllowedOrigins allows all.",
			"List your origins, unless anybody's pages are meant to connect with a token. With Options.Authenticate\nand cookies, any site can act for the users who visit it.")
	}
	return x.ok(name, "pages of %s may connect, and those of others not", wanted)
}

func (h *handshake) close() {
	if h.conn != nil {
		_ = h.conn.CloseNow()
	}
}
