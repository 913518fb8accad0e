package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/client"
)

// A record is one thing that happened on a channel, as a line of output.
type record struct {
	Type      string          `json:"type"`
	Channel   string          `json:"channel"`
	ID        string          `json:"id,omitempty"`
	Time      *time.Time      `json:"time,omitempty"` // of the id
	Event     string          `json:"event,omitempty"`
	Key       string          `json:"key,omitempty"`
	MessageID string          `json:"messageId,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Text      string          `json:"text,omitempty"`
	Version   int64           `json:"version,omitempty"`
	UID       string          `json:"uid,omitempty"`
	UMD       json.RawMessage `json:"umd,omitempty"`
	Stream    string          `json:"stream,omitempty"`
	Reaction  string          `json:"reaction,omitempty"`
	Removed   bool            `json:"removed,omitempty"`
	Change    string          `json:"change,omitempty"`
	Members   *int            `json:"members,omitempty"`
	Count     *int            `json:"subscriptionsCount,omitempty"`
	After     string          `json:"after,omitempty"`
	Last      string          `json:"last,omitempty"`
}

// recordOf makes one of an event.
func recordOf(channel string, event client.Event) record {
	r := record{Channel: channel}
	switch e := event.(type) {
	case client.Message:
		return messageRecord(channel, e)
	case client.Update:
		r.Type, r.ID, r.MessageID, r.Data, r.Version, r.UID, r.UMD = "update", e.ID, e.MessageID, e.Data, e.Version, e.From.UID, e.From.UMD
	case client.Append:
		r.Type, r.ID, r.MessageID, r.Text, r.Version, r.Stream = "append", e.ID, e.MessageID, e.Text, e.Version, e.Stream.State
	case client.Deletion:
		r.Type, r.ID, r.MessageID, r.UID, r.UMD = "deletion", e.ID, e.MessageID, e.From.UID, e.From.UMD
	case client.Reaction:
		r.Type, r.ID, r.MessageID, r.Reaction, r.Removed, r.UID, r.UMD = "reaction", e.ID, e.MessageID, e.Reaction, e.Removed, e.From.UID, e.From.UMD
	case client.MemberChange:
		n := len(e.Members)
		r.Type, r.Change, r.Members, r.UID, r.UMD = "member", e.Kind.String(), &n, e.Member.UID, e.Member.UMD
	case client.Entry:
		r.Type, r.Key, r.Data, r.UID, r.UMD = "entry", e.Key, e.Data, e.By.UID, e.By.UMD
	case client.Erasure:
		r.Type, r.ID = "erasure", e.ID
	case client.ChannelInfo:
		r.Type, r.Count = "info", &e.Subscriptions
	case client.Gap:
		r.Type, r.After, r.Last = "gap", e.After, e.Last
	default:
		r.Type = "unknown"
	}
	r.Time = timeOf(r.ID)
	return r
}

func messageRecord(channel string, m client.Message) record {
	return record{
		Type: "message", Channel: channel, ID: m.ID, Time: timeOf(m.ID), Event: m.Event, Data: m.Data, Version: m.Version,
		UID: m.From.UID, UMD: m.From.UMD, Stream: m.Stream.State,
	}
}

// timeOf returns the time that an id has in it, nil for none.
func timeOf(id string) *time.Time {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return nil
	}
	t := u.Timestamp()
	return &t
}

// line is a record for people.
func (r *record) line(now time.Time) string {
	if r.Time != nil {
		now = *r.Time
	}
	who := r.UID
	if who == "" {
		who = "-"
	}
	columns := []string{now.Local().Format("2006-01-02 15:04:05.000"), word(r.Channel)}
	add := func(texts ...string) { columns = append(columns, texts...) }
	switch r.Type {
	case "message":
		add(word(r.Event), word(who), shown(r.Data))
		if r.Version > 1 {
			add(fmt.Sprintf("(version %d)", r.Version))
		}
	case "update":
		add("updated", word(who), word(r.MessageID), shown(r.Data))
	case "append":
		add("appended", word(r.MessageID), shown(quoted(r.Text)), word(r.Stream))
	case "deletion":
		add("deleted", word(who), word(r.MessageID))
	case "reaction":
		sign := "+"
		if r.Removed {
			sign = "-"
		}
		add("reaction", word(who), sign+word(r.Reaction), word(r.MessageID))
	case "member":
		add("member", r.Change, word(who), fmt.Sprintf("(%d there)", *r.Members))
	case "entry":
		add("entry", word(who), word(r.Key), shown(r.Data))
	case "erasure":
		add("erased")
	case "info":
		add(fmt.Sprintf("subscriptions: %d", *r.Count))
	case "gap":
		add("GAP: messages may be missing here", between(r.After, r.Last))
	default:
		add(r.Type)
	}
	return strings.TrimRight(strings.Join(columns, "  "), " ") + "\n"
}

func between(after, last string) string {
	var text string
	if after != "" {
		text = "after " + word(after)
	}
	if last != "" {
		text += " up to " + word(last)
	}
	return strings.TrimSpace(text)
}

// quoted is text as JSON.
func quoted(text string) json.RawMessage {
	b, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	return b
}

// print writes a record.
func (r *record) print(s *system, asJSON bool) error {
	if asJSON {
		return writeJSON(s.stdout, r)
	}
	return s.write(r.line(time.Now()))
}
