package hotsock

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// A requester is who asks for something, as backend events describe it.
type requester struct {
	ConnectionID string `json:"connectionId,omitempty"`
	SourceIP     string `json:"sourceIp,omitempty"`
	UserAgent    string `json:"userAgent,omitempty"`
	Trigger      string `json:"trigger,omitempty"`
	RequestID    string `json:"requestId,omitempty"`
}

// requester is the connection, when its client asks for something.
func (c *connection) requester() requester {
	return requester{ConnectionID: c.id, SourceIP: c.sourceIP, UserAgent: c.userAgent, Trigger: "client.websocket"}
}

// requester describes who sent a request.
func (o *Options) requester(r *http.Request, trigger string) requester {
	ip, agent := o.sender(r)
	return requester{SourceIP: ip, UserAgent: agent, Trigger: trigger}
}

// sender is where a request comes from.
func (o *Options) sender(r *http.Request) (ip, agent string) {
	// A part of the request's headers, which must not be kept with it.
	return o.ClientIP(r), strings.Clone(clip(r.UserAgent()))
}

// clip is a header's value in what is kept or logged of a request.
func clip(value string) string {
	return toUTF8(value[:min(len(value), maxHeaderValue)])
}

func toUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// metadata adds who caused it to an event's metadata. A request gets its id when
// one is needed.
func (r *requester) metadata(m EventMetadata) EventMetadata {
	m.ConnectionID, m.SourceIP, m.UserAgent, m.Trigger = r.ConnectionID, r.SourceIP, r.UserAgent, r.Trigger
	m.RequestID = r.RequestID
	if m.RequestID == "" {
		m.RequestID = newRequestID()
	}
	return m
}

func newRequestID() string { return ulid.Make().String() }

// origin is the requester as it is kept with what it made.
func (r *requester) origin() []byte {
	c := *r
	if c.RequestID == "" {
		c.RequestID = newRequestID()
	}
	b, _ := json.Marshal(c) // strings only
	return b
}

// requesterOf is the reverse. What another version wrote may not be readable.
func requesterOf(origin []byte) (r requester) {
	_ = json.Unmarshal(origin, &r)
	return r
}
