package storeredis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// together has one pipeline carry out requests, with one record of operations, and returns
// their results.
func (d *desk) together(requests ...*request) (results []result) {
	d.t.Helper()
	pl, err := d.n.s.topo.pipeliner(unhurried(d.t), 0)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, r := range requests {
		r.ops = requests[0].ops
	}
	pl.exec(slices.Clone(requests))
	for _, r := range requests {
		results = append(results, <-r.done)
	}
	return results
}

// says makes a text of a result: the error, or the status and the fields of the record.
func (r result) says() string {
	if r.err != nil {
		return r.err.Error()
	}
	all, err := fields(r.reply.record.rest)
	if err != nil {
		return err.Error()
	}
	return strings.Join(append([]string{r.reply.status}, all...), " ")
}

// TestBatches: requests for scripts of which one run serves many go together, if they have
// the same script and record of operations.
func TestBatches(t *testing.T) {
	t.Parallel()
	var requests []*request
	add := func(n int, s *script, ops string) {
		for range n {
			requests = append(requests, &request{script: s, ops: ops})
		}
	}
	add(1, publishScript, "a")
	add(1, appendScript, "a")
	add(1, editScript, "a")
	add(maxBatch, appendScript, "a")
	add(1, publishScript, "b")
	add(1, publishScript, "a")
	add(1, editScript, "a")
	var got []string
	for _, b := range batches(requests) {
		got = append(got, fmt.Sprint(len(b.requests), " ", b.script.name, " ", b.requests[0].ops))
		for _, r := range b.requests {
			if r.script != b.script || r.ops != b.requests[0].ops {
				t.Errorf("%s %s is in a batch of %s %s", r.script.name, r.ops, b.script.name, b.requests[0].ops)
			}
		}
	}
	want := []string{"2 publish a", fmt.Sprint(maxBatch, " append a"), "1 edit a", "1 append a", "1 publish b", "1 edit a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the batches (-want +got):\n%s", diff)
	}
}

// TestAppendBatch has one run append to messages of several channels. Each request gets its
// own answer, whatever becomes of the others.
func TestAppendBatch(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n, db := d.n, d.db
	n.losses, n.heartbeat = newLossDetector(n), &heartbeat{n: n}
	ctx := t.Context()
	publish := func(channel string) ulid.ULID {
		return mustPublish(t, n, store.PublishRequest{Channel: channel, Event: "e", Data: []byte(`"-"`), Retention: time.Hour})
	}
	streamed := func(channel string) ulid.ULID {
		id := mustPublish(t, n, store.PublishRequest{Channel: channel, Event: "e", Data: []byte(`"-"`), Retention: time.Hour, Stream: []byte("{}")})
		e := appendTo(id, "")
		e.Channel, e.Notice.Channel, e.Tail = channel, channel, 1
		mustEdit(t, n, e)
		return id
	}
	keysOf := func(channel string) channelKeys { return n.s.keys.channel(channel) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	a1, a2, b1, erased, open := publish("a"), publish("a"), publish("b"), streamed("erased"), streamed("open")
	unreadable, foreign, expired := publish("unreadable"), publish("foreign"), streamed("expired")
	must(db.HSet(ctx, keysOf("a").state(), stateCounted, 7).Err())
	must(db.HSet(ctx, keysOf("unreadable").bodies(), formatID(unreadable), "0  1:M3:").Err())
	must(db.Set(ctx, keysOf("foreign").log(), "not a log", 0).Err())
	ek := keysOf("expired")
	for field, body := range db.HGetAll(ctx, ek.bodies()).Val() {
		must(db.HSet(ctx, ek.bodies(), field, fmt.Sprintf("%013d", time.Now().Add(-time.Second).UnixMilli())+body[13:]).Err())
	}
	if _, err := n.Erase(unhurried(t), store.EraseRequest{Channel: "erased", Limit: 1}); err != nil {
		t.Fatal(err)
	}

	var requests []*request
	var want []string
	add := func(channel string, id ulid.ULID, text, answer string, change func(*store.EditRequest)) *request {
		e := appendTo(id, text)
		e.Channel, e.Notice.Channel, e.Tail = channel, channel, 1
		if change != nil {
			change(&e)
		}
		r := requestOf(n, n.appendCall(&e, formatID(id)))
		requests, want = append(requests, r), append(want, answer)
		return r
	}
	version := func(v int64) func(*store.EditRequest) { return func(e *store.EditRequest) { e.IfVersion = v } }
	first := add("a", a1, "1", "ok * 2 7", version(1))
	add("a", a1, "2", "ok * 3 7", version(2)) // and sees what the first one did
	add("a", a1, "no", "other", version(2))
	add("a", a2, "1", "ok * 2 7", nil)
	add("b", b1, "1", "ok * 2 0", func(e *store.EditRequest) { e.Stream = []byte("{}") })
	add("nothing", a1, "no", "none", nil)
	add("unreadable", unreadable, "no", "user_script*", nil)
	add("foreign", foreign, "no", "*WRONGTYPE*", nil)
	add("expired", expired, "no", "none", nil)
	add("erased", erased, "no", "none", nil)
	add("b", b1, "no", "other", func(e *store.EditRequest) { e.Tail = 100 })
	add("b", b1, "no", "late", nil).deadline = 1
	again := add("a", a1, "1", "ok * 2 7", version(1))
	again.op = first.op
	add("b", b1, "2", "ok * 3 0", version(2))
	add("open", open, "1", "ok * 3 0", version(2))
	add("open", open, "no", "other", version(2))
	add("open", open, "2", "ok * 4 0", nil)
	add("open", open, "no", "other", func(e *store.EditRequest) { e.Tail = 100 })
	add("open", open, "3", "ok * 5 0", func(e *store.EditRequest) { e.Tail = 0 })
	notices := db.XLen(ctx, keysOf("a").log()).Val()

	check := func(why string, results []result, want []string) {
		t.Helper()
		for i, r := range results {
			got := r.says()
			if f := strings.Fields(got); strings.HasPrefix(want[i], "ok * ") && len(f) > 1 {
				f[1] = "*"
				got = strings.Join(f, " ")
			}
			matches := got == want[i]
			if part, ok := strings.CutSuffix(want[i], "*"); ok {
				matches = strings.Contains(got, strings.TrimPrefix(part, "*"))
			}
			if !matches {
				t.Errorf("%s: request %d: %q, want %q", why, i, got, want[i])
			}
		}
	}
	runs := scriptRuns(t, db)
	results := d.together(requests...)
	check("the first time", results, want)
	if got := scriptRuns(t, db) - runs; got > 2 { // once without the source, which the server did not know
		t.Errorf("%d requests took %d runs", len(requests), got)
	}
	check("again", d.together(requests...), want)
	if results[0].says() != results[12].says() {
		t.Errorf("one operation twice has the answers %q and %q", results[0].says(), results[12].says())
	}

	if got := db.XLen(ctx, keysOf("a").log()).Val() - notices; got != 3 {
		t.Errorf("%d notices of three appends", got)
	}
	for channel, text := range map[string]string{"a": `"-12" "-1"`, "b": `"-12"`, "open": `"-12"3`, "erased": "", "expired": ""} {
		h, err := n.History(unhurried(t), store.HistoryRequest{Channel: channel, Limit: 10, MaxBytes: 1 << 20})
		must(err)
		var all []string
		for _, m := range h.Messages {
			all = append(all, string(m.Data))
			if wanted := map[bool]string{true: "{}"}[channel == "b" || channel == "open"]; string(m.Stream) != wanted {
				t.Errorf("the stream on %s is %q", channel, m.Stream)
			}
		}
		if got := strings.Join(all, " "); got != text {
			t.Errorf("on %s is %s, want %s", channel, got, text)
		}
	}
	if d.exists(keysOf("nothing").state()) {
		t.Error("a channel without messages has a state")
	}

	// What was carried out has its answer also when there is no memory for the rest.
	before := dataset(t, db, n.s.keys.prefix)
	must(db.ConfigSet(ctx, "maxmemory", "1").Err())
	other := call{script: appendScript, keys: requests[3].keys, args: requests[3].args}
	for i, r := range d.together(first, requestOf(n, other), requestOf(n, other)) {
		if got := r.says(); (i == 0) == strings.Contains(got, "OOM") {
			t.Errorf("without memory, request %d: %q", i, got)
		}
	}
	must(db.ConfigSet(ctx, "maxmemory", "0").Err())
	if diff := cmp.Diff(before, dataset(t, db, n.s.keys.prefix)); diff != "" {
		t.Errorf("what was refused left a trace (-before +after):\n%s", diff)
	}
}

// TestAppendBatchIsBounded: a run ends when it has read much, and what it leaves is carried
// out by others.
func TestAppendBatchIsBounded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n := d.n
	n.losses, n.heartbeat = newLossDetector(n), &heartbeat{n: n}
	long := fmt.Appendf(nil, `"%0600000d"`, 0)
	var requests []*request
	var edits []store.EditRequest
	for range 4 {
		id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Data: long, Retention: time.Hour})
		e := appendTo(id, "1")
		e.Tail = 1
		edits, requests = append(edits, e), append(requests, requestOf(n, n.appendCall(&e, formatID(id))))
	}
	var got []string
	for _, r := range d.together(requests...) {
		got = append(got, strings.Fields(r.says())[0])
	}
	if diff := cmp.Diff([]string{"ok", "ok", "later", "later"}, got); diff != "" {
		t.Errorf("the answers of one run (-want +got):\n%s", diff)
	}
	var all sync.WaitGroup
	for _, e := range edits {
		all.Go(func() {
			if _, err := n.Edit(unhurried(t), e); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// scriptRuns is how often the server has run any script.
func scriptRuns(t *testing.T, db *redis.Client) (n int) {
	t.Helper()
	info, err := db.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		var calls int
		for _, command := range []string{"eval", "evalsha"} {
			if _, err := fmt.Sscanf(line, "cmdstat_"+command+":calls=%d,", &calls); err == nil {
				n += calls
			}
		}
	}
	return n
}

// TestAppendsAtOnce appends to many messages at once, some of them on the same channels,
// while others are published there, on one server and on a cluster. All comes in, in one
// order, and nobody misses anything.
func TestAppendsAtOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		open func(t *testing.T) *Store
	}{
		{"one server", func(t *testing.T) *Store { return openAt(t, redistest.StartServer(t).Addr) }},
		{"a cluster", func(t *testing.T) *Store { return openCluster(t, redistest.StartCluster(t)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			const channels, messages, appends = 20, 3, 8
			in := newWitness(t)
			n := joinAs(t, row.open(t), in, testJoin)
			var names []string
			for i := range channels {
				names = append(names, fmt.Sprint(i))
			}
			sideBySide(t, names, func(ctx context.Context, channel string) error { return n.Watch(ctx, channel) })
			sideBySide(t, names, func(ctx context.Context, channel string) error {
				var ids []ulid.ULID
				for range messages {
					r, err := n.Publish(ctx, store.PublishRequest{Channel: channel, Event: "e", Data: []byte(`""`), Retention: time.Hour})
					if err != nil {
						return err
					}
					ids = append(ids, r.ID)
				}
				var all sync.WaitGroup
				failed := make(chan error, 2*messages)
				for _, id := range ids {
					all.Go(func() {
						for i := range appends {
							e := appendTo(id, fmt.Sprint(i))
							e.Channel, e.Notice.Channel, e.Tail, e.IfVersion = channel, channel, 1, int64(i)+1
							if _, err := n.Edit(ctx, e); err != nil {
								failed <- fmt.Errorf("append %d: %w", i, err)
								return
							}
						}
					})
					all.Go(func() {
						if _, err := n.Publish(ctx, store.PublishRequest{Channel: channel, Event: "e"}); err != nil {
							failed <- err
						}
					})
				}
				all.Wait()
				close(failed)
				if err := <-failed; err != nil {
					return err
				}
				h, err := n.History(ctx, store.HistoryRequest{Channel: channel, Limit: 10, MaxBytes: 1 << 20})
				if err != nil || len(h.Messages) != messages {
					return fmt.Errorf("%d messages: %w", len(h.Messages), err)
				}
				for _, m := range h.Messages {
					if string(m.Data) != `"01234567"` {
						return fmt.Errorf("a message is %s", m.Data)
					}
				}
				return nil
			})
			for _, channel := range names {
				w := &watch{channel: channel, keys: n.s.keys.channel(channel)}
				got, err := n.s.readAfter(unhurried(t), w, "", readBytes)
				if err != nil {
					t.Fatal(err)
				}
				if want := messages * (2 + appends); len(got.items) != want || broken("", got) {
					t.Errorf("channel %s has %d items, want %d; broken: %v", channel, len(got.items), want, broken("", got))
				}
			}
		})
	}
}
