// Package store defines what hotsock needs from the place where the state
// shared by all nodes lives: channels with their messages, presence, storage
// and reactions, and schedules.
//
// A host app picks an implementation (package storememory or storeredis) and never
// calls these interfaces itself. Package storetest tests implementations.
//
// # What every implementation guarantees
//
// Each channel is one totally ordered sequence of [Item]s: messages, presence
// changes and storage changes. The store assigns each its ULID from its own
// clock, greater than every earlier id of that channel, so that id order is
// the order everywhere: in history, in replay and at every node.
//
// What a method changes and the item that announces it happen together or not
// at all. An error that wraps [ErrUnavailable] means that nothing was changed,
// nor will be later.
//
// All methods may be called concurrently. Every method observes its context: when
// it is canceled first, or its deadline passes while the method waits for
// something, the method returns an error that wraps both ErrUnavailable and the
// context's error. A method that has nothing to wait for may ignore a deadline.
// Requests and results are not modified after the call; byte slices are neither
// modified nor copied, so callers must not reuse them. An argument that core should
// have validated, such as an empty channel, is a bug in core: behaviour is then
// undefined.
package store

import (
	"context"
	"errors"
	"time"
)

// Errors that implementations return, possibly wrapped. Any other error is
// treated as a bug of the store.
var (
	// ErrUnavailable says that the store cannot be reached or refuses to
	// write. Nothing was changed.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrNotFound says that what was named does not exist, or expired.
	ErrNotFound = errors.New("store: not found")
	// ErrCapacity says that there would be more of something than the request
	// allows: a longer list of members, more schedules or more reactions.
	ErrCapacity = errors.New("store: at capacity")
	// ErrNoPeer says that the node called is not alive.
	ErrNoPeer = errors.New("store: no such node")
)

// Forever is the Keep of what never expires.
const Forever time.Duration = -1

// A Store is the shared state of an installation. Several nodes, in one
// process or many, join it.
type Store interface {
	// Join makes the caller a node: r gets what happens on the channels that
	// the node watches, from now until [Node.Leave]. It fails if the store
	// cannot be used (unreachable, misconfigured). The store starts whatever
	// background work the node needs here, and nowhere else.
	Join(ctx context.Context, r Receiver, o JoinOptions) (Node, error)
	// Scheduler returns the scheduler that keeps its entries beside this
	// store's data. It is never nil, and always the same.
	Scheduler() Scheduler
}

// JoinOptions are settings that all nodes of an installation share. The values
// are positive; core has filled in its defaults.
type JoinOptions struct {
	// ReplayWindow is how long a message that is not kept longer by its own
	// Keep can be replayed.
	ReplayWindow time.Duration
	// ReplayLimit is how many such messages a channel holds at the most.
	ReplayLimit int
	// NodeTimeout is how long a node may be silent before the others declare
	// it dead and remove its subscriptions and connections.
	NodeTimeout time.Duration
}

// A Node is one member's view of the store: everything that a handler does.
type Node interface {
	Messages
	Reactions
	Subscriptions
	Storage
	Connections
	Peers

	// ID names this node among its peers for as long as it lives: 1 to 22
	// characters of A-Z, a-z, 0-9, - and _, never used again by another node.
	ID() string
	// Ready returns nil if the store can be read and written and this node
	// hears what is published, and otherwise why not. It may answer from what
	// the node learnt within the last seconds.
	Ready(ctx context.Context) error
	// Leave ends the membership: the node's remaining subscriptions and
	// connections are removed as if each had been ended by its own call, its
	// background work is stopped and waited for, and the Receiver is not
	// called any more after Leave has returned. If ctx ends first, the rest is
	// left to the other nodes. Calling Leave again does nothing; every other
	// method then returns an error that wraps ErrUnavailable.
	Leave(ctx context.Context) error
}

// A Receiver is the handler's side of a node. The store calls its methods one
// at a time for each channel, concurrently for different ones. They return
// quickly and never call the store, Call excepted.
type Receiver interface {
	// Deliver hands over the next item of a watched channel. Between Watch and
	// Unwatch each item comes exactly once, in id order, whichever node
	// caused it, this one included. The item is shared: it must not be
	// modified.
	Deliver(item *Item)
	// Lost says that items of a watched channel may have been missed and
	// cannot be recovered. What is delivered next follows the gap.
	Lost(channel string)
	// Rejoin says that the store no longer holds this node's subscriptions and
	// connections (its lease had lapsed, or the store lost its data). The node
	// is a member again; core must add all of them again. Rejoin must not block.
	Rejoin()
	// SubscriptionEnded says that this node removed a subscription of a node
	// that died, and what that changed. Each is reported to exactly one node.
	SubscriptionEnded(e SubscriptionEnd)
	// ConnectionEnded says that this node removed a connection of a node that
	// died. Each is reported to exactly one node.
	ConnectionEnded(c Connection)
	// EntryExpired says that a storage entry that was written with Emit has
	// expired. Each is reported to exactly one node, once.
	EntryExpired(e Entry)
	// Call answers a request that another node sent with [Peers.Call].
	Call(ctx context.Context, request []byte) ([]byte, error)
}

// Peers lets the nodes of an installation talk to each other.
type Peers interface {
	// Peers returns the ids of all living nodes, this one included.
	Peers(ctx context.Context) ([]string, error)
	// Call sends a request to the node with that id, which may be this one,
	// and returns its answer. The error wraps ErrNoPeer if there is no such
	// node alive, and ErrUnavailable if no answer came, or an error for one:
	// then the request may or may not have been carried out, so requests must
	// bear repetition.
	Call(ctx context.Context, node string, request []byte) ([]byte, error)
}

// Connections keeps what must be known of connections and tokens on other
// nodes.
type Connections interface {
	// AddConnection records a connection of this node, so that its end is
	// reported if the node dies. Adding it again replaces it.
	AddConnection(ctx context.Context, c Connection) error
	// RemoveConnection forgets it. Removing what is not there is no error.
	RemoveConnection(ctx context.Context, id string) error
	// UseToken returns true for the first call with this token, and false for
	// every later one, on any node, until the time given.
	UseToken(ctx context.Context, token string, until time.Time) (bool, error)
}

// A Connection is a client's connection as the store knows it.
type Connection struct {
	ID string
	// Info is core's description of it, opaque to the store.
	Info []byte
}
