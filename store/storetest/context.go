package storetest

import (
	"context"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// testPassedDeadline publishes when the deadline has passed: that fails, or is
// carried out as any other.
func testPassedDeadline(e *env) {
	a := e.join()
	a.watch("c")
	ctx, cancel := context.WithDeadline(e.Context(), time.Unix(1, 0))
	defer cancel()
	r, err := a.Publish(ctx, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour})
	var want []ulid.ULID
	if err == nil {
		want = append(want, r.ID)
	} else {
		e.wantErr("Publish", err, store.ErrUnavailable)
		e.wantErr("Publish", err, context.DeadlineExceeded)
	}
	wantEqual(e, "history", idsOf(a.history(store.HistoryRequest{Channel: "c", Limit: 10})), want)
}

// testEndedContext calls every method with a context that has ended: each
// fails, and changes nothing.
func testEndedContext(e *env) {
	a := e.join()
	a.watch("c")
	f := a.start()
	scheduler := a.store.Scheduler()
	kept := a.publish(store.PublishRequest{Channel: "c", Event: "kept", Retention: time.Hour}).ID
	entryBefore := a.set(write("k", "1")).Entry
	a.subscribe(store.SubscribeRequest{Channel: "c", Connection: "1", UMD: []byte("1"), Counted: true})
	s := e.publishing(time.Hour, "c")
	group := a.add(s)

	ctx, cancel := context.WithCancel(e.Context())
	cancel()
	refused := e.publishing(0, "c")
	for _, row := range []struct {
		what string
		do   func() error
	}{
		{"Publish", func() error {
			_, err := a.Publish(ctx, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour, DedupID: "d", DedupFor: time.Hour})
			return err
		}},
		{"History", func() error {
			_, err := a.History(ctx, store.HistoryRequest{Channel: "c", Limit: 1})
			return err
		}},
		{"Replay", func() error {
			_, err := a.Replay(ctx, store.ReplayRequest{Channel: "c", After: kept, Until: maxID, Limit: 1})
			return err
		}},
		{"Edit", func() error { _, err := a.Edit(ctx, deletionOf(kept)); return err }},
		{"React", func() error { _, err := a.React(ctx, reactionTo(kept, "Jim", "👍", false)); return err }},
		{"Tallies", func() error { _, err := a.Tallies(ctx, tallyOf(kept)); return err }},
		{"Reactions", func() error { _, err := a.Reactions(ctx, reactionsTo(kept)); return err }},
		{"Watch", func() error { return a.Watch(ctx, "other") }},
		{"Subscribe", func() error {
			_, err := a.Subscribe(ctx, store.SubscribeRequest{Channel: "c", Connection: "2", Counted: true})
			return err
		}},
		{"Unsubscribe", func() error {
			_, err := a.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: "c", Connection: "1"})
			return err
		}},
		{"UpdateSubscription", func() error {
			_, err := a.UpdateSubscription(ctx, store.UpdateSubscriptionRequest{Channel: "c", Connection: "1", UMD: []byte("2"), MaxMembersSize: roomy})
			return err
		}},
		{"Channel", func() error { _, err := a.Channel(ctx, "c"); return err }},
		{"Set", func() error { _, err := a.Set(ctx, write("k", "2")); return err }},
		{"Entries", func() error {
			_, err := a.Entries(ctx, store.EntriesRequest{Channel: "c", Keys: []string{"k"}})
			return err
		}},
		{"Keys", func() error { _, err := a.Keys(ctx, store.KeysRequest{Channel: "c", Limit: 1}); return err }},
		{"Erase", func() error {
			_, err := a.Erase(ctx, store.EraseRequest{Channel: "c", Limit: 1})
			return err
		}},
		{"AddConnection", func() error { return a.AddConnection(ctx, store.Connection{ID: "2"}) }},
		{"RemoveConnection", func() error { return a.RemoveConnection(ctx, "2") }},
		{"UseToken", func() error { _, err := a.UseToken(ctx, "t", e.h.Now().Add(time.Hour)); return err }},
		{"Peers", func() error { _, err := a.Peers(ctx); return err }},
		{"Call", func() error { _, err := a.Call(ctx, a.ID(), nil); return err }},
		{"Ready", func() error { return a.Ready(ctx) }},
		{"Join", func() error {
			_, err := a.store.Join(ctx, newRecorder(e, 0), store.JoinOptions{
				ReplayWindow: time.Minute, ReplayLimit: 1000, NodeTimeout: time.Minute,
			})
			return err
		}},
		{"Start", func() error { _, err := scheduler.Start(ctx, a.Node, f.note); return err }},
		{"Add", func() error { _, err := scheduler.Add(ctx, refused); return err }},
		{"Cancel", func() error { return scheduler.Cancel(ctx, group, s.ID) }},
		{"Move", func() error { return scheduler.Move(ctx, group, s.ID, e.h.Now()) }},
		{"Schedule", func() error { _, err := scheduler.Schedule(ctx, group, s.ID); return err }},
		{"Schedules", func() error { _, err := scheduler.Schedules(ctx, store.SchedulesRequest{Limit: 1}); return err }},
	} {
		err := row.do()
		e.wantErr(row.what, err, store.ErrUnavailable)
		e.wantErr(row.what, err, context.Canceled)
	}

	e.h.Advance(500 * time.Millisecond)
	wantEqual(e, "subscriptions", a.info("c"), store.ChannelInfo{Count: 1})
	wantEqual(e, "metadata", string(a.unsubscribe("c", "1").UMD), "1")
	a.wantEntry("after the refused write", "k", &entryBefore)
	wantEqual(e, "reactions", a.reactions(kept), nil)
	wantEqual(e, "history", idsOf(a.history(store.HistoryRequest{Channel: "c", Limit: 10})), []ulid.ULID{kept})
	wantEqual(e, "schedules", a.schedules(store.SchedulesRequest{Limit: 10}), []*store.Schedule{scheduled(s, group)})
	if first, err := a.UseToken(e.Context(), "t", e.h.Now().Add(time.Hour)); err != nil || !first {
		e.Errorf("the refused use of a token used it up: %v", err)
	}
	if res := a.publish(store.PublishRequest{Channel: "c", Event: "e", DedupID: "d", DedupFor: time.Hour}); res.Duplicate {
		e.Error("the refused publish used up its deduplication id")
	}
	a.mark("c", a)
	if n := len(a.r.delivered("c")); n != 4 {
		e.Errorf("%d items, want a message, a write, a message and the mark", n)
	}
	wantEqual(e, "peers", a.peers(), []string{a.ID()})
	if n := len(all(f)); n > 0 {
		e.Errorf("%d schedules fired", n)
	}
}

func scheduled(s store.Schedule, group string) *store.Schedule {
	s.Group = group
	return &s
}
