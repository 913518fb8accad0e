package storeredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
)

// openLogged is openAt with a log that can be read.
func openLogged(t *testing.T, addr string) (*Store, *logBook) {
	s, log := openAt(t, addr), new(logBook)
	s.log = slog.New(slog.NewTextHandler(log, nil))
	return s, log
}

// incOf is an incarnation of a node of some format, nil for one that tells none.
func incOf(node string, number any) string {
	if number == nil {
		return node + ".AAAAAAAA"
	}
	return fmt.Sprintf("%s.AAAAAAAA.%v", node, number)
}

// TestFormats: a node joins unless there is another one, or data, whose format differs
// from its own by more than 1.
func TestFormats(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	client, ctx := srv.Client(), t.Context()
	for _, row := range []struct {
		why string
		// living and dead are formats of nodes with a lease, nil for one without number.
		living, dead []any
		written      int // newest format there, 0 for none
		refused      string
		after        int // what is written afterwards
	}{
		{why: "Redis is empty", after: format},
		{why: "the same version", living: []any{format}, written: format, after: format},
		{why: "the version before", living: []any{format - 1}, written: format - 1, after: format},
		{why: "the next version", living: []any{format, format + 1}, written: format + 1, after: format + 1},
		{why: "0.1.0", living: []any{nil}, refused: "node other is of an older one (format 0;"},
		{why: "0.1.0, which has ended", dead: []any{nil}, after: format},
		{why: "one of many is too old", living: []any{format, format - 2}, written: format, refused: "is of an older one", after: format},
		{why: "a version that is too new", living: []any{format + 2}, written: format + 2, refused: "is of a newer one", after: format + 2},
		{why: "one that writes its format in another way", living: []any{"x"}, refused: "is of an older one"},
		{why: "a later version added to its lease", living: []any{fmt.Sprintf("%d.more", format)}, after: format},
		{why: "data of the next version", written: format + 1, after: format + 1},
		{why: "data of a version that is too new", written: format + 2, refused: "a newer one has written what is there", after: format + 2},
		{why: "data of a version long ago", written: 1, after: format},
	} {
		if err := client.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		s := openAt(t, srv.Addr)
		lease := func(numbers []any, until time.Duration) {
			for i, number := range numbers {
				node := "other"
				if i > 0 {
					node += strconv.Itoa(i)
				}
				z := redis.Z{Score: float64(time.Now().Add(until).UnixMilli()), Member: incOf(node, number)}
				if err := client.ZAdd(ctx, s.keys.leases(home), z).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		lease(row.living, 3*time.Second)
		lease(row.dead, -time.Second)
		if row.written > 0 {
			if err := client.Set(ctx, s.keys.format(), row.written, 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		n, err := s.Join(unhurried(t), newInbox(t), testJoin)
		switch {
		case row.refused == "" && err != nil:
			t.Errorf("%s: %v", row.why, err)
		case row.refused != "" && (err == nil || !errors.Is(err, errForeign) || !strings.Contains(err.Error(), row.refused)):
			t.Errorf("%s: error %v, want %q", row.why, err, row.refused)
		}
		if after, _ := client.Get(ctx, s.keys.format()).Int(); after != row.after {
			t.Errorf("%s: afterwards format %d is written, want %d", row.why, after, row.after)
		}
		if err == nil {
			_ = n.Leave(unhurried(t))
		}
	}
}

// TestOtherFormatsAtWork: a node notices others of other versions that come and go,
// and tells the log. One of 0.1.0 cannot be kept away: it does not look.
func TestOtherFormatsAtWork(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	s, log := openLogged(t, srv.Addr)
	n := joinAs(t, s, newInbox(t), testJoin)
	client, ctx := srv.Client(), t.Context()
	oldest := func() int {
		if a := n.heartbeat.assigned.Load().current(); a != nil {
			return a.formats.oldest
		}
		return -1
	}
	for _, row := range []struct {
		number any
		oldest int
		logs   string
	}{
		{format + 1, format, "two versions share this Redis"},
		{format - 1, format - 1, "two versions share this Redis"},
		{nil, 0, "a node of another version does harm"},
	} {
		before := strings.Count(log.String(), row.logs)
		inc := incOf("other", row.number)
		z := redis.Z{Score: float64(time.Now().Add(testJoin.NodeTimeout).UnixMilli()), Member: inc}
		if err := client.ZAdd(ctx, s.keys.leases(home), z).Err(); err != nil {
			t.Fatal(err)
		}
		n.heartbeat.wakeUp()
		await.That(t, row.logs, func() bool {
			return oldest() == row.oldest && strings.Count(log.String(), row.logs) == before+1
		})
		if err := client.ZRem(ctx, s.keys.leases(home), inc).Err(); err != nil {
			t.Fatal(err)
		}
		n.heartbeat.wakeUp()
		await.That(t, "all nodes to be of one version", func() bool { return oldest() == format })
	}
}

// TestFormatsAfterSweep: a node that stood still while the others were replaced by a
// version that it does not understand cannot come back.
func TestFormatsAfterSweep(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	s, log := openLogged(t, srv.Addr)
	n := joinAs(t, s, newInbox(t), testJoin)
	client, ctx := srv.Client(), t.Context()
	leases := s.keys.leases(home)
	tx := client.TxPipeline()
	tx.Del(ctx, leases)
	tx.ZAdd(ctx, leases, redis.Z{Score: float64(time.Now().Add(time.Hour).UnixMilli()), Member: incOf("other", format+2)})
	if _, err := tx.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the node to be told", func() bool { return strings.Contains(log.String(), "the node cannot go on") })
	if err := n.Ready(unhurried(t)); !errors.Is(err, errForeign) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the node is ready: %v", err)
	}
	if err := client.Del(ctx, leases).Err(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the node to be ready again", func() bool { return n.Ready(unhurried(t)) == nil })
}

// TestUnknownKinds: what a newer version has written is left out, in order, and stops
// nothing.
func TestUnknownKinds(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	s, log := openLogged(t, srv.Addr)
	in := newInbox(t)
	n := joinAs(t, s, in, testJoin)
	mustWatch(t, n, "c")
	// item publishes an item of a kind, as a newer version might.
	item := func(keep time.Duration, fields ...string) ulid.ULID {
		t.Helper()
		c := n.publishCall(&store.PublishRequest{Channel: "c", Retention: keep})
		was := string(encodeMessage(&store.PublishRequest{Retention: keep}))
		i := slices.IndexFunc(c.args, func(a any) bool { b, ok := a.([]byte); return ok && string(b) == was })
		c.args[i] = pack(fields...)
		r, err := s.do(unhurried(t), c)
		if err != nil {
			t.Fatal(err)
		}
		return r.record.id()
	}
	message := func(keep time.Duration) ulid.ULID {
		t.Helper()
		return mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: keep})
	}
	first := message(store.Forever)
	unknown := item(store.Forever, "U", "", "what", "it is")
	item(0, "U", "", "the same again")
	item(0, "P", "", "9", "1", "u", "{}")
	item(0, "M", "", "e", "1", "0", "", "", "what was added") // a message with a new field
	second := message(0)
	last := message(store.Forever)
	if err := n.tell(unhurried(t), n.id, pack("news", "of tomorrow")); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the message of a node to be left out", func() bool { return strings.Contains(log.String(), "kind=news") })

	in.await("the items that are known", time.Minute, func() bool { return len(in.items) == 4 })
	if in.items[0].ID != first || in.items[2].ID != second || in.items[3].ID != last || in.lost != 0 {
		t.Errorf("got %v, and %d times lost", in.items, in.lost)
	}
	if text := log.String(); strings.Count(text, "kind=U") != 1 || strings.Count(text, "kind=P9") != 1 {
		t.Errorf("the log has not each kind once:\n%s", text)
	}
	for _, row := range []struct {
		after ulid.ULID
		limit int
		want  []ulid.ULID
	}{
		{first, 10, []ulid.ULID{in.items[1].ID, second, last}},
		{unknown, 10, []ulid.ULID{in.items[1].ID, second, last}},
		{first, 1, []ulid.ULID{in.items[1].ID}},
	} {
		r, err := n.Replay(unhurried(t), store.ReplayRequest{Channel: "c", After: row.after, Until: last, Limit: row.limit, MaxBytes: 1 << 20})
		if got := idsOf(r.Messages); err != nil || !r.Complete || !slices.Equal(got, row.want) {
			t.Errorf("after %v: %v, complete %v, %v, want %v", row.after, got, r.Complete, err, row.want)
		}
	}
	h, err := n.History(unhurried(t), store.HistoryRequest{Channel: "c", Limit: 10, MaxBytes: 1 << 20})
	if got := idsOf(h.Messages); err != nil || !slices.Equal(got, []ulid.ULID{first, last}) {
		t.Errorf("history: %v, %v", got, err)
	}
}

func idsOf(messages []*store.Message) (ids []ulid.ULID) {
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	return ids
}

// TestAddedFieldsOfMembers: what a newer version has added to a member stays there when
// this one changes the member.
func TestAddedFieldsOfMembers(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	s := openAt(t, srv.Addr)
	n := joinAs(t, s, newInbox(t), testJoin)
	client, ctx := srv.Client(), context.Background()
	subscribe := func(connection string) {
		t.Helper()
		if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{
			Channel: "c", Connection: connection, UID: "u", UMD: []byte("1"), UMDDigest: "1", Presence: true, MemberSize: 1, MaxMembersSize: 1000,
		}); err != nil {
			t.Fatal(err)
		}
	}
	subscribe("one")
	members := s.keys.channel("c").members()
	record := client.HGet(ctx, members, "u").Val()
	if err := client.HSet(ctx, members, "u", record+pack("added", "")).Err(); err != nil {
		t.Fatal(err)
	}
	subscribe("two")
	if _, err := n.UpdateSubscription(unhurried(t), store.UpdateSubscriptionRequest{
		Channel: "c", Connection: "two", UMD: []byte("2"), UMDDigest: "2", MemberSize: 1, MaxMembersSize: 1000,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Unsubscribe(unhurried(t), store.UnsubscribeRequest{Channel: "c", Connection: "one"}); err != nil {
		t.Fatal(err)
	}
	list, err := fields(client.HGet(ctx, members, "u").Val())
	if want := []string{"1", "1", "1"}; err != nil || len(list) != 7 || !slices.Equal(list[5:], []string{"added", ""}) || list[1] != "1" || list[3] != "2" {
		t.Errorf("the member is %q, %v, want %q and more", list, err, want)
	}
	info, err := n.Channel(unhurried(t), "c")
	if err != nil || len(info.Members) != 1 || string(info.Members[0].UMD) != "2" {
		t.Errorf("members %v, %v", info.Members, err)
	}
}

// TestAgreement holds to what it is what each node computes for itself, and all have to
// compute alike, of whatever version they are, and the names of what scripts write. If it
// fails, do not change the test, but for what is new.
func TestAgreement(t *testing.T) {
	k, err := newKeyspace("x:", 0)
	if err != nil {
		t.Fatal(err)
	}
	k3, err := newKeyspace("x:", 3)
	if err != nil {
		t.Fatal(err)
	}
	ck, ck3 := k.channel("room.7"), k3.channel("room.7")
	_, token := k.token("jti")
	nodes := []string{"AAAAAAAAAAAAAAAA", "MMMMMMMMMMMMMMMM", "zzzzzzzzzzzzzzzz"}
	shared := make(map[string]int)
	for p := range partitions {
		shared[responsible(nodes, p)]++
	}
	lib, err := sources.ReadFile("lua/lib.lua")
	if err != nil {
		t.Fatal(err)
	}
	var letters []string // of the fields of a channel's state
	for _, m := range regexp.MustCompile(`(?m)^local ([A-Z_]+) = '([a-z])'`).FindAllStringSubmatch(string(lib), -1) {
		letters = append(letters, m[1]+" "+m[2])
	}
	for _, row := range []struct{ what, got, want string }{
		{"fields of a state", strings.Join(letters, ", "), "NEWEST l, FLOOR f, FLOOR_HISTORY i, LOG_NEWEST u, CHANGES_NEWEST a, LOST d, ERASED_TO e, " +
			"STATE_EXPIRES w, LOG_EXPIRES v, CHANGES_EXPIRES o, KEPT_EXPIRES k, DUE j, " +
			"SUBSCRIPTIONS n, COUNTED c, LAST_PLACE q, MEMBERS_SIZE b, HAS_STORAGE s, LINGERING g, COUNT_WATCHERS r"},
		{"state", ck.state(), "x:{p0d}:c:2Eprp7By8xRwvTMcucT0tg"},
		{"log", ck.log(), "x:{p0d}:l:2Eprp7By8xRwvTMcucT0tg"},
		{"topic", ck.topic(), "x:{p0d}:t:2Eprp7By8xRwvTMcucT0tg"},
		{"topic of database 3", ck3.topic(), "x:{p0d}:t3:2Eprp7By8xRwvTMcucT0tg"},
		{"subscriptions", ck.subs("node.1.2"), "x:{p0d}:s:2Eprp7By8xRwvTMcucT0tg:node.1.2"},
		{"deduplication", ck.dedup("id"), "x:{p0d}:d:2Eprp7By8xRwvTMcucT0tg:reBszK339PkC--vSHZaDfg"},
		{"schedules of an owner", ck.ownSchedules("ann"), "x:{p0d}:so:2Eprp7By8xRwvTMcucT0tg:l9x0T7eX4ZUm9po4_3kkdg"},
		{"token", token, "x:{pb7}:token:6zzdPTvuPeJbf0a0GBZ5FQ"},
		{"control topic of all", k.control(""), "x:bus:"},
		{"control topic of a node in database 3", k3.control("node"), "x:bus3:node"},
		{"leases", k.leases(home), "x:{p00}:leases"},
		{"format", k.format(), "x:{p00}:format"},
		{"lingering members", k.lingering(ck.part), "x:{p0d}:lingering"},
		{"group of a schedule", groupOf(ck.part), "p0d"},
		{"who looks after 0, 1 and 255", strings.Join([]string{responsible(nodes, 0), responsible(nodes, 1), responsible(nodes, 255)}, " "), "AAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAA zzzzzzzzzzzzzzzz"},
		{"how many partitions each looks after", fmt.Sprint(shared), "map[AAAAAAAAAAAAAAAA:96 MMMMMMMMMMMMMMMM:93 zzzzzzzzzzzzzzzz:67]"},
		{"node of an incarnation", nodeOf("node.1.2"), "node"},
	} {
		if row.got != row.want {
			t.Errorf("%s: %q, want %q", row.what, row.got, row.want)
		}
	}
}
