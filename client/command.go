package client

import (
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"github.com/hotsock-go/hotsock/internal/appdata"
)

// A command is what the client sends over the WebSocket.
type command struct {
	Event    string          `json:"event"`
	Channel  string          `json:"channel,omitempty"`
	Key      string          `json:"key,omitempty"`
	Data     json.RawMessage `json:"data,omitzero"`
	Schedule string          `json:"scheduleExpression,omitempty"`
	Dedup    string          `json:"deduplicationId,omitempty"`
	// IfVersion is the version that an entry must have, null for no entry.
	IfVersion   json.RawMessage `json:"ifVersion,omitzero"`
	WithVersion bool            `json:"version,omitzero"`
	Ref         string          `json:"ref,omitempty"`
}

func (c *command) encode() ([]byte, error) {
	b, err := jsonv2.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("hotsock: cannot be sent: %w", err)
	}
	return b, nil
}

// marshal makes JSON of what the program gives.
func marshal(v any) (json.RawMessage, error) {
	b, err := appdata.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("hotsock: cannot be sent: %w", err)
	}
	return b, nil
}

// at is the schedule expression for a time. Expressions have whole seconds: it
// is rounded up, so that nothing happens early.
func at(t time.Time) string {
	if r := t.Truncate(time.Second); r.Before(t) {
		t = r.Add(time.Second)
	}
	return t.UTC().Format("at(2006-01-02T15:04:05)")
}
