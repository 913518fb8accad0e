package storeredis

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// A deed is something that a node does.
type deed struct {
	what string
	do   func(context.Context) error
}

// deeds are what a node does with the channel c and the presence channel
// presence.c, in which there is some of everything.
type deeds struct {
	n *node
	// ids of the items of c.
	ids   []ulid.ULID
	group string
	// schedules that are pending.
	schedules [2]ulid.ULID
	// erased is up to where another channel is erased, with a message to be freed.
	erased ulid.ULID
}

func startDeeds(t *testing.T, n *node) *deeds {
	t.Helper()
	ctx := unhurried(t)
	d := &deeds{n: n}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	for _, keep := range []time.Duration{time.Hour, 0, store.Forever} {
		d.ids = append(d.ids, mustPublish(t, n, store.PublishRequest{
			Channel: "c", Event: "e", Retention: keep, DedupID: fmt.Sprint(keep), DedupFor: time.Minute,
		}))
	}
	set, err := n.Set(ctx, d.entry("old", "1"))
	must(err)
	d.ids = append(d.ids, set.Entry.ID)
	mustPublish(t, n, store.PublishRequest{Channel: "erased", Event: "e", Retention: store.Forever})
	erased, err := n.Erase(ctx, store.EraseRequest{Channel: "erased", Limit: 1})
	must(err)
	d.erased = erased.Until
	reacted, err := n.React(ctx, d.reaction("old"))
	must(err)
	d.ids = append(d.ids, reacted.Notice)
	for _, connection := range []string{"old", "leaving"} {
		must(n.AddConnection(ctx, store.Connection{ID: connection, Info: []byte("i")}))
		_, err = n.Subscribe(ctx, d.member(connection))
		must(err)
	}
	for i := range d.schedules {
		d.schedules[i] = ulid.Make()
		d.group, err = n.s.Scheduler().Add(ctx, d.schedule(d.schedules[i]))
		must(err)
	}
	return d
}

func (d *deeds) entry(key, value string) store.SetRequest {
	return store.SetRequest{Channel: "c", Key: key, Value: []byte(value), Digest: value, Retention: store.Forever}
}

func (d *deeds) reaction(name string) store.ReactRequest {
	return store.ReactRequest{
		Channel:  "c",
		Reaction: store.Reaction{Message: d.ids[0], UID: "Jim", Reaction: name},
		Notice:   store.PublishRequest{Channel: "c", Event: "reaction"},
	}
}

func (d *deeds) member(connection string) store.SubscribeRequest {
	return store.SubscribeRequest{
		Channel: "presence.c", Connection: connection, UID: connection, Presence: true, MaxMembersSize: 1000, Counted: true,
	}
}

func (d *deeds) schedule(id ulid.ULID) store.Schedule {
	return store.Schedule{
		ID: id, Due: time.Now().Add(time.Hour), Publish: &store.PublishRequest{Channel: "c", Event: "scheduled"},
	}
}

// growing are deeds that need memory. They can be done more than once.
func (d *deeds) growing() []deed {
	publish := func(p store.PublishRequest) func(context.Context) error {
		p.Channel, p.Event = "c", "e"
		return func(ctx context.Context) error {
			_, err := d.n.Publish(ctx, p)
			return err
		}
	}
	set := func(s store.SetRequest) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := d.n.Set(ctx, s)
			return err
		}
	}
	cleared := d.entry("old", "")
	cleared.Value = nil
	return []deed{
		{"publish", publish(store.PublishRequest{})},
		{"publish and keep", publish(store.PublishRequest{Retention: time.Hour})},
		{"publish and keep for ever", publish(store.PublishRequest{Retention: store.Forever})},
		{"publish once", publish(store.PublishRequest{DedupID: "new", DedupFor: time.Minute})},
		{"publish once more", publish(store.PublishRequest{DedupID: "0s", DedupFor: time.Minute})},
		{"set a new entry", set(d.entry("new", "1"))},
		{"change an entry", set(d.entry("old", "2"))},
		{"clear an entry", set(cleared)},
		{"react", func(ctx context.Context) error {
			_, err := d.n.React(ctx, d.reaction("new"))
			return err
		}},
		{"take a reaction back", func(ctx context.Context) error {
			r := d.reaction("old")
			r.Remove = true
			_, err := d.n.React(ctx, r)
			return err
		}},
		{"update a message", func(ctx context.Context) error {
			_, err := d.n.Edit(ctx, update(d.ids[0], "1"))
			return err
		}},
		{"connect", func(ctx context.Context) error {
			return d.n.AddConnection(ctx, store.Connection{ID: "new"})
		}},
		{"subscribe", func(ctx context.Context) error {
			_, err := d.n.Subscribe(ctx, d.member("new"))
			return err
		}},
		{"change a member", func(ctx context.Context) error {
			_, err := d.n.UpdateSubscription(ctx, store.UpdateSubscriptionRequest{
				Channel: "presence.c", Connection: "old", UMD: []byte(`1`), MaxMembersSize: 1000,
			})
			return err
		}},
		{"use a token", func(ctx context.Context) error {
			_, err := d.n.UseToken(ctx, "token", time.Now().Add(time.Minute))
			return err
		}},
		{"schedule", func(ctx context.Context) error {
			_, err := d.n.s.Scheduler().Add(ctx, d.schedule(ulid.Make()))
			return err
		}},
		{"move a schedule", func(ctx context.Context) error {
			return d.n.s.Scheduler().Move(ctx, d.group, d.schedules[1], time.Now().Add(2*time.Hour))
		}},
	}
}

// reading are deeds that change nothing, and check what they read.
func (d *deeds) reading() []deed {
	want := func(what string, got, want int, err error) error {
		if err == nil && got != want {
			err = fmt.Errorf("%d %s, want %d", got, what, want)
		}
		return err
	}
	return []deed{
		{"history", func(ctx context.Context) error {
			h, err := d.n.History(ctx, store.HistoryRequest{Channel: "c", Limit: 10, MaxBytes: 1 << 20})
			return want("messages", len(h.Messages), 2, err)
		}},
		{"replay", func(ctx context.Context) error {
			r, err := d.n.Replay(ctx, store.ReplayRequest{Channel: "c", After: d.ids[0], Until: d.ids[4], Limit: 10, MaxBytes: 1 << 20})
			if err == nil && !r.Complete {
				return errors.New("not complete")
			}
			return want("messages", len(r.Messages), 3, err)
		}},
		{"reactions", func(ctx context.Context) error {
			p, err := d.n.Reactions(ctx, store.ReactionsRequest{Channel: "c", Message: d.ids[0], Limit: 10, MaxBytes: 1000})
			return want("reactions", len(p.Reactions), 1, err)
		}},
		{"entries", func(ctx context.Context) error {
			p, err := d.n.Entries(ctx, store.EntriesRequest{Channel: "c", Keys: []string{"old", "none"}})
			return want("entries", len(p.Entries), 1, err)
		}},
		{"keys", func(ctx context.Context) error {
			keys, err := d.n.Keys(ctx, store.KeysRequest{Channel: "c", Limit: 10})
			return want("keys", len(keys.Keys), 1, err)
		}},
		{"channel", func(ctx context.Context) error {
			info, err := d.n.Channel(ctx, "presence.c")
			return want("members", len(info.Members), 2, err)
		}},
		{"schedules", func(ctx context.Context) error {
			q, err := d.n.s.Scheduler().Schedules(ctx, store.SchedulesRequest{Channel: "c", Limit: 10})
			return want("schedules", len(q.Schedules), 2, err)
		}},
		{"peers", func(ctx context.Context) error {
			p, err := d.n.Peers(ctx)
			// A lease lapses for a moment if a busy machine is late to renew it.
			for end := time.Now().Add(back); err == nil && len(p) < 2 && time.Now().Before(end); {
				p, err = d.n.Peers(ctx)
			}
			return want("peers", len(p), 2, err)
		}},
	}
}

// freeing are deeds that need no memory, or give some back. They can be done
// once.
func (d *deeds) freeing() []deed {
	return []deed{
		{"unsubscribe", func(ctx context.Context) error {
			end, err := d.n.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: "presence.c", Connection: "leaving"})
			if err == nil && (end.Count != 1 || end.Change == nil) {
				err = fmt.Errorf("count %d, change %v", end.Count, end.Change)
			}
			return err
		}},
		{"disconnect", func(ctx context.Context) error { return d.n.RemoveConnection(ctx, "leaving") }},
		{"cancel a schedule", func(ctx context.Context) error {
			return d.n.s.Scheduler().Cancel(ctx, d.group, d.schedules[0])
		}},
		{"free what is erased", func(ctx context.Context) error {
			res, err := d.n.Erase(ctx, store.EraseRequest{Channel: "erased", Until: d.erased, Limit: 10})
			if err == nil && res.Freed != 1 {
				err = fmt.Errorf("%d messages are freed, want 1", res.Freed)
			}
			return err
		}},
	}
}
