package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// HistoryOptions select messages of the history. The zero value means everything,
// oldest first.
type HistoryOptions struct {
	// After and Before are ids that bound the messages, exclusive; "" for none.
	After  string
	Before string
	// Reverse lists the newest first.
	Reverse bool
	// WithUsers also tells who reacted, not only how many.
	WithUsers bool
}

// A ReactionCount says how often a reaction was added to a message.
type ReactionCount struct {
	Reaction string
	Count    int
	// Users are set with [HistoryOptions.WithUsers]: those among the first 20
	// reactions to the message, and the client's own. [Subscription.Reactions]
	// has all.
	Users []User
}

// History iterates over the messages of the channel that were kept and that the
// token lets the client see. It fetches pages as they are needed. Nothing is left
// out or repeated while others publish. After an error it ends. The options may be
// nil.
func (s *Subscription) History(ctx context.Context, o *HistoryOptions) iter.Seq2[Message, error] {
	if o == nil {
		o = new(HistoryOptions)
	}
	return func(yield func(Message, error) bool) {
		// The server takes one of the bounds; the other one is kept here.
		body := listMessages{Channel: s.name, Reverse: o.Reverse, ExpandReactions: o.WithUsers}
		cursor := &body.After
		*cursor = o.After
		if o.Reverse {
			body.After, cursor = "", &body.Before
			*cursor = o.Before
		}
		for {
			var page struct {
				Messages []listedMessage `json:"messages"`
				More     bool            `json:"more"`
			}
			if err := s.c.ask(ctx, s.name, "listMessages", body, &page); err != nil {
				yield(Message{}, err)
				return
			}
			for _, l := range page.Messages {
				m, err := l.message()
				if err == nil && (o.Reverse && m.ID <= o.After || !o.Reverse && o.Before != "" && m.ID >= o.Before) {
					return
				}
				if !yield(m, err) || err != nil {
					return
				}
				*cursor = m.ID
			}
			if len(page.Messages) == 0 || len(page.Messages) < pageSize && !page.More {
				return
			}
		}
	}
}

type listMessages struct {
	Channel         string `json:"channel"`
	After           string `json:"after,omitempty"`
	Before          string `json:"before,omitempty"`
	Reverse         bool   `json:"reverse,omitempty"`
	ExpandReactions bool   `json:"expandReactions,omitempty"`
	Limit           int    `json:"limit,omitzero"`
}

type listedMessage struct {
	ID        string          `json:"id"`
	Event     string          `json:"event"`
	Channel   string          `json:"channel"`
	Data      json.RawMessage `json:"data"`
	Meta      meta            `json:"meta"`
	Reactions reactionCounts  `json:"reactions"`
	Stream    StreamState     `json:"stream"`
	version
}

func (l *listedMessage) message() (Message, error) {
	if l.ID == "" {
		return Message{}, errInvalidID
	}
	m := Message{
		ID: l.ID, Channel: l.Channel, Event: l.Event, Data: orNull(l.Data), From: l.Meta.user(), Reactions: l.Reactions, Stream: l.Stream,
	}
	l.version.of(&m)
	return m, validID(l.ID)
}

// reactionCounts are an object in JSON, whose order counts.
type reactionCounts []ReactionCount

// UnmarshalJSONFrom implements the interface of package json.
func (r *reactionCounts) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*r = nil
	if dec.PeekKind() != '{' {
		return dec.SkipValue() // null
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		reaction := name.String()
		var tally struct {
			Count int    `json:"count"`
			Items []User `json:"items"`
		}
		if err := jsonv2.UnmarshalDecode(dec, &tally); err != nil {
			return fmt.Errorf("reactions: %w", err)
		}
		*r = append(*r, ReactionCount{reaction, tally.Count, tally.Items})
	}
	_, err := dec.ReadToken()
	return err
}
