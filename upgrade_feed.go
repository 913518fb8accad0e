package hotsock

import (
	"net/http"

	"github.com/hotsock-go/hotsock/internal/socket"
)

// feedState is what a connection has in addition if it is a feed.
type feedState struct {
	// server holds the request that the connection lasts as long as, nil if the network
	// connection was taken over, or the server is not known.
	server *http.Server
	// progress is nil if the token subscribes no channel.
	progress *feedProgress
}

// serveFeed makes a connection of a request for a feed
// (docs/protocol.md#21-without-a-websocket).
func (u *upgrader) serveFeed(w http.ResponseWriter, r *http.Request) {
	if !u.admitPage(w, r) {
		u.writeError(w, r, u.refuseOrigin(r))
		return
	}
	switch r.Method {
	case http.MethodGet:
	case http.MethodOptions:
		u.h.opts.preflight(w, r, http.MethodGet, "Authorization", "Last-Event-ID")
		return
	default:
		u.refuseMethod(w, r, http.MethodGet+", "+http.MethodOptions)
		return
	}
	c, secret, err := u.prepare(r, func() error {
		if r.ContentLength != 0 {
			return refuseBecause(CodeInvalidRequest, "the request has a body")
		}
		return socket.CheckFeed(w, r)
	})
	if err != nil {
		u.fail(w, r, err)
		return
	}
	c.feed = &feedState{progress: newFeedProgress(c.grant().AutoSubscribe, r.Header.Get("Last-Event-ID"))}
	c.sock, err = socket.AcceptFeed(w, r, u.socketOptions(c), r.URL.Query().Get("pong") == "true")
	if err != nil {
		u.forget(c)
		u.fail(w, r, err)
		return
	}
	if c.sock.Held() {
		c.feed.server = u.serverOf(r)
	}
	if !u.start(c) {
		c.sock.Close(u.h.ctx, reasonShutdown.code(), reasonShutdown.text())
		u.forget(c)
		return
	}
	if c.sock.Held() {
		c.runHeld(secret)
	} else {
		u.h.workers.run(c, func(c *connection) { c.run(secret) })
	}
}

// admitPage reports whether the page that sends a request for a feed may connect, as with
// a WebSocket, and lets it read the answer. A page of another origin can have a GET sent
// without an Origin, with cookies, as for an image; then browsers say where it is from.
func (u *upgrader) admitPage(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		switch r.Header.Get("Sec-Fetch-Site") {
		case "", "same-origin", "none":
			return true
		}
		return false
	}
	w.Header().Add("Vary", "Origin")
	if !u.h.origins.allowSocket(r) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	return true
}

// runHeld is run, wait and work of a connection that lasts as long as its request.
func (c *connection) runHeld(secret string) {
	c.begin(secret)
	for {
		if err := c.sock.Wait(); err != nil {
			c.finish(err)
			return
		}
		if !c.work() {
			return
		}
	}
}

// serverOf returns the server of a request, nil if it is not known, and has the feeds
// that it holds closed when it is shut down: it waits for them.
func (u *upgrader) serverOf(r *http.Request) *http.Server {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	if _, known := u.servers.LoadOrStore(server, true); !known {
		server.RegisterOnShutdown(func() { u.h.conns.closeHeldBy(u.h.ctx, server) })
	}
	return server
}
