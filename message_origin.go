package hotsock

import (
	"encoding/json"

	"github.com/hotsock-go/hotsock/store"
)

// A MessageOrigin is how a stored message came to be.
type MessageOrigin struct {
	// Trigger is who asked for it: "client.websocket", "client.http", "server.http"
	// or "server.go". It is "", as all else, for messages that a version before 0.3
	// has stored.
	Trigger string
	// Scheduled says that it was asked for with a schedule.
	Scheduled bool
	// ConnectionID of the client, "" for the server.
	ConnectionID string
	// SourceIP is what [Options.ClientIP] said, and UserAgent the header, each cut to
	// 256 bytes. Both are "" if they are not known, or not kept because of
	// [Options.OmitClientAddress].
	SourceIP, UserAgent string
}

// A keptOrigin is a source as the store keeps it with a message. The names are short,
// because every message has them.
type keptOrigin struct {
	Trigger      string `json:"t,omitempty"`
	Scheduled    bool   `json:"s,omitempty"`
	ConnectionID string `json:"c,omitempty"`
	SourceIP     string `json:"a,omitempty"`
	UserAgent    string `json:"u,omitempty"`
}

// keepOrigin adds to a message that is to be kept where it came from.
func (sw *storeWriter) keepOrigin(p *store.PublishRequest, who *source, scheduled bool) {
	if who.client == nil || scheduled {
		p.Origin = sw.opts.keptOrigin(who, scheduled)
		return
	}
	if known := who.client.keptOrigin.Load(); known != nil {
		p.Origin = *known
		return
	}
	kept := sw.opts.keptOrigin(who, false) // one for all messages of the connection
	who.client.keptOrigin.Store(&kept)
	p.Origin = kept
}

func (o *Options) keptOrigin(who *source, scheduled bool) []byte {
	k := keptOrigin{Trigger: who.Trigger, Scheduled: scheduled, ConnectionID: who.ConnectionID}
	if !o.OmitClientAddress {
		k.SourceIP, k.UserAgent = who.SourceIP, who.UserAgent
	}
	b, _ := json.Marshal(k) // strings only
	return b
}

// messageOrigin is the reverse. What another version wrote may not be readable.
func messageOrigin(kept []byte) MessageOrigin {
	var k keptOrigin
	_ = json.Unmarshal(kept, &k)
	return MessageOrigin(k)
}
