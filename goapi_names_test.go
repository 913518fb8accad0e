package hotsock

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/protocol"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// Names that nothing can have are refused by all of the Go API, before the store
// is asked.
func TestGoAPIRefusesNames(t *testing.T) {
	s := &faultyStore{Store: storememory.New()}
	h, err := New(Options{Keys: []Key{tokenHS256.Key()}, Store: s})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	s.setDown(true) // else a name that is let through might be refused by the store
	const id = "01J00000000000000000000000"
	ctx := t.Context()
	type call struct {
		what string
		do   func(name string) error
	}
	channels := []call{
		{"Publish", func(n string) error { _, err := h.Publish(ctx, Message{Channel: n, Event: "e"}); return err }},
		{"SetStorage", func(n string) error { _, err := h.SetStorage(ctx, Entry{Channel: n, Key: "k"}); return err }},
		{"React", func(n string) error {
			return h.React(ctx, Reaction{Channel: n, MessageID: id, Reaction: "+", UID: "u"})
		}},
		{"ChannelInfo", func(n string) error { _, err := h.ChannelInfo(ctx, n); return err }},
		{"Storage", func(n string) error { _, err := h.Storage(ctx, StorageQuery{Channel: n}); return err }},
		{"History", func(n string) error { _, err := h.History(ctx, HistoryQuery{Channel: n}); return err }},
		{"Reactions", func(n string) error {
			_, err := h.Reactions(ctx, ReactionsQuery{Channel: n, MessageID: id})
			return err
		}},
		{"UnsubscribeUser", func(n string) error { _, err := h.UnsubscribeUser(ctx, "u", n); return err }},
		{"Schedules", func(n string) error {
			if n == "" {
				n = " " // "" means all
			}
			_, err := h.Schedules(ctx, ScheduleQuery{Channel: n})
			return err
		}},
	}
	keys := []call{
		{"SetStorage", func(n string) error { _, err := h.SetStorage(ctx, Entry{Channel: "c", Key: n}); return err }},
		{"Storage", func(n string) error {
			_, err := h.Storage(ctx, StorageQuery{Channel: "c", Keys: []string{"k", n}})
			return err
		}},
	}
	users := []call{
		{"React", func(n string) error {
			return h.React(ctx, Reaction{Channel: "c", MessageID: id, Reaction: "+", UID: n})
		}},
	}
	nobody := []call{
		{"UnsubscribeUser", func(n string) error { _, err := h.UnsubscribeUser(ctx, n, "c"); return err }},
		{"DisconnectUser", func(n string) error { _, err := h.DisconnectUser(ctx, n); return err }},
	}
	reactions := []call{{"React", func(n string) error {
		return h.React(ctx, Reaction{Channel: "c", MessageID: id, Reaction: n, UID: "u"})
	}}}
	bad := []string{"", "a b", "a*", "a#", "a,b", "a\n", "\xff"}
	for _, tt := range []struct {
		kind  string
		calls []call
		names []string
	}{
		{"channel", channels, append(slices.Clone(bad), strings.Repeat("x", protocol.MaxChannel+1))},
		{"key", keys, append(slices.Clone(bad), strings.Repeat("x", protocol.MaxKey+1))},
		{"user", users, []string{"", "\xff", strings.Repeat("x", protocol.MaxUID+1)}},
		{"user", nobody, []string{""}},
		{"reaction", reactions, []string{"", " ", "#", "a\n", "\xff", strings.Repeat("x", protocol.MaxReaction+1)}},
	} {
		for _, c := range tt.calls {
			for _, name := range tt.names {
				if err := c.do(name); !isInvalid(err) {
					t.Errorf("%s of a %s %.20q: %v", c.what, tt.kind, name, err)
				}
			}
		}
	}
}

// isInvalid reports whether a request was refused as malformed.
func isInvalid(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == CodeInvalidRequest
}
