package storeredis

import (
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// TestFireWithoutPlace takes a schedule out of its channel's list, in which it is
// looked for, while another one that is due later is there. It fires all the same,
// and the search ends: one that did not would stop the server.
func TestFireWithoutPlace(t *testing.T) {
	t.Parallel()
	ctx := unhurried(t)
	srv := redistest.StartServer(t)
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	d := n.s.Scheduler()
	add := func(due time.Time) ulid.ULID {
		id := ulid.Make()
		if _, err := d.Add(ctx, store.Schedule{
			ID: id, Due: due, Publish: &store.PublishRequest{Channel: "c", Event: "e"},
		}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	add(time.Now().Add(time.Hour))
	id := add(time.Now())
	ck := n.s.keys.channel("c")
	if err := srv.Client().ZRem(ctx, ck.schedules(), id.String()).Err(); err != nil {
		t.Fatal(err)
	}
	fired := make(chan store.Fired, 1)
	stop, err := d.Start(ctx, n, func(f store.Fired) { fired <- f })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	select {
	case f := <-fired:
		if f.Schedule.ID != id {
			t.Errorf("fired %v, want %v", f.Schedule.ID, id)
		}
	case <-time.After(2 * maintenancePeriod):
		t.Fatal("nothing has fired")
	}
}
