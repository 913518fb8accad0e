package hotsock

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/token"
)

// An upgrader makes connections of upgrade requests, and of requests for feeds.
type upgrader struct {
	*responder
	h       *Handler
	servers sync.Map // of *http.Server: those that say when they are shut down
}

// serve turns an upgrade request into a connection. Whatever can be
// refused is refused before the upgrade: clients reconnect at once after it.
func (u *upgrader) serve(w http.ResponseWriter, r *http.Request) {
	c, secret, err := u.prepare(r, func() error {
		if err := socket.CheckRequest(r); err != nil {
			return err
		}
		return socket.CheckWriter(w)
	})
	if err != nil {
		u.fail(w, r, err)
		return
	}
	agreeOnProtocol(w, r)
	c.sock, err = socket.Accept(w, r, u.socketOptions(c))
	if err != nil {
		u.forget(c)
		u.fail(w, r, err)
		return
	}
	if !u.start(c) {
		c.sock.Close(u.h.ctx, reasonShutdown.code(), reasonShutdown.text())
		u.forget(c)
		return
	}
	// On another goroutine, so that the request and its buffers can be freed.
	u.h.workers.run(c, func(c *connection) { c.run(secret) })
}

func (u *upgrader) socketOptions(c *connection) socket.Options {
	return socket.Options{
		ReadLimit:    u.h.opts.MaxFrameSize,
		QueueLimit:   u.h.opts.MaxQueueSize,
		Budget:       u.h.queued,
		WriteTimeout: u.h.opts.WriteTimeout,
		PingInterval: u.h.opts.PingInterval,
		PongTimeout:  u.h.opts.PongTimeout,
		Compress:     u.h.opts.Compress,
		Flusher:      &u.h.flusher,
		TooSlow:      c.tooSlow,
		Answered:     c.putOff,
		Tolerate:     func() bool { return c.limiter.tolerates() },
	}
}

// prepare does all that comes before the connection is taken over. What cannot be
// taken back comes last: a single-use token is spent. check says whether the request can
// lead to a connection.
func (u *upgrader) prepare(r *http.Request, check func() error) (*connection, string, error) {
	t := turn{turns: u.h.starting}
	if err := t.take(r.Context()); err != nil {
		return nil, "", err
	}
	defer t.give()
	revocations := u.h.revoker.known.added.Load()
	g, claims, err := u.admit(r, &t)
	if err != nil {
		return nil, "", err
	}
	if err := check(); err != nil {
		return nil, "", err
	}
	secret := newSecret()
	c := &connection{
		h:         u.h,
		id:        newConnectionID(u.h.node.ID()),
		secret:    sha256.Sum256([]byte(secret)),
		perms:     permission.NewConnection(g),
		umd:       g.UMD,
		connected: time.Now(),

		revocations: revocations,
	}
	ip, agent := u.h.opts.sender(r)
	c.connect.Store(&connectToken{g, claims})
	c.sourceIP, c.userAgent = strings.Clone(ip), agent // which may be a part of the headers, too
	if u.h.opts.Hooks.BeforeConnect != nil {
		if err := t.lend(r.Context(), func() error { return c.askConnect(r.Context()) }); err != nil {
			return nil, "", err
		}
	}
	if err := r.Context().Err(); err != nil { // Nobody waits for the answer any more.
		return nil, "", unavailable(err)
	}
	if err := c.storeConnection(); err != nil {
		return nil, "", err
	}
	if g.SingleUse != nil {
		spend := newLazyTimeout(r.Context(), u.h.opts.StoreTimeout) // a hook may have taken long
		defer spend.end()
		if err := c.useToken(spend, g, CodeUnauthorized); err != nil {
			u.forget(c)
			return nil, "", err
		}
	}
	t.succeeded()
	return c, secret, nil
}

// forget takes out of the store what prepare has added of a connection that came
// to nothing.
func (u *upgrader) forget(c *connection) {
	if !u.h.events.on() {
		return
	}
	ctx := newLazyTimeout(context.WithoutCancel(u.h.ctx), u.h.opts.StoreTimeout)
	defer ctx.end()
	_ = u.h.node.RemoveConnection(ctx, c.id) // else it ends with the node
}

// fail answers a request that led to no connection.
func (u *upgrader) fail(w http.ResponseWriter, r *http.Request, err error) {
	if handshake, ok := errors.AsType[*socket.HandshakeError](err); ok {
		u.logger.Info("hotsock: handshake failed", "path", r.URL.Path, "err", handshake.Reason)
		maps.Copy(w.Header(), handshake.Header)
		e := refuseBecause(CodeInvalidRequest, handshake.Reason)
		u.h.counts.failed(e.Code)
		writeJSON(w, handshake.Status, wire.AppendHTTPError(nil, e.failure()))
		return
	}
	if errors.Is(err, socket.ErrNotHijackable) || errors.Is(err, socket.ErrNotFlushable) {
		err = fmt.Errorf("cannot upgrade: %w", err)
	}
	u.writeError(w, r, err)
}

// start makes the connection one of this node's. It returns false if the handler stops.
func (u *upgrader) start(c *connection) bool {
	c.limiter = u.h.limiters.open(c.uid())
	if !u.h.conns.add(c) {
		u.h.limiters.close(c.uid())
		return false
	}
	return true
}

// admit decides who may connect, and returns what they may do, compiled and as
// JSON.
func (u *upgrader) admit(r *http.Request, t *turn) (*permission.Grant, []byte, error) {
	if !u.h.origins.allowSocket(r) {
		return nil, nil, u.refuseOrigin(r)
	}
	if u.h.stopping.Load() {
		return nil, nil, refuse(CodeUnavailable)
	}
	if err := u.h.ready.check(r.Context()); err != nil {
		return nil, nil, unavailable(err)
	}
	return u.authenticate(r, t)
}

// authenticate asks the host, or else the token of the request.
func (u *upgrader) authenticate(r *http.Request, t *turn) (*permission.Grant, []byte, error) {
	if u.h.opts.Authenticate != nil {
		return u.authenticateByHost(r, t)
	}
	text, err := RequestToken(r)
	if err != nil {
		return nil, nil, err
	}
	var g *permission.Grant
	verify := func() (err error) {
		ctx := newLazyTimeout(r.Context(), u.h.opts.StoreTimeout)
		defer ctx.end()
		g, err = u.h.verifier.VerifyConnect(ctx, text)
		return err
	}
	if u.h.opts.KeyLookup == nil {
		err = verify()
	} else {
		err = t.lend(r.Context(), verify)
	}
	if errors.Is(err, token.ErrKeyLookup) {
		return nil, nil, unavailable(err)
	}
	if errors.Is(err, errBusy) {
		return nil, nil, err
	}
	if err != nil {
		u.logger.Info("hotsock: connect token refused", "err", err)
		refused := refuse(CodeUnauthorized)
		if errors.Is(err, token.ErrNotYetValid) {
			refused.retry = leastRetry * time.Second
		}
		return nil, nil, refused
	}
	return g, tokenClaims(text), nil
}

func (u *upgrader) authenticateByHost(r *http.Request, t *turn) (*permission.Grant, []byte, error) {
	var c *Claims
	err := t.lend(r.Context(), func() (err error) {
		c, err = u.h.opts.Authenticate(r)
		return err
	})
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, nil, e
		}
		u.logger.Info("hotsock: Authenticate refused a connection", "err", err)
		return nil, nil, refuse(CodeUnauthorized)
	}
	if c == nil {
		return nil, nil, refuse(CodeUnauthorized)
	}
	g, err := u.h.verifier.Compile(c)
	if err != nil {
		return nil, nil, fmt.Errorf("Options.Authenticate returned invalid claims: %w", err)
	}
	if !u.h.revoker.admits(c) {
		u.logger.Info("hotsock: Authenticate let in whom a revocation keeps out")
		return nil, nil, refuse(CodeUnauthorized)
	}
	claims, err := json.Marshal(c)
	return g, claims, err
}

// newSecret makes a connection secret: 20 alphanumerics, 119 bits.
func newSecret() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	secret := make([]byte, 0, 20)
	for len(secret) < cap(secret) {
		var b [32]byte
		_, _ = rand.Read(b[:]) // never fails
		for _, x := range b {
			// Others would favour the alphabet's beginning.
			if int(x) < 256/len(alphabet)*len(alphabet) && len(secret) < cap(secret) {
				secret = append(secret, alphabet[int(x)%len(alphabet)])
			}
		}
	}
	return string(secret)
}

// tokenClaims returns the claims of a verified token, nil of "".
func tokenClaims(token string) []byte {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	return claims
}
