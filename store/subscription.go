package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// Subscriptions knows who is subscribed to which channel, and announces the members
// of presence channels.
type Subscriptions interface {
	// Watch has the channel's items delivered to this node's Receiver: all that
	// are newer than the return of the call, and perhaps some that happen
	// during it. Watching a watched channel does nothing.
	Watch(ctx context.Context, channel string) error
	// Unwatch ends that. It does not wait for a delivery under way, and never
	// fails.
	Unwatch(channel string)

	// Subscribe records a connection of this node as a subscriber. If the
	// connection is one already, it replaces the record, and announces what
	// that changes: nothing if the record is the same, even if another
	// connection has changed the member's metadata since. The error wraps
	// ErrCapacity if there is no room for the member.
	Subscribe(ctx context.Context, s SubscribeRequest) (SubscribeResult, error)
	// Unsubscribe ends a subscription. The error wraps ErrNotFound if there is
	// none.
	Unsubscribe(ctx context.Context, u UnsubscribeRequest) (SubscriptionEnd, error)
	// UpdateSubscription replaces the user metadata of a subscription, and that
	// of the member on a presence channel. It returns the change that was
	// announced, nil for none. The error wraps ErrNotFound if there is no such
	// subscription, and ErrCapacity if there is no room for the metadata.
	UpdateSubscription(ctx context.Context, u UpdateSubscriptionRequest) (*PresenceChange, error)
	// WatchCount returns the Count of a channel that this node watches, and has the
	// Receiver told by CountChanged, once, when that has changed since. Each further
	// call has it told once more.
	WatchCount(ctx context.Context, channel string) (int, error)
	// UnwatchCount ends that, as Unwatch does. It never fails.
	UnwatchCount(channel string)
	// Channel describes a channel.
	Channel(ctx context.Context, channel string) (ChannelInfo, error)
}

// A Member is a user who is subscribed to a presence channel.
type Member struct {
	UID string
	// UMD is a JSON text, nil for none.
	UMD []byte
}

// PresenceKind is how the members of a channel changed.
type PresenceKind uint8

// The ways in which members change.
const (
	MemberAdded PresenceKind = iota + 1
	MemberUpdated
	MemberRemoved
)

// A PresenceChange is a change of a channel's members.
type PresenceChange struct {
	Kind PresenceKind
	// Member is who was added, updated or removed. One that is added comes last in
	// the order of joining, and one that is updated keeps its place.
	Member Member
	// Members are all after the change, in the order of joining, and not nil if
	// there are none; nil in an [Item], and in a result where
	// [JoinOptions.MaxListedSize] wants no list.
	Members []Member
}

// A SubscribeRequest is a subscription to be recorded.
type SubscribeRequest struct {
	Channel    string
	Connection string
	UID        string
	UMD        []byte
	// Counted makes the subscription part of the channel's Count.
	Counted bool

	// Presence makes the user a member of the channel. If the user is new,
	// MemberAdded is announced, which excludes this connection; if the user's
	// metadata changes, MemberUpdated, which excludes nobody. A user is one
	// member with the metadata that was set last, however many connections they
	// have, until the last of these ends: then MemberRemoved is announced, at once
	// or after a grace (see [UnsubscribeRequest]).
	//
	// The fields below count with Presence only.
	Presence bool
	// UMDDigest stands for UMD: metadata with equal digests is equal. Setting
	// equal metadata leaves the member as it is.
	UMDDigest string
	// MemberSize is what the member counts for with this metadata, and
	// MaxMembersSize what all members of the channel may count for together. A
	// subscription fails with ErrCapacity if they would count for more than
	// that, and for more than before. Core chooses the unit; a store only adds
	// up and compares.
	MemberSize, MaxMembersSize int
	// KnowsMembers leaves the members out of the result's Info: whoever knew them
	// once, and has been delivered each item since, still does.
	KnowsMembers bool
}

// A SubscribeResult is the channel at the moment of subscribing.
type SubscribeResult struct {
	// Position is the id of the newest item, the subscription's own MemberAdded
	// included. All else in the result is what the channel was right after that
	// item. A channel without items has a position, too: an id that the store
	// makes, less than those of all items to come. All who subscribe before the
	// first item get the same, and can replay from it.
	Position ulid.ULID
	// Info includes the new subscription. It has no Members if the request
	// KnowsMembers.
	Info ChannelInfo
	// CountBefore is the Count that Info had right before this subscription. Of all
	// calls that take it from 0, or back to 0, each is told so, and no other.
	CountBefore int
	// Change is what was announced, nil for nothing.
	Change *PresenceChange
}

// An UnsubscribeRequest ends a subscription.
type UnsubscribeRequest struct {
	Channel    string
	Connection string
	// Grace is how long the user stays a member if this was the last of the user's
	// connections: such a member lingers. It is as any other member, in every
	// list and every sum of sizes. If a connection of the user subscribes
	// meanwhile, nothing is announced but what that changes. Otherwise a node
	// removes the member when the grace is over, or within about a second after,
	// announces MemberRemoved, and is told so by [Receiver]. The grace outlives
	// all nodes. Where it is 0, the member is removed at once.
	Grace time.Duration
}

// A SubscriptionEnd is a subscription that ended, and what that changed.
type SubscriptionEnd struct {
	Channel    string
	Connection string
	UID        string
	UMD        []byte
	Counted    bool
	// Count is how many counted subscriptions the channel has left.
	Count int
	// Change is what was announced, nil for nothing: also if the member lingers.
	Change *PresenceChange
}

// An UpdateSubscriptionRequest changes the user metadata of a subscription.
type UpdateSubscriptionRequest struct {
	Channel    string
	Connection string
	UMD        []byte
	// These count for a member, as in [SubscribeRequest].
	UMDDigest                  string
	MemberSize, MaxMembersSize int
}

// ChannelInfo describes a channel.
type ChannelInfo struct {
	// Count is how many counted subscriptions it has.
	Count int
	// Members of a presence channel, in the order of joining, with those who linger.
	Members []Member
}
