package hotsock

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/store"
)

// Nodes ask each other about connections, which only the node that holds the
// socket knows. Every request can be repeated without harm. What changes the
// store on a client's behalf is done by the node that serves the client's
// request, once it knows what the client may do.

// A peerRequest asks a node to do something with connections that it holds.
type peerRequest struct {
	Op string `json:"op"`
	// Connection and the hash of its secret, for a client's request.
	Connection string `json:"connection,omitempty"`
	Secret     []byte `json:"secret,omitempty"`
	// Channel as the client names it; for peerUnsubscribe the real name.
	Channel string `json:"channel,omitempty"`
	UID     string `json:"uid,omitempty"`
	Token   string `json:"token,omitempty"`
}

// Operations of a peerRequest.
const (
	peerLookup      = "lookup"      // who a connection is and may do on a channel
	peerUMD         = "umd"         // change its user metadata by a token
	peerDisconnect  = "disconnect"  // one by its id, or those of a user
	peerUnsubscribe = "unsubscribe" // those of a user from a channel
)

// A peerAnswer answers it.
type peerAnswer struct {
	Error   Code          `json:"error,omitempty"`
	Message string        `json:"message,omitempty"`
	Retry   time.Duration `json:"retry,omitempty"` // of the error
	// Count of connections that a request was carried out on.
	Count int `json:"count,omitempty"`

	// For peerLookup: the claims of the tokens, what the connection is, and
	// its subscription to the channel.
	Connect    json.RawMessage `json:"connect,omitempty"`
	Subscribe  json.RawMessage `json:"subscribe,omitempty"`
	UID        string          `json:"uid,omitempty"`
	UMD        json.RawMessage `json:"umd,omitempty"`
	Channel    string          `json:"channel,omitempty"`
	Subscribed bool            `json:"subscribed,omitempty"`
	From       ulid.ULID       `json:"from"`
	SubUID     string          `json:"subUid,omitempty"`
	SubUMD     json.RawMessage `json:"subUmd,omitempty"`
}

// askPeer sends a request to a node and returns its answer. What this node can do
// itself takes no store.
func (h *Handler) askPeer(ctx context.Context, node string, q *peerRequest) (*peerAnswer, error) {
	if node == h.node.ID() {
		return h.doForPeer(q)
	}
	b, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := h.storeContext(ctx)
	defer cancel()
	b, err = h.node.Call(ctx, node, b)
	if errors.Is(err, store.ErrUnavailable) && q.Op != peerLookup {
		return nil, &Error{Code: CodeUnavailable, Message: unanswered, cause: err}
	}
	if err != nil {
		return nil, err
	}
	var a peerAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("hotsock: answer of node %s: %w", node, err)
	}
	if a.Error != "" {
		return nil, &Error{Code: a.Error, Message: a.Message, retry: a.Retry}
	}
	return &a, nil
}

// unanswered is what is told if a node was asked to do something and did not
// answer: it may have done it, or do it when its store is back.
const unanswered = "a server did not answer, and may carry it out nevertheless: try again"

// askAll sends a request to every node, and returns on how many connections it
// was carried out. This node comes first, and the others are asked side by side,
// so that none waits for one that is gone.
func (h *Handler) askAll(ctx context.Context, q *peerRequest) (int, error) {
	own, err := h.doForPeer(q)
	if err != nil {
		return 0, err
	}
	listCtx, cancel := h.storeContext(ctx)
	defer cancel()
	nodes, err := h.node.Peers(listCtx)
	if err != nil {
		return own.Count, &Error{Code: asError(err).Code, cause: err, Message: "the other servers could not be asked: try again"}
	}
	var mu sync.Mutex
	count, asked := own.Count, 0
	var errs []error
	var g errgroup.Group
	g.SetLimit(maxAsked)
	for _, node := range nodes {
		if node == h.node.ID() {
			continue
		}
		asked++
		g.Go(func() error {
			a, err := h.askPeer(ctx, node, q)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, store.ErrNoPeer): // and so its connections are gone
			case err != nil:
				errs = append(errs, err)
			default:
				count += a.Count
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	if len(errs) == 0 {
		return count, nil
	}
	err = errors.Join(errs...)
	return count, &Error{
		Code: asError(err).Code, cause: err,
		Message: fmt.Sprintf("%d of %d other servers did not answer, and may carry it out nevertheless: try again", len(errs), asked),
	}
}

// answerPeer carries out another node's request.
func (h *Handler) answerPeer(request []byte) ([]byte, error) {
	var q peerRequest
	if err := json.Unmarshal(request, &q); err != nil {
		return nil, fmt.Errorf("hotsock: request of a node: %w", err)
	}
	a, err := h.doForPeer(&q)
	if err != nil {
		e := h.reported(err, "op", q.Op, "connection", q.Connection)
		a = &peerAnswer{Error: e.Code, Message: e.Message, Retry: e.retry}
	}
	return json.Marshal(a)
}

func (h *Handler) doForPeer(q *peerRequest) (*peerAnswer, error) {
	switch q.Op {
	case peerLookup:
		c, err := h.calling(q.Connection, q.Secret)
		if err != nil {
			return nil, err
		}
		return c.describe(q.Channel)
	case peerUMD:
		c, err := h.held(q.Connection, q.Secret)
		if err != nil {
			return nil, err
		}
		c.ops.Lock()
		defer c.ops.Unlock()
		if c.hasEnded() {
			return nil, refuse(CodeUnauthorized)
		}
		return &peerAnswer{Count: 1}, c.updateUMD(q.Channel, q.Token)
	case peerDisconnect:
		conns := h.meant(q)
		for _, c := range conns {
			c.close(endHost)
		}
		return &peerAnswer{Count: len(conns)}, nil
	case peerUnsubscribe:
		var count atomic.Int64
		forConnections(append(h.meant(q), h.hub.known(q.Channel, q.UID)...), func(c *connection) {
			if c.dismiss(q.Channel) {
				count.Add(1)
			}
		})
		return &peerAnswer{Count: int(count.Load())}, nil
	}
	return nil, fmt.Errorf("hotsock: unknown request of a node: %q", q.Op)
}

// held returns a connection of this node if the secret is its own.
func (h *Handler) held(id string, secret []byte) (*connection, error) {
	c := h.conns.get(id)
	if c == nil || subtle.ConstantTimeCompare(c.secret[:], secret) != 1 {
		return nil, refuse(CodeUnauthorized)
	}
	return c, nil
}

// calling returns a connection of this node on whose behalf the client's HTTP
// API is called. That counts against its rate limit.
func (h *Handler) calling(id string, secret []byte) (*connection, error) {
	c, err := h.held(id, secret)
	if err != nil {
		return nil, err
	}
	if !c.limit.tolerates() {
		c.flooded()
		return nil, refuse(CodeRateLimited)
	}
	return c, c.limit.take()
}

// meant returns the connections that a host's request names.
func (h *Handler) meant(q *peerRequest) []*connection {
	if q.UID != "" {
		return h.conns.of(q.UID)
	}
	if c := h.conns.get(q.Connection); c != nil {
		return []*connection{c}
	}
	return nil
}

// describe tells another node all that it needs to serve the connection's HTTP
// request on a channel.
func (c *connection) describe(name string) (*peerAnswer, error) {
	m := c.meta()
	a := &peerAnswer{Connect: c.claims, UID: m.UID, UMD: m.UMD}
	if name == "" {
		return a, nil
	}
	sc, err := c.scope(name)
	if err != nil {
		return nil, err
	}
	a.Channel, a.Subscribed, a.From = sc.channel, sc.subscribed, sc.from
	a.SubUID, a.SubUMD = sc.meta.UID, sc.meta.UMD
	if s := c.subscription(sc.channel); s != nil {
		a.Subscribe = s.claims
	}
	return a, nil
}

// dismiss ends the subscription to a channel on the host's behalf, and tells
// the client.
func (c *connection) dismiss(channel string) bool {
	c.ops.Lock()
	defer c.ops.Unlock()
	c.mu.Lock()
	_, waiting := c.waiting[channel]
	delete(c.waiting, channel)
	s := c.subs.Value(channel)
	c.mu.Unlock()
	if s == nil {
		if waiting { // and so does the client
			c.sock.Send(unsubscribedFrame(channel, c.perms.Channel(channel).Alias, c.meta(), ""))
		}
		return false
	}
	c.leave(s)
	c.sock.Send(unsubscribedFrame(s.channel, s.grant.Alias, s.meta(), ""))
	return true
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

// grantOf compiles claims that another node has verified.
func (h *Handler) grantOf(claims []byte) (*permission.Grant, error) {
	if claims == nil {
		return nil, nil
	}
	var c Claims
	if err := json.Unmarshal(claims, &c); err != nil {
		return nil, fmt.Errorf("hotsock: claims from a node: %w", err)
	}
	return h.verifier.Compile(&c)
}
