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
// Browsers connect with the client that the handler serves at client.js, with
// hotsock-js or with any WebSocket client. The token that the app gives a client
// says what it may do ([Claims], [SignToken]), or the app's own sessions do
// ([Options.Authenticate]). The app itself publishes with [Handler.Publish] and
// similar methods.
//
// State is in a [store.Store]: by default in this process, or in Redis (package
// storeredis), where any number of nodes share it.
package hotsock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
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
	hooks    *hookCaller
	calls    *callRunner
	errors   *errorReporter
	hub      *hub
	catchUps *catchUpReader
	conns    connectionSet
	workers  workers
	// starting are the turns of connections that begin, subscribing of what they subscribe to.
	starting, subscribing *turns

	requests runningRequests
	limiters *rateLimiters
	resyncs  *resyncer
	infos    *infoReader
	revoker  *revoker
	eraser   *eraser
	streams  *streams
	// reserved channels by name, which never changes.
	reserved map[string]*reservedChannel

	node   store.Node
	ready  storeReadiness
	peers  *peers
	reads  *storeReader
	writes *storeWriter

	responder *responder
	upgrader  *upgrader
	clientAPI *clientAPI
	serverAPI *serverAPI

	flusher socket.Flusher
	queued  *socket.Budget // of what waits for all clients
	counts  counts

	// ctx ends when everything must stop at once.
	ctx           context.Context
	cancel        context.CancelFunc
	stopScheduler func()

	stopping   atomic.Bool // no new connections and requests
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
		MaxLifetime: o.MaxTokenLifetime,
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
		catchUps: newCatchUpReader(),
		limiters: newRateLimiters(o.ConnectionRateLimit, o.UserRateLimit),
		stopped:  make(chan struct{}),
		queued:   socket.NewBudget(o.MaxTotalQueueSize),
	}
	h.starting, h.subscribing = newTurns(maxStarting, o.StoreTimeout), newTurns(maxSubscribing, o.StoreTimeout)
	h.conns.init()
	h.requests.init()
	h.counts.init()
	h.hub = newHub(&h.flusher)
	h.resyncs = newResyncer(&h.conns, h.hub)
	h.infos = newInfoReader(h)
	h.errors = newErrorReporter(o.Logger, &h.counts, &h.ready)
	h.responder = &responder{logger: o.Logger, errors: h.errors}
	h.upgrader = &upgrader{responder: h.responder, h: h}
	h.clientAPI = &clientAPI{responder: h.responder, h: h}
	h.serverAPI = &serverAPI{responder: h.responder, h: h, keys: newAPIKeys(&o)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.calls = newCallRunner(h.ctx, &h.opts, h.observer, &h.counts)
	h.revoker = newRevoker(h)
	h.eraser = newEraser(h)
	h.streams = newStreams(h)
	h.reserved = map[string]*reservedChannel{
		revocationChannel: h.revoker.channel, erasureChannel: h.eraser.channel, streamChannel: h.streams.channel,
	}
	v.Revoked = h.revoker.refuses
	h.hooks = &hookCaller{timeout: o.Hooks.Timeout, logger: o.Logger, stopped: h.ctx.Done(), observer: h.observer}

	// Not of h.ctx: if something fails, that ends before the node leaves.
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	r := &receiver{h: h, joined: make(chan struct{})}
	join := store.JoinOptions{ReplayWindow: o.ReplayWindow, ReplayLimit: o.ReplayLimit, NodeTimeout: o.NodeTimeout, Grace: o.PresenceGrace}
	if h.events.on() {
		join.MaxListedSize = wire.MaxMemberSizes(o.MaxMembersSize)
	}
	node, err := o.Store.Join(ctx, r, join)
	m := storeMetrics{&h.counts, h.observer}
	h.node, h.opts.Scheduler = &measuredNode{node, m}, &measuredScheduler{o.Scheduler, m}
	h.peers = &peers{
		node: h.node, timeout: o.StoreTimeout, conns: &h.conns, hub: h.hub, verifier: v, errors: h.errors,
		revoker: h.revoker,
	}
	h.ready.node, h.ready.timeout = h.node, o.StoreTimeout
	h.reads = &storeReader{node: h.node, timeout: o.StoreTimeout}
	_, inMemory := o.Store.(*storememory.Store)
	h.writes = &storeWriter{
		opts: &h.opts, node: h.node, inMemory: inMemory, scheduler: h.opts.Scheduler, reads: h.reads,
		events: h.events, observer: h.observer, hooks: h.hooks, counts: &h.counts,
		publishing: newTurns(maxPublishing, o.StoreTimeout),
	}
	close(r.joined)
	if err != nil {
		h.cancel()
		h.events.stop(ctx)
		return nil, fmt.Errorf("hotsock: cannot join the store: %w", err)
	}
	if err = h.openReserved(ctx); err == nil {
		h.stopScheduler, err = o.Scheduler.Start(ctx, node, h.writes.fired)
		if err != nil {
			err = fmt.Errorf("hotsock: cannot start the scheduler: %w", err)
		}
	}
	if err != nil {
		h.cancel()
		h.stopReserved()
		h.waitReserved()
		err = errors.Join(err, h.node.Leave(ctx))
		h.events.stop(ctx)
		return nil, err
	}
	return h, nil
}

// openReserved reads what all nodes must know.
func (h *Handler) openReserved(ctx context.Context) error {
	if err := h.revoker.channel.open(ctx, h.node); err != nil {
		return fmt.Errorf("hotsock: cannot read what is revoked: %w", err)
	}
	if err := h.eraser.channel.open(ctx, h.node); err != nil {
		return fmt.Errorf("hotsock: cannot read what is to be erased: %w", err)
	}
	if err := h.streams.channel.open(ctx, h.node); err != nil {
		return fmt.Errorf("hotsock: cannot read what is streamed: %w", err)
	}
	return nil
}

func (h *Handler) stopReserved() {
	h.revoker.stop()
	h.eraser.stop()
	h.streams.stopLooking()
}

func (h *Handler) waitReserved() {
	h.revoker.wait()
	h.eraser.wait()
	h.streams.wait()
}

// Ready returns nil if the handler can serve, and otherwise why not: it is shut
// down, or its store cannot be used (then the error wraps
// [store.ErrUnavailable]). Use it for readiness probes; a handler that is not
// ready need not be restarted.
func (h *Handler) Ready(ctx context.Context) error {
	if h.stopping.Load() {
		return refuseBecause(CodeUnavailable, "shutting down")
	}
	return h.node.Ready(ctx)
}

// Shutdown stops the handler: it takes no more requests, stops firing
// schedules, lets calls of methods end for up to 5 s, and closes the connections
// with 1001, a few at a time so that their clients do not all reconnect at the same
// moment: 1,000 a second, or more if that would take longer than half of what ctx leaves,
// or 20 s if it has no deadline. Commands and requests that it has begun are answered first. It returns
// when all have ended and the store has been told. If ctx ends first, Shutdown cuts off
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
// scheduler, connections and their calls, requests, resyncs, node, events.
func (h *Handler) shutdown(ctx context.Context) error {
	h.stopping.Store(true)
	h.conns.refuse()
	h.requests.refuse()
	h.resyncs.stop()
	h.stopReserved()
	h.stopScheduler()
	cut := context.AfterFunc(ctx, func() {
		h.conns.cut()
		h.cancel()
	})
	defer cut()
	h.conns.drain(ctx)
	h.workers.stop()
	h.calls.drain(ctx)
	h.requests.wait(ctx)
	h.streams.shutDown()

	// Leaving is worth a moment even if there is no time: else the other nodes
	// need their timeout to notice.
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.opts.StoreTimeout)
	defer cancel()
	h.cancel()
	h.resyncs.wait()
	h.waitReserved()
	h.infos.stop()
	h.flusher.Close()
	err := h.node.Leave(leave)
	h.events.stop(leave)
	h.hooks.wait(leave)
	h.calls.stop(leave)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return err
}
