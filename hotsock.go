// Package hotsock adds realtime to a Go web app: channels, presence, history,
// shared storage, reactions and reminders over WebSockets, as one
// [http.Handler] that speaks the Hotsock protocol.
//
//	rt, err := hotsock.New(hotsock.Options{
//		Keys: []hotsock.Key{key.Key()},
//	})
//	…
//	mux.Handle("/rt", rt)
//	mux.Handle("/rt/", rt)
//
// Browsers connect with hotsock-js or any WebSocket client. The token that the
// app gives a client says what it may do ([Claims], [SignToken]), or the app's
// own sessions do ([Options.Authenticate]). The app itself publishes with
// [Handler.Publish] and similar methods.
//
// State is in a [store.Store]: by default in this process, or in Redis (package
// storeredis), where any number of nodes share it.
package hotsock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// Forever keeps a message or a storage entry for ever.
const Forever = store.Forever

// Never keeps nothing: it is [token.Never].
const Never = token.Never

// A Handler serves the protocol. All its methods may be called concurrently.
// Stop it with [Handler.Shutdown] or [Handler.Close]: http.Server.Shutdown does
// not know about WebSockets.
type Handler struct {
	opts     Options
	logger   *slog.Logger
	verifier *permission.Verifier
	origins  origins
	events   *emitter
	observer *safeObserver
	hub      *hub
	catchUps *catchUpReader
	conns    connectionSet
	limiters *rateLimiters
	node     store.Node
	peers    *peers
	reads    *storeReader
	resyncs  *resyncer

	responder *responder
	upgrader  *upgrader
	clientAPI *clientAPI
	serverAPI *serverAPI

	flusher socket.Flusher
	counts  counts
	// readyAt is when the store was found ready, nil if it failed since.
	readyAt atomic.Pointer[time.Time]
	// keysAway bounds what the log says of key lookups that fail.
	keysAway rate.Sometimes

	// ctx ends when everything must stop at once.
	ctx           context.Context
	cancel        context.CancelFunc
	stopScheduler func()

	mu       sync.Mutex
	stopping bool // no new connections and requests

	stopCalled atomic.Bool
	stopped    chan struct{}
	stopErr    error
}

// joinTimeout bounds the first contact with the store.
const joinTimeout = 10 * time.Second

// New makes a handler and joins its store. The error lists everything that is
// wrong with the options, or says why the store cannot be used.
func New(o Options) (*Handler, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.Logger = bounded(o.Logger)
	v, err := permission.NewVerifier(token.VerifierOptions{
		Keys: o.Keys, KeyLookup: o.KeyLookup, Audience: o.Audience, Issuer: o.Issuer, ClockSkew: o.ClockSkew,
	}, o.MaxMetadataSize)
	if err != nil {
		return nil, fmt.Errorf("hotsock: Options.%w", err)
	}
	h := &Handler{
		opts:     o,
		logger:   o.Logger,
		verifier: v,
		origins:  newOrigins(o.AllowedOrigins),
		events:   newEmitter(o.Events, o.Logger),
		observer: &safeObserver{o.Observer, o.Logger},
		hub:      newHub(),
		catchUps: newCatchUpReader(),
		limiters: newRateLimiters(o.ConnectionRateLimit, o.UserRateLimit),
		keysAway: rate.Sometimes{First: 1, Interval: refusedEvery},
		stopped:  make(chan struct{}),
	}
	h.responder = &responder{logger: o.Logger, reported: h.reported}
	h.upgrader = &upgrader{responder: h.responder, h: h}
	h.clientAPI = &clientAPI{responder: h.responder, h: h}
	h.serverAPI = &serverAPI{responder: h.responder, h: h, keys: hashKeys(o.APIKeys)}
	h.conns.init()
	h.counts.init()
	h.resyncs = newResyncer(&h.conns, h.hub)
	h.ctx, h.cancel = context.WithCancel(context.Background())

	// Not of h.ctx: if something fails, that ends before the node leaves.
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	r := &receiver{h: h, joined: make(chan struct{})}
	node, err := o.Store.Join(ctx, r, store.JoinOptions{
		ReplayWindow: o.ReplayWindow, ReplayLimit: o.ReplayLimit, NodeTimeout: o.NodeTimeout,
	})
	m := storeMetrics{&h.counts, h.observer}
	h.node, h.opts.Scheduler = measuredNode{node, m}, measuredScheduler{o.Scheduler, m}
	h.peers = &peers{
		node: h.node, timeout: o.StoreTimeout, conns: &h.conns, hub: h.hub, verifier: v, reported: h.reported,
	}
	h.reads = &storeReader{node: h.node, timeout: o.StoreTimeout}
	close(r.joined)
	if err != nil {
		h.cancel()
		h.events.stop(ctx)
		return nil, fmt.Errorf("hotsock: cannot join the store: %w", err)
	}
	h.stopScheduler, err = o.Scheduler.Start(ctx, node, h.fired)
	if err != nil {
		h.cancel()
		err = errors.Join(fmt.Errorf("hotsock: cannot start the scheduler: %w", err), h.node.Leave(ctx))
		h.events.stop(ctx)
		return nil, err
	}
	return h, nil
}

// Ready returns nil if the handler can serve, and otherwise why not: it is shut
// down, or its store cannot be used (then the error wraps
// [store.ErrUnavailable]). Use it for readiness probes; a handler that is not
// ready need not be restarted.
func (h *Handler) Ready(ctx context.Context) error {
	if h.isStopping() {
		return refuseBecause(CodeUnavailable, "shutting down")
	}
	return h.node.Ready(ctx)
}

func (h *Handler) isStopping() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stopping
}

// Shutdown stops the handler: it takes no more requests, stops firing
// schedules, and closes the connections with 1001, a few at a time so that
// their clients do not all reconnect at the same moment. It returns when all
// have ended and the store has been told. If ctx ends first, Shutdown cuts off
// what remains and returns the context's error. A second call waits for the
// first, or for its own context.
//
// Shut the HTTP server down first, or at the same time.
func (h *Handler) Shutdown(ctx context.Context) error {
	if !h.stopCalled.Swap(true) {
		defer close(h.stopped)
		h.stopErr = h.shutdown(ctx)
		return h.stopErr
	}
	select {
	case <-h.stopped:
		return h.stopErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close is a Shutdown that does not wait for clients.
func (h *Handler) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	<-h.stopped
	return nil
}

// shutdown stops in the order in which things depend on each other: accepting,
// scheduler, connections, resyncs, node, events.
func (h *Handler) shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.stopping = true
	h.mu.Unlock()
	h.resyncs.stop()
	h.stopScheduler()
	h.closeConnections(ctx)

	// Leaving is worth a moment even if there is no time: else the other nodes
	// need their timeout to notice.
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.opts.StoreTimeout)
	defer cancel()
	h.cancel()
	h.resyncs.wait()
	h.flusher.Close()
	err := h.node.Leave(leave)
	h.events.stop(leave)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return err
}

// drainRate is how many connections are closed per second at the least, and
// drainTime how long that may take.
const (
	drainRate = 1000
	drainTime = 5 * time.Second
)

func (h *Handler) closeConnections(ctx context.Context) {
	conns := h.conns.all()
	spread := min(time.Duration(len(conns))*time.Second/drainRate, drainTime)
	if end, ok := ctx.Deadline(); ok {
		spread = min(spread, time.Until(end)/2)
	}
	cut := context.AfterFunc(ctx, func() {
		for _, c := range h.conns.all() {
			c.sock.Cut()
		}
		h.cancel()
	})
	defer cut()
	for i, c := range conns {
		if ctx.Err() != nil {
			break
		}
		c.close(reasonShutdown)
		if pause := spread / time.Duration(len(conns)); i%drainBatch == drainBatch-1 && pause > 0 {
			sleep(ctx, pause*drainBatch)
		}
	}
	h.conns.wait()
}

// drainBatch is how many are closed without a pause.
const drainBatch = 10

// retryInterval is how long to wait before the store is tried again, at first;
// maxRetryInterval is how long in the end.
const (
	retryInterval    = 500 * time.Millisecond
	maxRetryInterval = 2 * time.Second
)

// A backoff makes each wait before a try longer than the one before.
type backoff struct{ next time.Duration }

// sleep returns false if ctx ended before.
func (b *backoff) sleep(ctx context.Context) bool {
	wait := max(b.next, retryInterval)
	b.next = min(2*wait, maxRetryInterval)
	return sleep(ctx, jitter(wait))
}

// storeContext bounds an operation of the store.
func (h *Handler) storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	t := newLazyTimeout(ctx, h.opts.StoreTimeout) // On its own, so that t.end needs no allocation.
	return t, t.end
}

// untilStored repeats f while the store is unavailable, until the handler
// stops; even then it is tried once.
func (h *Handler) untilStored(f func(ctx context.Context) error) {
	for b := (backoff{}); ; {
		ctx, cancel := h.storeContext(context.WithoutCancel(h.ctx))
		err := f(ctx)
		cancel()
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrUnavailable) {
			h.logger.Error("hotsock: the store failed unexpectedly", "err", err)
			return
		}
		if !b.sleep(h.ctx) {
			return
		}
	}
}

// reported returns what a client is told of an error, and logs what it is not
// told.
func (h *Handler) reported(err error, attrs ...any) *Error {
	e := asError(err)
	h.counts.failed(e.Code)
	switch e.Code {
	case CodeInternal:
		h.logger.Error("hotsock: internal error", append(attrs, "err", err)...)
	case CodeUnavailable:
		if errors.Is(err, token.ErrKeyLookup) {
			// Whoever sends a token can have it said again.
			h.keysAway.Do(func() { h.logger.Warn("hotsock: keys of tokens cannot be looked up", append(attrs, "err", err)...) })
			return e
		}
		h.readyAt.Store(nil)
		h.logger.Warn("hotsock: unavailable", append(attrs, "err", err)...)
	}
	return e
}

// sleep returns false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// jitter returns something between half of d and one and a half.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// eachConnection calls f for each of the connections, some at a time.
func eachConnection(conns []*connection, f func(c *connection)) {
	var g errgroup.Group
	g.SetLimit(32)
	for _, c := range conns {
		g.Go(func() error {
			f(c)
			return nil
		})
	}
	_ = g.Wait() // f returns no errors
}
