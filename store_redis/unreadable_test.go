package storeredis

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// TestUnreadableSchedule has, among the schedules of each channel, one that nobody
// can read, as another version of the library may write it. The others fire in
// time; it is kept, told of, and tried again, and fires if it can be read by then.
func TestUnreadableSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newMiniHarness(t).(*miniHarness)
		var mu sync.Mutex
		fired := make(map[string][]string) // events by channel
		var log logBook
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		began := time.Now()
		var d *scheduler
		for range 2 { // nodes
			s := h.Open(t).(*Store)
			s.log = logger
			d = s.sched
			stop, err := d.Start(t.Context(), joinAs(t, s, newInbox(t), testJoin), func(f store.Fired) {
				p := f.Schedule.Publish
				mu.Lock()
				defer mu.Unlock()
				fired[p.Channel] = append(fired[p.Channel], fmt.Sprintf("%s, %.0f s", p.Event, time.Since(began).Seconds()))
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
		}
		add := func(channel, event string, seconds int) string {
			t.Helper()
			q := store.Schedule{
				ID: ulid.Make(), Due: began.Add(time.Duration(seconds) * time.Second),
				Publish: &store.PublishRequest{Channel: channel, Event: event},
			}
			if _, err := d.Add(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			return q.ID.String()
		}
		until := func(d time.Duration) { h.Advance(time.Until(began.Add(d))) }

		rows := []struct {
			why, body string
			mended    bool
			id, was   string
		}{
			{why: "of a kind that is not known", body: "1 0:0:0:0:1:X"},
			{why: "the same, and a node that knows it comes", body: "1 0:0:0:0:1:X", mended: true},
			{why: "cut off", body: "1 0:0:0:0:1:P1:c"},
			{why: "without a time", body: "P"},
			{why: "no record", body: "1 \x00\xff"},
			{why: "empty", body: ""},
		}
		keys := func(channel string) (bodies, byTime, ofChannel string) {
			ck := d.s.keys.channel(channel)
			return d.s.keys.scheduleBodies(ck.part), d.s.keys.schedules(ck.part), ck.schedules()
		}
		for i := range rows {
			row := &rows[i]
			add(row.why, "before", 1)
			row.id = add(row.why, "unreadable", 2)
			add(row.why, "behind", 2)
			add(row.why, "later", 4)
			add(row.why, "last", 68)
			bodies, _, _ := keys(row.why)
			row.was = h.m.HGet(bodies, row.id)
			h.m.HSet(bodies, row.id, row.body)
			for _, channel := range []string{row.why, ""} {
				page, err := d.Schedules(t.Context(), store.SchedulesRequest{Channel: channel, AfterDue: began.Add(1500 * time.Millisecond), Limit: 1})
				if err != nil || len(page.Schedules) != 1 || page.Schedules[0].Publish.Event != "behind" {
					t.Errorf("%s: %q lists %v, %v", row.why, channel, page, err)
				}
			}
		}
		// Of another channel, more than a node takes at a time.
		const many = maintenanceBatch + maintenanceBatch/2
		_, byTime, _ := keys(rows[0].why)
		for range many {
			if _, err := h.m.ZAdd(byTime, float64(began.Add(1500*time.Millisecond).UnixMilli()), ulid.Make().String()); err != nil {
				t.Fatal(err)
			}
		}
		// check compares with what has been told, and fired on each channel, what was
		// unreadable aside.
		check := func(wantTold int, want ...string) {
			t.Helper()
			synctest.Wait()
			if n := strings.Count(log.String(), "malformed schedule, deferred"); n != wantTold {
				t.Fatalf("told %d times, want %d:\n%s", n, wantTold, log.String())
			}
			mu.Lock()
			defer mu.Unlock()
			for _, row := range rows {
				got := slices.DeleteFunc(slices.Clone(fired[row.why]), func(e string) bool { return strings.HasPrefix(e, "unreadable, ") })
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s: fired (-want +got):\n%s", row.why, diff)
				}
			}
		}

		until(1700 * time.Millisecond)
		check(many, "before, 1 s")
		until(5 * time.Second)
		check(len(rows)+many, "before, 1 s", "behind, 2 s", "later, 4 s")
		for _, row := range rows {
			bodies, _, _ := keys(row.why)
			if got := h.m.HGet(bodies, row.id); got != row.body {
				t.Errorf("%s: the body has become %q", row.why, got)
			}
			if row.mended {
				h.m.HSet(bodies, row.id, row.was)
			}
		}
		until(75 * time.Second)
		check(2*(len(rows)+many)-1, "before, 1 s", "behind, 2 s", "later, 4 s", "last, 68 s")
		for _, row := range rows {
			bodies, byTime, ofChannel := keys(row.why)
			left := []bool{
				h.m.HGet(bodies, row.id) == row.body && !row.mended,
				inSet(h.m, byTime, row.id), inSet(h.m, ofChannel, row.id),
			}
			if slices.Contains(left, row.mended) {
				t.Errorf("%s: left are body, time and place: %v", row.why, left)
			}
			if n := len(fired[row.why]); (n == 5) != row.mended {
				t.Errorf("%s: %q", row.why, fired[row.why])
			}
		}
	})
}

func inSet(m *miniredis.Miniredis, key, member string) bool {
	_, err := m.ZScore(key, member)
	return err == nil
}

// A logBook is a log that can be read while others write it.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
