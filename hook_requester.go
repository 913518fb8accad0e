package hotsock

import (
	"bytes"
	"encoding/json"

	"github.com/hotsock-go/hotsock/store"
)

// A Requester is the client that asks for something, as the app's own code sees
// it. It is a copy: what is done to it changes nothing of the client.
type Requester struct {
	// ConnectionID of the client.
	ConnectionID string
	// UID is the user's, "" for none, and UMD the metadata, nil for none. On a
	// channel to which the client is subscribed, they are those of the
	// subscription, which a subscribe token or a umd token may have changed.
	UID string
	UMD json.RawMessage
	// SourceIP is what [Options.ClientIP] returned: for "client.http" of this
	// request, and otherwise of the one that opened the connection.
	SourceIP string
	// UserAgent is the header of the same request, cut to 256 bytes.
	UserAgent string
	// Trigger is how the client asks: "client.websocket" or "client.http".
	Trigger string

	claims []byte
}

// Claims returns what the client's connect token says, or what
// [Options.Authenticate] returned. It decodes them at each call.
func (r Requester) Claims() Claims {
	var c Claims
	_ = c.UnmarshalJSON(r.claims) // they were verified
	return c
}

// requester says who asks: what came from there, as that user, with the claims of
// the connection as JSON.
func (r *source) requester(m store.Meta, claims []byte) Requester {
	return Requester{
		ConnectionID: r.ConnectionID, UID: m.UID, UMD: bytes.Clone(m.UMD),
		SourceIP: r.SourceIP, UserAgent: r.UserAgent, Trigger: r.Trigger,
		claims: claims,
	}
}
