package hotsock

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

// A source is where something came from, as backend events describe it.
type source struct {
	ConnectionID string `json:"connectionId,omitempty"`
	SourceIP     string `json:"sourceIp,omitempty"`
	UserAgent    string `json:"userAgent,omitempty"`
	Trigger      string `json:"trigger,omitempty"`
	RequestID    string `json:"requestId,omitempty"`
	// client is the connection whose command it is, nil for a request over HTTP.
	client *connection
}

// source is the connection, when its client asks for something.
func (c *connection) source() source {
	return source{ConnectionID: c.id, SourceIP: c.sourceIP, UserAgent: c.userAgent, Trigger: "client.websocket", client: c}
}

// source describes who sent a request.
func (o *Options) source(r *http.Request, trigger string) source {
	ip, agent := o.sender(r)
	return source{SourceIP: ip, UserAgent: agent, Trigger: trigger}
}

// sender is where a request comes from.
func (o *Options) sender(r *http.Request) (ip, agent string) {
	// A part of the request's headers, which must not be kept with it.
	return clip(o.ClientIP(r)), strings.Clone(clip(r.UserAgent()))
}

// clip is a header's value in what is kept or logged of a request, and what the app
// makes of headers.
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
func (r *source) metadata(m EventMetadata) EventMetadata {
	m.ConnectionID, m.SourceIP, m.UserAgent, m.Trigger = r.ConnectionID, r.SourceIP, r.UserAgent, r.Trigger
	m.RequestID = r.RequestID
	if m.RequestID == "" {
		m.RequestID = newRequestID()
	}
	return m
}

func newRequestID() string { return ulid.Make().String() }

// origin is the source as it is kept with what it made.
func (o *Options) origin(who *source) []byte {
	c := *who
	if o.OmitClientAddress {
		c.SourceIP, c.UserAgent = "", ""
	}
	if c.RequestID == "" {
		c.RequestID = newRequestID()
	}
	b, _ := json.Marshal(c) // strings only
	return b
}

// sourceOf is the reverse. What another version wrote may not be readable.
func sourceOf(origin []byte) (r source) {
	_ = json.Unmarshal(origin, &r)
	return r
}
