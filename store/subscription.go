package store

import (
	"context"

	"github.com/oklog/ulid/v2"
)

// Subscriptions knows who is subscribed to which channel, and on presence
// channels tells the subscribers.
type Subscriptions interface {
	// Watch makes every item of the channel that is newer than the call's
	// return reach this node's Receiver, items that happened during the call
	// perhaps. Watching a watched channel does nothing.
	Watch(ctx context.Context, channel string) error
	// Unwatch ends that. It does not wait for deliveries under way, and it
	// never fails: items that still come are dropped.
	Unwatch(channel string)

	// Subscribe records a connection of this node as a subscriber.
	// Subscribing it again replaces the record, and announces no more than
	// has changed by that: nothing if the record is the same, even if another
	// connection of the member has changed its metadata since.
	Subscribe(ctx context.Context, s SubscribeRequest) (SubscribeResult, error)
	// Unsubscribe ends a subscription. The error wraps ErrNotFound if there is
	// none.
	Unsubscribe(ctx context.Context, channel, connection string) (SubscriptionEnd, error)
	// UpdateSubscription replaces the user metadata of a subscription, and of
	// the member on a presence channel. It returns the change that was
	// announced, nil if there was none. The error wraps ErrNotFound if there
	// is no such subscription, ErrCapacity if the list would get too long.
	UpdateSubscription(ctx context.Context, u UpdateSubscriptionRequest) (*PresenceChange, error)
	// Channel describes a channel. An unknown one has no subscriptions.
	Channel(ctx context.Context, channel string) (ChannelInfo, error)
}

// A Member is a user on a presence channel.
type Member struct {
	UID string
	// UMD is a compact JSON text, nil for null.
	UMD []byte
}

// PresenceKind says how a channel's members changed.
type PresenceKind uint8

// The ways in which members change.
const (
	MemberAdded PresenceKind = iota + 1
	MemberUpdated
	MemberRemoved
)

// A PresenceChange is a change of a presence channel's members.
type PresenceChange struct {
	Kind   PresenceKind
	Member Member
	// Members after the change, in order of joining.
	Members []Member
}

// A SubscribeRequest is a new subscription.
type SubscribeRequest struct {
	Channel    string
	Connection string
	UID        string
	UMD        []byte
	// UMDDigest stands for UMD: metadata with equal digests is equal, whatever
	// its bytes. It is not "" if Presence is true.
	UMDDigest string
	// Presence makes UID a member: if it is new, MemberAdded is announced,
	// excluding this connection; if its UMD differs, MemberUpdated to all. One
	// UID is one member with the UMD that was set last, however many
	// connections it has, until the last of them is gone. Setting equal metadata
	// does not change the member.
	Presence bool
	// MemberSize is what the member counts for with this UMD, and
	// MaxMembersSize what all members of the channel may count for together: if
	// they would count for more than that and more than now, Subscribe fails with
	// ErrCapacity. The unit is core's own; a store adds, subtracts and compares.
	MemberSize, MaxMembersSize int
	// Counted makes the subscription part of the channel's Count.
	Counted bool
}

// A SubscribeResult is the state of the channel at the moment of subscribing.
type SubscribeResult struct {
	// Position is the id of the channel's newest item when the subscription
	// took effect, its own MemberAdded included. Where the store knows of no
	// item, it is an id that the store made for that, less than those of all
	// items that follow; then it is the same for all who subscribe before the
	// first item, and as good to replay after. What the result tells includes
	// all up to Position and nothing after it.
	Position ulid.ULID
	// Info about the channel, the new subscription included.
	Info ChannelInfo
	// Change is what was announced, or nil.
	Change *PresenceChange
}

// A SubscriptionEnd is what ended, and what that changed.
type SubscriptionEnd struct {
	Channel    string
	Connection string
	UID        string
	UMD        []byte
	Counted    bool
	// Count of subscriptions that remain.
	Count int
	// Change is what was announced, or nil.
	Change *PresenceChange
}

// An UpdateSubscriptionRequest changes a subscription's user metadata.
type UpdateSubscriptionRequest struct {
	Channel    string
	Connection string
	UMD        []byte
	// These are as in [SubscribeRequest].
	UMDDigest                  string
	MemberSize, MaxMembersSize int
}

// ChannelInfo describes a channel.
type ChannelInfo struct {
	// Count of its counted subscriptions.
	Count int
	// Members of a presence channel, in order of joining.
	Members []Member
}
