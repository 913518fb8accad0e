package hotsock

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// serveSocket turns an upgrade request into a connection. Whatever can be
// refused is refused before the upgrade: clients reconnect at once after it.
func (h *Handler) serveSocket(w http.ResponseWriter, r *http.Request) {
	c, secret, err := h.prepareSocket(w, r)
	if err != nil {
		h.refuseSocket(w, r, err)
		return
	}
	c.sock, err = socket.Accept(w, r, socket.Options{
		ReadLimit:    h.opts.MaxFrameSize,
		QueueLimit:   h.opts.MaxQueueSize,
		WriteTimeout: h.opts.WriteTimeout,
		Compress:     h.opts.Compress,
		Flusher:      &h.flusher,
		TooSlow:      c.tooSlow,
		Tolerate:     func() bool { return c.limit.tolerates() },
	})
	if err != nil {
		h.forget(c)
		h.refuseSocket(w, r, err)
		return
	}
	if !h.start(c, secret) {
		c.sock.Close(h.ctx, endShutdown.code(), endShutdown.text())
		h.forget(c)
	}
}

// prepareSocket does all that comes before the connection is taken over. What cannot be
// taken back comes last: a single-use token is spent.
func (h *Handler) prepareSocket(w http.ResponseWriter, r *http.Request) (*connection, string, error) {
	ctx, cancel := h.storeContext(r.Context())
	defer cancel()
	g, claims, err := h.admit(ctx, r)
	if err != nil {
		return nil, "", err
	}
	if err := socket.CheckRequest(r); err != nil {
		return nil, "", err
	}
	if err := socket.CheckWriter(w); err != nil {
		return nil, "", err
	}
	secret := newSecret()
	c := &connection{
		h:         h,
		id:        newConnectionID(h.node.ID()),
		secret:    sha256.Sum256([]byte(secret)),
		claims:    claims,
		grant:     g,
		perms:     permission.NewConnection(g),
		umd:       g.UMD,
		connected: time.Now(),
	}
	c.sourceIP, c.userAgent = h.opts.sender(r)
	if err := c.record(); err != nil {
		return nil, "", err
	}
	if err := h.useToken(ctx, g, CodeUnauthorized); err != nil {
		h.forget(c)
		return nil, "", err
	}
	return c, secret, nil
}

// forget takes back what prepareSocket has recorded of a connection that came to
// nothing.
func (h *Handler) forget(c *connection) {
	if !h.events.on() {
		return
	}
	ctx, cancel := h.storeContext(context.WithoutCancel(h.ctx))
	defer cancel()
	_ = h.node.RemoveConnection(ctx, c.id) // else it ends with the node
}

// refuseSocket answers a request that led to no connection.
func (h *Handler) refuseSocket(w http.ResponseWriter, r *http.Request, err error) {
	if handshake, ok := errors.AsType[*socket.HandshakeError](err); ok {
		h.logger.Info("hotsock: handshake failed", "path", r.URL.Path, "err", handshake.Reason)
		maps.Copy(w.Header(), handshake.Header)
		e := refuseBecause(CodeInvalidRequest, handshake.Reason)
		h.counts.failed(e.Code)
		writeJSON(w, handshake.Status, wire.AppendHTTPError(nil, string(e.Code), e.Message))
		return
	}
	if errors.Is(err, socket.ErrNotHijackable) {
		err = fmt.Errorf("cannot upgrade: %w", err)
	}
	h.responder.writeError(w, r, err)
}

// start lets the connection live, on a goroutine of its own so that the
// request and its buffers can be freed.
func (h *Handler) start(c *connection, secret string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping {
		return false
	}
	h.conns.running.Add(1)
	c.limit = h.limits.open(c.uid())
	h.conns.add(c)
	go c.run(secret)
	return true
}

// admit decides who may connect, and returns what they may do, compiled and as
// JSON.
func (h *Handler) admit(ctx context.Context, r *http.Request) (*permission.Grant, []byte, error) {
	if !h.origins.allowSocket(r) {
		return nil, nil, h.responder.refuseOrigin(r)
	}
	if h.isStopping() {
		return nil, nil, refuse(CodeUnavailable)
	}
	if err := h.storeReady(ctx); err != nil {
		return nil, nil, unavailable(err)
	}
	return h.authenticate(ctx, r)
}

// readyFor is how long it is believed that the store can be used, if nothing
// says otherwise. When many clients connect at once, not each has to ask it.
const readyFor = 100 * time.Millisecond

// storeReady returns nil if the store can be used.
func (h *Handler) storeReady(ctx context.Context) error {
	if at := h.readyAt.Load(); at != nil && time.Since(*at) < readyFor {
		return nil
	}
	now := time.Now()
	if err := h.node.Ready(ctx); err != nil {
		return err
	}
	h.readyAt.Store(&now)
	return nil
}

// authenticate asks the host, or else the token in the query.
func (h *Handler) authenticate(ctx context.Context, r *http.Request) (*permission.Grant, []byte, error) {
	if h.opts.Authenticate != nil {
		return h.authenticateByHost(r)
	}
	text := r.URL.Query().Get("token")
	g, err := h.verifier.VerifyConnect(ctx, text)
	if errors.Is(err, token.ErrKeyLookup) {
		return nil, nil, unavailable(err)
	}
	if err != nil {
		h.logger.Info("hotsock: connect token refused", "err", err)
		return nil, nil, refuse(CodeUnauthorized)
	}
	return g, tokenClaims(text), nil
}

func (h *Handler) authenticateByHost(r *http.Request) (*permission.Grant, []byte, error) {
	c, err := h.opts.Authenticate(r)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, nil, e
		}
		h.logger.Info("hotsock: Authenticate refused a connection", "err", err)
		return nil, nil, refuse(CodeUnauthorized)
	}
	if c == nil {
		return nil, nil, refuse(CodeUnauthorized)
	}
	g, err := h.verifier.Compile(c)
	if err != nil {
		return nil, nil, fmt.Errorf("Options.Authenticate returned invalid claims: %w", err)
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

var _ store.Receiver = (*receiver)(nil)
