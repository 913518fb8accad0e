package wire

import (
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// MaxPage is how many entries a page holds at the most. Clients take a page
// with fewer, unless it says that there are more, as the last one.
const MaxPage = 100

// A MessagePage is the answer of connection/listMessages.
type MessagePage struct {
	Messages []*store.Message
	// Reactions to the messages, by message.
	Reactions map[ulid.ULID][]store.Reaction
	// Expand writes who reacted, not only how many.
	Expand bool
	// MaxBytes ends the page before it gets longer than that, and says so in
	// it; but it always has one message.
	MaxBytes int
}

// AppendMessagePage appends the page.
func AppendMessagePage(b []byte, p MessagePage) []byte {
	return b
}

// AppendStoragePage appends the answer of channelStorageList and of the
// server API's storage list. The page ends before it gets longer than maxBytes,
// and says so in it; but it always has one entry.
func AppendStoragePage(b []byte, entries []*store.Entry, maxBytes int) []byte {
	return b
}
