package hotsock

import (
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// erasureChannel is the reserved channel of the erasures. It must never change.
const erasureChannel = "#erasures"

// An erasure is one as the store keeps it: the value of an entry of the reserved channel,
// whose key is its id.
type erasure struct {
	id      string
	version ulid.ULID // the entry's ID: whoever writes the next one has the erasure

	Channel    string        `json:"channel"`
	Target     ErasureTarget `json:"target"`
	UID        string        `json:"uid,omitempty"`
	Prefix     string        `json:"prefix,omitempty"`
	AcceptedAt time.Time     `json:"acceptedAt"`
	// Until is zero while the erasure begins.
	Until ulid.ULID `json:"until,omitzero"`
	// After is from where it goes on: the id of a message or the key of an entry.
	After  string `json:"after,omitempty"`
	Erased int    `json:"erased,omitempty"`
	Done   bool   `json:"done,omitempty"`
	// Saved makes each version another one.
	Saved int `json:"saved"`
}

// parseErasure returns nil for what cannot be read.
func parseErasure(entry *store.Entry) *erasure {
	e := &erasure{id: entry.Key, version: entry.ID}
	if json.Unmarshal(entry.Value, e) != nil {
		return nil
	}
	return e
}

// write is the request that keeps the erasure, unless somebody else has written another
// version.
func (e *erasure) write() (store.SetRequest, error) {
	value, err := json.Marshal(e)
	if err != nil {
		return store.SetRequest{}, err
	}
	r := store.SetRequest{
		Channel: erasureChannel, Key: e.id, Value: value, Digest: wire.Digest(value), Retention: store.Forever, IfID: &e.version,
	}
	if e.Done {
		r.Retention = erasureKept
	}
	return r, nil
}

func (e *erasure) public() Erasure {
	out := Erasure{
		ID: e.id, Channel: e.Channel, Target: e.Target, UID: e.UID, Prefix: e.Prefix, AcceptedAt: e.AcceptedAt,
		Erased: e.Erased, Done: e.Done,
	}
	if !e.Until.IsZero() {
		out.Until = e.Until.String()
	}
	return out
}
