package simplestore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// sweepEvery is how often a node renews its lease, and looks for what has expired.
const sweepEvery = 250 * time.Millisecond

var errGone = unavailable(errors.New("the node has left"))

// A node is one member of the installation.
type node struct {
	id       string
	store    *Store
	receiver store.Receiver
	// ctx ends with the node, and tasks are the goroutines that end with it.
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	// maxListed is MaxListedSize of its JoinOptions.
	maxListed int

	gone        bool
	lease       time.Time // The others remove the node when it has passed.
	connections map[string]store.Connection
}

// lock begins the step of a call. If it returns nil, the caller has to unlock the
// store.
func (n *node) lock(ctx context.Context) error {
	if err := unavailable(ctx.Err()); err != nil {
		return err
	}
	n.store.mu.Lock()
	if n.gone {
		n.store.mu.Unlock()
		return errGone
	}
	return nil
}

// ID implements [store.Node].
func (n *node) ID() string { return n.id }

// Ready implements [store.Node].
func (n *node) Ready(ctx context.Context) error {
	if err := n.lock(ctx); err != nil {
		return err
	}
	defer n.store.mu.Unlock()
	return nil
}

// join makes the node a member, and renews its lease if it is one.
func (n *node) join() {
	n.store.nodes[n.id] = n
	n.lease = time.Now().Add(n.store.options.NodeTimeout)
}

// run does the node's background work until the node ends.
func (n *node) run() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
			n.tick()
		}
	}
}

// tick renews the lease, and removes what has expired.
func (n *node) tick() {
	s := n.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.gone {
		return
	}
	lapsed := s.nodes[n.id] == nil
	n.join()
	if lapsed { // The process was suspended, and another node was faster.
		n.receiver.Rejoin()
	}
	now := time.Now()
	for id, other := range s.nodes {
		if !now.Before(other.lease) {
			delete(s.nodes, id)
			other.end(n)
		}
	}
	for _, c := range s.channels {
		c.sweep(now, n)
	}
	for token, until := range s.tokens {
		if !now.Before(until) {
			delete(s.tokens, token)
		}
	}
}

// end ends all that a node has, and reports it to another node unless that is nil.
func (n *node) end(reportTo *node) {
	for _, c := range n.store.channels {
		for connection, sub := range c.subscriptions {
			if sub.node != n {
				continue
			}
			end := c.unsubscribe(time.Now(), connection, n.store.options.Grace)
			if reportTo != nil {
				end.Change = c.withMembers(end.Change, reportTo)
				reportTo.receiver.SubscriptionEnded(end)
			}
		}
	}
	for _, c := range n.connections {
		if reportTo != nil {
			reportTo.receiver.ConnectionEnded(c)
		}
	}
	clear(n.connections)
}

// stop ends the node's work, and its watches. Its subscriptions and connections
// stay.
func (n *node) stop() {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	n.gone = true
	n.cancel()
	for _, c := range n.store.channels {
		delete(c.watchers, n)
		delete(c.countWatchers, n)
	}
}

// Leave implements [store.Node].
func (n *node) Leave(ctx context.Context) error {
	n.stop()
	done := make(chan struct{})
	go func() {
		n.tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return unavailable(err) // Its lease is not renewed any more.
	}
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	n.end(nil)
	delete(n.store.nodes, n.id)
	return nil
}

// AddConnection implements [store.Connections].
func (n *node) AddConnection(ctx context.Context, c store.Connection) error {
	if err := n.lock(ctx); err != nil {
		return err
	}
	defer n.store.mu.Unlock()
	n.connections[c.ID] = c
	return nil
}

// RemoveConnection implements [store.Connections].
func (n *node) RemoveConnection(ctx context.Context, id string) error {
	if err := n.lock(ctx); err != nil {
		return err
	}
	defer n.store.mu.Unlock()
	delete(n.connections, id)
	return nil
}

// UseToken implements [store.Connections].
func (n *node) UseToken(ctx context.Context, token string, until time.Time) (bool, error) {
	if err := n.lock(ctx); err != nil {
		return false, err
	}
	defer n.store.mu.Unlock()
	if used, ok := n.store.tokens[token]; ok && time.Now().Before(used) {
		return false, nil
	}
	n.store.tokens[token] = until
	return true, nil
}

// Peers implements [store.Peers].
func (n *node) Peers(ctx context.Context) ([]string, error) {
	if err := n.lock(ctx); err != nil {
		return nil, err
	}
	defer n.store.mu.Unlock()
	var ids []string
	for id, peer := range n.store.nodes {
		if !peer.gone {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Call implements [store.Peers].
func (n *node) Call(ctx context.Context, id string, request []byte) ([]byte, error) {
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	err := n.withPeer(ctx, id, func(peer *node) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(peer.ctx, cancel)()
		text, err := peer.receiver.Call(ctx, request)
		answers <- answer{text, err}
	})
	if err != nil {
		return nil, err
	}
	select {
	case a := <-answers:
		if a.err != nil {
			return nil, unavailable(a.err)
		}
		return a.text, nil
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
}

// withPeer calls f in a goroutine that ends before the peer does.
func (n *node) withPeer(ctx context.Context, id string, f func(*node)) error {
	if err := n.lock(ctx); err != nil {
		return err
	}
	defer n.store.mu.Unlock()
	peer := n.store.nodes[id]
	if peer == nil || peer.gone {
		return store.ErrNoPeer
	}
	peer.tasks.Go(func() { f(peer) })
	return nil
}
