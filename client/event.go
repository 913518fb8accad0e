package client

import (
	"encoding/json"
	"time"
)

// An Event is what a [Subscription] receives: a [Message], an [Update], an [Append], a [Deletion],
// a [Reaction], a [MemberChange], an [Entry], an [Erasure], a [ChannelInfo] or a [Gap].
type Event interface{ event() }

// A Message was published to the channel.
type Message struct {
	// ID is the message's place in the channel's order: later ones have greater
	// ids, compared as strings.
	ID      string
	Channel string
	Event   string
	// Data is JSON, null if there was none. It is the newest if the message was
	// updated.
	Data json.RawMessage
	// Version is 1 for a message as it was published, and 1 more with each update.
	// Updated is when the last one was, zero for never.
	Version int64
	Updated time.Time
	// Stream says whether the message still grows, if it is a stream: see
	// [Subscription.Stream].
	Stream StreamState
	// From is who published it: nobody, if the server did.
	From User
	// Own is set if this client published the message and Publish has returned
	// its id. Without permission for an echo, such messages come only when the
	// subscription catches up. An echo that overtook the server's answer is not
	// marked, nor is a message whose outcome was unknown.
	Own bool
	// Reactions to the message, in the order in which each was first added. Set
	// only in messages of the history.
	Reactions []ReactionCount
}

// A User is who did something, or is a member of a presence channel.
type User struct {
	// UID is "" for connections without one, and for the server.
	UID string `json:"uid"`
	// UMD is the user's metadata as JSON; it may be nil, or null.
	UMD json.RawMessage `json:"umd"`
}

// An Update changed the data of a message. A program that shows messages applies it if
// it shows the message in an older version. Who catches up gets only the newest update
// of a message.
type Update struct {
	// ID is its place in the channel's order, like that of a message.
	ID        string
	Channel   string
	MessageID string
	// Data is the new one, as in [Message].
	Data json.RawMessage
	// Version is that of the message now.
	Version int64
	// From is who updated it: nobody, if the server did.
	From User
}

// A Deletion took a message away.
type Deletion struct {
	// ID is its place in the channel's order, like that of a message.
	ID        string
	Channel   string
	MessageID string
	// From is who deleted it: nobody, if the server did.
	From User
}

// A Reaction was added to a message, or removed from it.
type Reaction struct {
	// ID is its place in the channel's order, like that of a message.
	ID        string
	Channel   string
	MessageID string
	Reaction  string
	Removed   bool
	From      User
}

// A ChangeKind says what happened to a member.
type ChangeKind int

// The values of a ChangeKind.
const (
	MemberAdded   ChangeKind = iota // the first subscription of a user began
	MemberUpdated                   // the user's metadata changed
	MemberRemoved                   // the last subscription of a user ended
)

func (k ChangeKind) String() string {
	switch k {
	case MemberAdded:
		return "added"
	case MemberUpdated:
		return "updated"
	default:
		return "removed"
	}
}

// A MemberChange is a change of the members of a presence channel.
type MemberChange struct {
	Kind   ChangeKind
	Member User
	// Members is the complete list after the change, and after those that were told
	// together with it, in the order in which they came. It must not be modified.
	Members []User
}

// An Entry is what is stored under a key of a channel. As an [Event], it is a
// change that the token lets the client observe; the entries that exist on
// subscribing come first.
type Entry struct {
	Channel string
	Key     string
	// Data is JSON, null if there is no entry, or no longer one.
	Data json.RawMessage
	// By is who wrote it: nobody, if the server did.
	By User
}

// An Erasure says that the server has erased the channel: all messages with an id less
// than ID are gone, with their reactions. Entries are cleared one by one.
type Erasure struct {
	// ID is its place in the channel's order, like that of a message.
	ID      string
	Channel string
}

// A Gap means that something may be missing here: what came after the id After, up
// to and including the id Last. None of it will follow, but for the stored messages that
// [SubscribeOptions.Rewind] brings. Programs that need it read the history
// ([Subscription.History]), which has the messages that were kept.
type Gap struct {
	After string // "" if there was nothing before
	Last  string // "" if the server does not say
}

func (Message) event()      {}
func (Update) event()       {}
func (Deletion) event()     {}
func (Reaction) event()     {}
func (MemberChange) event() {}
func (Entry) event()        {}
func (Erasure) event()      {}
func (ChannelInfo) event()  {}
func (Gap) event()          {}
