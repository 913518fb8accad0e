package outbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/hotsock-go/hotsock"
)

// The kinds of rows.
const (
	kindPublish = "publish"
	kindSet     = "set"
	kindErase   = "erase"
)

// A body is the JSON of a row. Its members have the names and meanings of the
// server's HTTP API, so that triggers and other languages can write it. It grows by
// members; a relay that does not know one sets the row aside.
type body struct {
	Event           string          `json:"event,omitempty"`
	Key             string          `json:"key,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
	Store           *int64          `json:"store,omitempty"` // seconds, less than 0 for ever
	DeduplicationID string          `json:"deduplicationId,omitempty"`
	UID             string          `json:"uid,omitempty"`
	UMD             json.RawMessage `json:"umd,omitempty"`
	Exclude         string          `json:"excludeConnectionId,omitempty"`
	Emit            bool            `json:"emitPubSubEvent,omitempty"`
	At              *time.Time      `json:"at,omitempty"`

	Target hotsock.ErasureTarget `json:"target,omitempty"`
	Prefix string                `json:"prefix,omitempty"`
}

// decodeBody reads the body of a row strictly: what a relay does not know could
// change what the rest means.
func decodeBody(text string) (body, error) {
	var b body
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&b); err != nil {
		return b, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return b, errors.New("the body is more than one JSON value")
	}
	return b, nil
}

// message returns the message that a body says. With id, repeating it has no effect.
func (b *body) message(channel, id string) hotsock.Message {
	m := hotsock.Message{
		Channel: channel, Event: b.Event, Store: b.retention(0), DeduplicationID: b.DeduplicationID,
		Exclude: b.Exclude, EmitEvent: b.Emit, At: b.due(),
	}
	if b.Data != nil {
		m.Data = b.Data
	}
	if m.DeduplicationID == "" {
		m.DeduplicationID = "outbox." + id
	}
	if b.UID != "" || b.UMD != nil {
		m.From = &hotsock.Member{UID: b.UID, UMD: b.UMD}
	}
	return m
}

// entry returns the entry that a body says.
func (b *body) entry(channel string) hotsock.Entry {
	e := hotsock.Entry{Channel: channel, Key: b.Key, Store: b.retention(hotsock.Forever), EmitEvent: b.Emit, At: b.due()}
	if b.Data != nil {
		e.Data = b.Data
	}
	return e
}

func (b *body) due() time.Time {
	if b.At == nil {
		return time.Time{}
	}
	return *b.At
}

func (b *body) retention(unset time.Duration) time.Duration {
	switch {
	case b.Store == nil:
		return unset
	case *b.Store < 0:
		return hotsock.Forever
	case *b.Store > maxSeconds:
		return time.Duration(maxSeconds)*time.Second + 1 // which is refused
	}
	return time.Duration(*b.Store) * time.Second
}

// maxSeconds is the most that a time.Duration can have, whole.
const maxSeconds = int64(1<<63-1)/int64(time.Second) - 1
