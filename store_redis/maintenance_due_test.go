package storeredis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// TestDueConditions: what is due is read in batches that are bounded in number and
// in bytes, and what is next is told.
func TestDueConditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	ck := k.channel("c")
	due := func(dueChannels, schedules, bytes string) *reply {
		t.Helper()
		return d.want("what is due", "", call{
			script: dueScript, part: ck.part,
			keys: []any{k.dueChannels(ck.part), k.expired(ck.part), k.schedules(ck.part), k.scheduleBodies(ck.part), k.leases(ck.part), k.lingering(ck.part)},
			args: []any{dueChannels, schedules, bytes},
		})
	}
	// want checks how many entries there are to be reported, how long it is to the next
	// schedule, channel, end of a lease and of a grace, and what is returned.
	want := func(why string, r *reply, expired int64, waits [4]time.Duration, dueChannels, schedules, lapsed, lingered string) {
		t.Helper()
		if n := r.record.int(); n != expired {
			t.Errorf("%s: %d entries, want %d", why, n, expired)
		}
		for i, what := range []string{"schedule", "channel", "lease", "member"} {
			got, ok := waitOf(r.record.next())
			if !ok {
				got = -1
			}
			if got > waits[i] || got < waits[i]-back || (got < 0) != (waits[i] < 0) {
				t.Errorf("%s: the next %s is in %v, want %v", why, what, got, waits[i])
			}
		}
		var flat []string
		all, err := r.list(1)
		for i := 0; i < len(all); i += 2 {
			flat = append(flat, all[i])
		}
		for i, list := range [][]string{must(t, r, 0), flat, must(t, r, 2), must(t, r, 3)} {
			if got := strings.Join(list, " "); err != nil || got != []string{dueChannels, schedules, lapsed, lingered}[i] {
				t.Errorf("%s: list %d is %q, want %q", why, i, got, []string{dueChannels, schedules, lapsed, lingered}[i])
			}
		}
	}
	const none = time.Duration(-1)
	want("nothing", due("9", "9", "1000000"), 0, [4]time.Duration{none, none, none, none}, "", "", "", "")

	var ids []string
	for _, in := range []time.Duration{-3 * time.Second, -2 * time.Second, -time.Second, time.Hour} {
		q := scheduled(in)
		d.want("to add", "", d.add(q, 0))
		ids = append(ids, q.ID.String())
	}
	score := func(key, member string, in time.Duration) {
		t.Helper()
		at := float64(time.Now().Add(in).UnixMilli())
		if err := d.db.ZAdd(t.Context(), key, redis.Z{Score: at, Member: member}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	score(k.dueChannels(ck.part), "c1", -2*time.Second)
	score(k.dueChannels(ck.part), "c2", -time.Second)
	score(k.dueChannels(ck.part), "c3", time.Minute)
	score(k.leases(ck.part), "a.1", -time.Second)
	score(k.leases(ck.part), "b.1", 2*time.Minute)
	score(k.lingering(ck.part), "m1", -2*time.Second)
	score(k.lingering(ck.part), "m2", -time.Second)
	score(k.lingering(ck.part), "m3", 3*time.Minute)
	if err := d.db.RPush(t.Context(), k.expired(ck.part), "1", "2", "3").Err(); err != nil {
		t.Fatal(err)
	}
	first, two, three := ids[0], strings.Join(ids[:2], " "), strings.Join(ids[:3], " ")
	want("all", due("9", "9", "1000000"), 3, [4]time.Duration{time.Hour, time.Minute, 2 * time.Minute, 3 * time.Minute}, "c1 c2", three, "a.1", "m1 m2")
	want("one channel and two schedules", due("1", "2", "1000000"), 3, [4]time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute}, "c1", two, "a.1", "m1")
	want("few bytes", due("9", "9", "1"), 3, [4]time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute}, "c1 c2", first, "a.1", "m1 m2")

	if err := d.db.RPush(t.Context(), k.expired(ck.part), "4", "5", "6").Err(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ count, bytes, rest string }{
		{"2", "1000", "1:11:2"}, {"9", "0", "1:3"}, {"9", "2", "1:41:5"}, {"9", "1000", "1:6"}, {"9", "1000", ""},
	} {
		take := call{
			script: expiredScript, part: ck.part, keys: []any{k.expired(ck.part)}, args: []any{row.count, row.bytes},
		}
		if r := d.want("to take entries", "", take); r.record.rest != row.rest {
			t.Errorf("took %q, want %q", r.record.rest, row.rest)
		}
	}
}

func must(t *testing.T, r *reply, i int) []string {
	t.Helper()
	list, err := r.list(i)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestListConditions: a list goes on after any place, whether a schedule is there
// or not, and one script reads no more than it may.
func TestListConditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.n.s
	base := time.Now().Add(time.Hour).Truncate(time.Second)
	var all []store.Schedule
	for i := range 9 {
		q := scheduled(0)
		q.Due = base.Add(time.Duration(i/3) * time.Millisecond)
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b store.Schedule) int {
		return compareListed(listed{due: dueMillis(a.Due), id: a.ID.String()}, listed{due: dueMillis(b.Due), id: b.ID.String()})
	})
	for _, q := range all {
		d.want("to add", "", d.add(q, 0))
	}
	ck := s.keys.channel("c")
	list := func(after listed, limit, bytes int) ([]listed, bool) {
		t.Helper()
		got, more, err := s.sched.list(unhurried(t), ck.part, ck.schedules(), after, limit, bytes)
		if err != nil {
			t.Fatal(err)
		}
		return got, more
	}
	for i, q := range all {
		at := listed{due: dueMillis(q.Due), id: q.ID.String()}
		for round := range 2 {
			got, more := list(at, 20, listBytes)
			if len(got) != len(all)-1-i || more || (len(got) > 0 && got[0].id != all[i+1].ID.String()) {
				t.Errorf("round %d: %d are after %d, and more: %v", round, len(got), i, more)
			}
			if i != 4 || round > 0 {
				break
			}
			// That with which a page ended may be gone.
			if err := s.sched.Cancel(unhurried(t), groupOf(ck.part), q.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, more := list(listed{}, 3, 0); len(got) != 3 || !more || got[0].body != "" {
		t.Errorf("%d without bodies, and more: %v; the first one's is %q", len(got), more, got[0].body)
	}
	if got, more := list(listed{}, 8, 1); len(got) != 1 || !more || got[0].body == "" {
		t.Errorf("%d of few bytes, and more: %v", len(got), more)
	}
	// Pages are full all the same, of one channel and of all.
	for _, channel := range []string{"c", ""} {
		page, err := s.Scheduler().Schedules(unhurried(t), store.SchedulesRequest{Channel: channel, Limit: 8})
		if err != nil || len(page.Schedules) != 8 {
			t.Errorf("channel %q: a page of %d (%v), want 8", channel, len(page.Schedules), err)
		}
	}
}

// TestListAllWithinAMillisecond lists schedules page by page that are due in the
// same millisecond, in an order that is not that of their IDs.
func TestListAllWithinAMillisecond(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := d.n.s
	base := time.Now().Add(time.Hour).Truncate(time.Second)
	const count = 20
	for i, channel := range everywhere()[:count] {
		q := scheduled(0)
		q.Due, q.Publish.Channel = base.Add(time.Duration(count-i)*time.Microsecond), channel
		if _, err := s.Scheduler().Add(unhurried(t), q); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[string]int)
	q := store.SchedulesRequest{Limit: 3}
	for {
		page, err := s.Scheduler().Schedules(unhurried(t), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page.Schedules {
			seen[one.ID.String()]++
			q.AfterDue, q.AfterID = one.Due, one.ID
		}
		if !page.More {
			break
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was listed %d times", id, n)
		}
	}
	if len(seen) != count {
		t.Errorf("%d of %d were listed", len(seen), count)
	}
}

// TestListVeryMany lists more schedules of one partition at once than a script can
// pass to one command.
func TestListVeryMany(t *testing.T) {
	t.Parallel()
	const many = 9000
	s := openAt(t, redistest.StartServer(t).Addr)
	due := time.Now().Add(time.Hour)
	addMany(t, s, many, func(int) time.Time { return due }, func(int) string { return "c" })
	for _, channel := range []string{"", "c"} {
		list, err := s.Scheduler().Schedules(unhurried(t), store.SchedulesRequest{Channel: channel, Limit: many + 1})
		if err != nil || len(list.Schedules) != many {
			t.Errorf("of channel %q, %d schedules are listed, want %d: %v", channel, len(list.Schedules), many, err)
		}
	}
}
