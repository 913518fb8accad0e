package wire

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// A Connection is a client that is connected, as the server API and other nodes are
// told. UID, SourceIP and UserAgent are "" for null.
type Connection struct {
	ID            string          `json:"id"`
	UID           string          `json:"uid,omitempty"`
	UMD           json.RawMessage `json:"umd,omitempty"`
	ConnectedAt   time.Time       `json:"connectedAt"`
	SourceIP      string          `json:"sourceIp,omitempty"`
	UserAgent     string          `json:"userAgent,omitempty"`
	Subscriptions int             `json:"subscriptions,omitempty"`
}

// A ChannelSummary is a channel that has subscriptions, as the server API and other
// nodes are told.
type ChannelSummary struct {
	Name          string `json:"name"`
	Subscriptions int    `json:"subscriptions,omitempty"`
	Members       int    `json:"members,omitempty"`
}

// UserConnections is how many connections a user has.
type UserConnections struct {
	UID         string
	Connections int
}

// AppendConnectionPage appends the server API's list of connections. A next that is
// not "" is the cursor of the next page.
func AppendConnectionPage(b []byte, conns []Connection, next string) []byte {
	b = append(b, `{"connections":[`...)
	for i := range conns {
		c := &conns[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"id":`...)
		b = appendString(b, c.ID)
		b = append(b, `,"uid":`...)
		b = appendStringOrNull(b, c.UID)
		b = append(b, `,"umd":`...)
		b = appendValue(b, c.UMD)
		b = append(b, `,"connectedAt":"`...)
		b = c.ConnectedAt.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, `","sourceIp":`...)
		b = appendStringOrNull(b, c.SourceIP)
		b = append(b, `,"userAgent":`...)
		b = appendStringOrNull(b, c.UserAgent)
		b = append(b, `,"subscriptionsCount":`...)
		b = strconv.AppendInt(b, int64(c.Subscriptions), 10)
		b = append(b, '}')
	}
	return appendNext(b, next)
}

// AppendChannelPage appends the server API's list of channels. A next that is not ""
// is the cursor of the next page.
func AppendChannelPage(b []byte, channels []ChannelSummary, next string) []byte {
	b = append(b, `{"channels":[`...)
	for i, c := range channels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = appendString(b, c.Name)
		b = append(b, `,"subscriptionsCount":`...)
		b = strconv.AppendInt(b, int64(c.Subscriptions), 10)
		if protocol.IsPresence(c.Name) {
			b = append(b, `,"membersCount":`...)
			b = strconv.AppendInt(b, int64(c.Members), 10)
		}
		b = append(b, '}')
	}
	return appendNext(b, next)
}

// AppendOnline appends the server API's answer of who is connected.
func AppendOnline(b []byte, users []UserConnections) []byte {
	b = append(b, `{"users":[`...)
	for i, u := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"uid":`...)
		b = appendString(b, u.UID)
		b = append(b, `,"connections":`...)
		b = strconv.AppendInt(b, int64(u.Connections), 10)
		b = append(b, '}')
	}
	return append(b, `]}`...)
}

// appendNext ends a page.
func appendNext(b []byte, next string) []byte {
	b = append(b, ']')
	if next != "" {
		b = append(b, `,"next":`...)
		b = appendString(b, next)
	}
	return append(b, '}')
}
