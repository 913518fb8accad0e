package wire

import (
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// MaxPage is how many entries a page holds at the most. Clients take a page
// with fewer, unless it says that there are more, as the last one.
const MaxPage = 100

// more ends a page that was cut short.
const more = `],"more":true}`

// An Origin is how a message came to be. What is "" is null.
type Origin struct {
	Trigger      string
	Scheduled    bool
	ConnectionID string
	SourceIP     string
	UserAgent    string
}

// A MessagePage is the answer of connection/listMessages, and of the server API's
// list of messages.
type MessagePage struct {
	Messages []*store.Message
	// More tells the client that there is more, though the page is short.
	More bool
	// Cursors says that the page has a "next" instead, which is Next unless it is zero
	// or the page ends early.
	Cursors bool
	Next    ulid.ULID
	// Tallies of the messages, as many and in their order.
	Tallies []store.Tally
	// Origins says how each message came to be, nil for clients. Those whose Trigger
	// is "" are not known.
	Origins []Origin
	// Expand writes who reacted, not only how many.
	Expand bool
	// MaxBytes is how long the page may get. It ends before the message that
	// would make it longer, and tells the client that there is more. The first
	// message is always there.
	MaxBytes int
}

// AppendMessagePage appends the page.
func AppendMessagePage(b []byte, p MessagePage) []byte {
	start := len(b)
	b = append(b, `{"messages":[`...)
	for i, m := range p.Messages {
		before := len(b)
		if i > 0 {
			b = append(b, ',')
		}
		b = appendStoredMessage(b, m)
		if p.Origins != nil {
			b = appendOrigin(b, p.Origins[i])
		}
		b = appendVersion(b, m)
		if t := p.Tallies[i]; p.Expand || len(t.Counts) > 0 {
			b = append(b, `,"reactions":`...)
			b = appendTally(b, t, p.Expand)
		}
		b = append(b, '}')
		if i > 0 && len(b)-start+len(more) > p.MaxBytes {
			b = b[:before]
			if p.Cursors {
				return appendNextID(b, p.Messages[i-1].ID)
			}
			return append(b, more...)
		}
	}
	switch {
	case p.Cursors:
		return appendNextID(b, p.Next)
	case p.More:
		return append(b, more...)
	}
	return append(b, `]}`...)
}

// appendStoredMessage appends what clients and servers see of a stored message, but
// for the end of the object.
func appendStoredMessage(b []byte, m *store.Message) []byte {
	b = appendMessage(b, m)
	b = append(b, `,"meta":`...)
	if m.Meta != nil {
		b = appendMeta(b, *m.Meta)
	} else {
		b = appendMeta(b, store.Meta{})
	}
	return b
}

func appendOrigin(b []byte, o Origin) []byte {
	if o.Trigger == "" {
		return b
	}
	b = append(b, `,"origin":{"trigger":`...)
	b = appendString(b, o.Trigger)
	b = append(b, `,"scheduled":`...)
	b = strconv.AppendBool(b, o.Scheduled)
	b = append(b, `,"connectionId":`...)
	b = appendStringOrNull(b, o.ConnectionID)
	b = append(b, `,"sourceIp":`...)
	b = appendStringOrNull(b, o.SourceIP)
	b = append(b, `,"userAgent":`...)
	b = appendStringOrNull(b, o.UserAgent)
	return append(b, '}')
}

// appendNextID ends a page whose cursor is the id of a message, zero for none.
func appendNextID(b []byte, next ulid.ULID) []byte {
	b = append(b, ']')
	if !next.IsZero() {
		b = append(b, `,"next":`...)
		b = appendID(b, next)
	}
	return append(b, '}')
}

// AppendStoragePage appends the answer of connection/channelStorageList and of
// the server API's storage list. The page ends before the entry that would
// make it longer than maxBytes, and tells the client that there is more, as it
// does if cut is true. The first entry is always there.
func AppendStoragePage(b []byte, entries []*store.Entry, cut bool, maxBytes int) []byte {
	start := len(b)
	b = append(b, `{"items":[`...)
	for i, e := range entries {
		before := len(b)
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		b = appendEntry(b, e)
		b = append(b, '}')
		if i > 0 && len(b)-start+len(more) > maxBytes {
			return append(b[:before], more...)
		}
	}
	if cut {
		return append(b, more...)
	}
	return append(b, `]}`...)
}
