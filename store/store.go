// Package store is the contract between hotsock and a store, the place that holds
// what the nodes of an installation share: channels with their messages,
// subscriptions, storage and reactions, and schedules.
//
// A host app picks a store, such as package storememory or storeredis, and never
// calls these interfaces itself. Whoever writes a store finds the steps in
// docs/writing-a-store.md, and tests it with package storetest.
//
// # Channels
//
// A channel is one sequence of [Item]s: messages, presence changes and storage
// changes. The store gives each item a ULID from its own clock, greater than every
// earlier id of the channel even if the clock goes back. So the order of the ids is
// the order everywhere: in history, in replay and on every node.
//
// A change and the item that announces it happen in one step: nobody sees one
// without the other, and if the call fails, neither happens.
//
// Channels need not be created. One that was never written to reads as empty.
//
// # Retention
//
// A retention is how long the store keeps something, by its own clock. What has
// expired is gone for every reader at that moment, whenever its memory is freed.
//
// # Pages
//
// A request for a page has a Limit, the most elements that it wants, and a MaxBytes,
// the most that their sizes may add up to. Both are at least 1. The first element is
// returned whatever its size, so that every page gets a reader further. The store may
// end a page before either bound, to keep the read short. More says whether there may
// be further elements; a page with More is never empty. The next request continues
// after the last element.
//
// # Errors
//
// Every method that returns an error may return one that wraps [ErrUnavailable]. It
// means that the call changed nothing and never will. A method returns an error that
// wraps another of the errors below only if its comment says so. Any other error is a
// fault of the store: core logs it, and tells the client of an internal error.
//
// # Calls
//
// All methods may be called concurrently. They observe their context: if it is
// canceled, or its deadline passes while the method waits for something, the error
// wraps both ErrUnavailable and the error of the context. A method that never waits
// may ignore a deadline.
//
// Neither side modifies a request or a result after the call. Byte slices are passed
// on without being copied, so nobody may reuse them.
//
// Core validates arguments. A store may rely on it: a channel, connection or key is
// never "", and no bound is negative.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The errors of a store. Implementations return them as they are or wrapped.
var (
	// ErrUnavailable means that the store cannot be reached or refuses to
	// write. Nothing was changed, and nothing will be.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrOlderNode is an ErrUnavailable of what a node of an older version would not
	// understand, and one shares the store. Trying again is in vain until it has left.
	ErrOlderNode = fmt.Errorf("%w: a node of an older version shares the store", ErrUnavailable)
	// ErrNotFound means that what the request names does not exist or has
	// expired.
	ErrNotFound = errors.New("store: not found")
	// ErrCapacity means that a bound of the request leaves no room for what it
	// would add. Nothing was changed.
	ErrCapacity = errors.New("store: at capacity")
	// ErrConflict means that something is not as the request expects it. Nothing
	// was changed.
	ErrConflict = errors.New("store: conflict")
	// ErrNoPeer means that no living node has the id that was called.
	ErrNoPeer = errors.New("store: no such node")
)

// Forever is the retention of what never expires.
const Forever time.Duration = -1

// A Store is the shared state of an installation. Several nodes join it, in one
// process or in many.
type Store interface {
	// Join makes the caller a node. Until [Node.Leave] returns, r is told what
	// happens on the channels that the node watches. Join fails if the store is
	// unreachable or misconfigured. It starts the background work that the node
	// needs; a store starts none elsewhere but in [Scheduler.Start].
	Join(ctx context.Context, r Receiver, o JoinOptions) (Node, error)
	// Scheduler returns the scheduler that keeps its schedules with this
	// store's data: the same one each time, never nil.
	Scheduler() Scheduler
}

// JoinOptions are settings that all nodes of an installation share, but for
// MaxListedSize. All others but Grace are positive: core has filled in the defaults.
type JoinOptions struct {
	// ReplayWindow is how long every message can be replayed, also one whose
	// retention is shorter.
	ReplayWindow time.Duration
	// ReplayLimit is how many messages with a shorter retention than the window
	// a channel holds for replay. Beyond that, the store discards the oldest.
	ReplayLimit int
	// NodeTimeout is how long a node may be silent before the others declare it
	// dead, and remove its subscriptions and connections.
	NodeTimeout time.Duration
	// Grace is that of an [UnsubscribeRequest], for the subscriptions of nodes that
	// died or left. It is 0 for none.
	Grace time.Duration
	// MaxListedSize is what the members of a channel may count for together, as in
	// a [SubscribeRequest], if they are to be listed in what this node is told of a
	// change other than by an item. It is 0 if core has no use for these lists.
	MaxListedSize int
}

// A Node is one member of an installation: everything that a handler asks of the
// store.
type Node interface {
	Messages
	Reactions
	Subscriptions
	Storage
	Erasing
	Connections
	Peers

	// ID names this node among its peers: 1 to 22 characters of A-Z, a-z, 0-9,
	// - and _. No other node ever has the same.
	ID() string
	// Ready returns nil if the store can be read and written and this node
	// hears what is published, and otherwise an error that says why not. The
	// answer may be some seconds old.
	Ready(ctx context.Context) error
	// Leave ends the membership. It ends the node's remaining subscriptions and
	// connections as their own calls would, with the Grace of the node, stops the node's background work
	// and waits for it. After it has returned, the Receiver is not called any
	// more, and every other method fails with ErrUnavailable. If ctx ends
	// first, the other nodes remove what is left after NodeTimeout. Calling
	// Leave again does nothing.
	Leave(ctx context.Context) error
}

// A Receiver is the handler's side of a node. The store calls it for one thing of a
// channel at a time, and for different channels concurrently. Its methods return
// quickly, and never call the store; only Call may take its time, and may call the
// store.
type Receiver interface {
	// Deliver hands over the next item of a watched channel. Between Watch and
	// Unwatch, each item comes exactly once and in the order of the ids,
	// whichever node caused it, this one included. Nodes may share the item:
	// nobody modifies it.
	Deliver(item *Item)
	// Lost reports that items of a watched channel may have been missed and
	// cannot be made up for. What is delivered next follows the gap.
	Lost(channel string)
	// CountChanged reports that the Count of a channel may be another one than
	// [Subscriptions.WatchCount] returned. It comes at least once after the first change
	// that follows the call, and also if the store cannot tell.
	CountChanged(channel string)
	// Rejoin reports that the store no longer has this node's subscriptions and
	// connections, because the node was silent for too long or the store lost
	// data. The node is a member again, and core adds all of them again.
	Rejoin()
	// SubscriptionEnded reports that this node removed a subscription of a dead
	// node, and what that changed. Exactly one node is told of each.
	SubscriptionEnded(e SubscriptionEnd)
	// MemberRemoved reports that this node removed a member of a channel whose
	// grace was over, and announced it. Exactly one node is told of each.
	MemberRemoved(channel string, c PresenceChange)
	// ConnectionEnded reports that this node removed a connection of a dead
	// node. Exactly one node is told of each.
	ConnectionEnded(c Connection)
	// EntryExpired reports that a storage entry with Emit has expired. Exactly
	// one node is told of each, once.
	EntryExpired(e Entry)
	// Call answers a request of [Peers.Call]. Its context ends when the caller
	// gives up or this node leaves.
	Call(ctx context.Context, request []byte) ([]byte, error)
}
