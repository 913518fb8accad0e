package storeredis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// enroll makes a user of that name a member, with the one connection "1" of the name.
func enroll(t *testing.T, n *node, channel, uid string) *store.PresenceChange {
	t.Helper()
	r, err := n.Subscribe(unhurried(t), store.SubscribeRequest{
		Channel: channel, Connection: uid + "1", UID: uid, UMDDigest: "d", Presence: true, MemberSize: 1, MaxMembersSize: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Change
}

// part ends that connection.
func part(t *testing.T, n *node, channel, uid string, grace time.Duration) *store.PresenceChange {
	t.Helper()
	end, err := n.Unsubscribe(unhurried(t), store.UnsubscribeRequest{Channel: channel, Connection: uid + "1", Grace: grace})
	if err != nil {
		t.Fatal(err)
	}
	return end.Change
}

func uidsOf(t *testing.T, n *node, channel string) (uids []string) {
	t.Helper()
	info, err := n.Channel(unhurried(t), channel)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Members {
		uids = append(uids, m.UID)
	}
	return uids
}

// TestRemoveMembersConditions: only who lingers and whose grace is over is removed,
// whatever an older version, which does not look there, has done meanwhile.
func TestRemoveMembersConditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n, ctx := d.n, t.Context()
	ck := n.s.keys.channel("c")
	const inc = "node.1"
	d.lease(ck.part, inc, time.Hour)
	subs := n.subscriptionKeys(ck, inc)
	members := []string{"in time", "came back to an older node", "removed by an older node", "too late"}
	for _, uid := range members {
		d.want("subscribe", "", n.channelCall(subscribeScript, "c", ck, subs, inc, "0", uid, "1", "1", uid, "", "10", "1000", ""))
		d.want("unsubscribe", "", n.channelCall(unsubscribeScript, "c", ck, subs, inc, "0", uid, "3600000", "topic", "0"))
	}
	lingering := n.s.keys.lingering(ck.part)
	for _, uid := range members[1:] {
		if err := d.db.ZAdd(ctx, lingering, redis.Z{Score: 1, Member: pack("c", uid)}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	back := d.db.HGet(ctx, ck.members(), members[1]).Val()
	list, err := fields(back)
	if err != nil || len(list) < 5 || list[1] != "0" {
		t.Fatalf("a member who lingers is %q, %v", back, err)
	}
	list[1] = "1"
	d.db.HSet(ctx, ck.members(), members[1], pack(list...))
	d.db.HDel(ctx, ck.members(), members[2])

	args := []any{inc, strconv.Itoa(everyMember), "0", "1", "0", "", ""}
	for _, uid := range members {
		args = append(args, uid)
	}
	r := d.want("remove members", "", n.channelCall(sweepScript, "c", ck, subs, args...))
	_ = r.record.next()
	ends, err := decodeEnds("c", r)
	if err != nil || len(ends) != 1 || ends[0].UID != "too late" || ends[0].Change == nil || len(ends[0].Change.Members) != 2 {
		t.Errorf("removed %v, %v", ends, err)
	}
	left := d.db.HKeys(ctx, ck.members()).Val()
	slices.Sort(left)
	if !slices.Equal(left, []string{"came back to an older node", "in time"}) {
		t.Errorf("the members are %q", left)
	}
	if got := d.db.ZRange(ctx, lingering, 0, -1).Val(); !slices.Equal(got, []string{pack("c", "in time")}) {
		t.Errorf("%q linger", got)
	}
	if got := d.db.HGet(ctx, ck.state(), "g").Val(); got != "1" {
		t.Errorf("%q members linger, says the state", got)
	}
}

// TestLingerAcrossRestart: the grace goes on while Redis is away, and what was over then
// is found afterwards.
func TestLingerAcrossRestart(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t, "--appendonly", "yes", "--appendfsync", "always")
	in := newInbox(t)
	n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
	for _, uid := range []string{"soon", "later", "present"} {
		enroll(t, n, "c", uid)
	}
	if c := part(t, n, "c", "soon", time.Second); c != nil {
		t.Fatalf("the end announced %v", c)
	}
	part(t, n, "c", "later", time.Hour)
	srv.Stop()
	srv.Start()
	in.await("the member to be removed", time.Minute, func() bool { return len(in.removed) > 0 })
	if got := uidsOf(t, n, "c"); !slices.Equal(got, []string{"later", "present"}) {
		t.Errorf("the members are %q", got)
	}
	if c := enroll(t, n, "c", "later"); c != nil {
		t.Errorf("who comes back is announced: %v", c)
	}
	if in.removed[0].Member.UID != "soon" || len(in.removed) != 1 {
		t.Errorf("removed %v", in.removed)
	}
}

// TestLingerIsPunctual: the node that removes a member is told when, rather than find out
// with its next poll.
func TestLingerIsPunctual(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	nodes := []*node{
		joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin), joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin),
	}
	await.That(t, "the nodes to share the work", func() bool {
		return !slices.ContainsFunc(nodes, func(n *node) bool {
			a := n.heartbeat.assigned.Load()
			return a == nil || len(a.working) != 2
		})
	})
	const channels, grace = 21, 500 * time.Millisecond
	var late []time.Duration
	ended := make(map[string]time.Time)
	for i := range channels {
		channel := fmt.Sprint("c", i)
		enroll(t, nodes[i%2], channel, "u")
		part(t, nodes[i%2], channel, "u", grace)
		ended[channel] = time.Now()
	}
	await.That(t, "all members to be removed", func() bool {
		for channel, at := range ended {
			if len(uidsOf(t, nodes[0], channel)) == 0 {
				late = append(late, time.Since(at)-grace)
				delete(ended, channel)
			}
		}
		return len(ended) == 0
	})
	slices.Sort(late)
	if median := late[channels/2]; median > maintenancePeriod/2 {
		t.Errorf("members were removed late: %v", late)
	}
}

// TestGraceWithOlderNodes: while a node of an older version shares the work, nobody
// begins to linger, and who lingers is removed in time, in its partitions too.
func TestGraceWithOlderNodes(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	in := newInbox(t)
	s := openAt(t, srv.Addr)
	n := joinAs(t, s, in, testJoin)
	// One of them is in a partition of the older node, and one is not.
	var channels []string
	for i, theirs := 0, true; len(channels) < 2; i++ {
		channel := fmt.Sprint("c", i)
		if (responsible([]string{n.id, "older"}, partOf(channel)) == "older") == theirs {
			channels, theirs = append(channels, channel), false
		}
	}
	const grace = time.Hour
	for _, channel := range channels {
		enroll(t, n, channel, "lingers")
		enroll(t, n, channel, "goes")
		if c := part(t, n, channel, "lingers", grace); c != nil {
			t.Errorf("alone, the end announced %v", c)
		}
	}
	client, older := srv.Client(), incOf("older", lingerFormat-1)
	lease := func(ctx context.Context) {
		client.ZAdd(ctx, s.keys.leases(home), redis.Z{Score: float64(time.Now().Add(testJoin.NodeTimeout).UnixMilli()), Member: older})
	}
	lease(t.Context())
	n.heartbeat.wakeUp()
	oldest := func() int { return n.heartbeat.assigned.Load().formats.oldest }
	await.That(t, "the older node to be noticed", func() bool { return oldest() < lingerFormat })
	for _, channel := range channels {
		if c := part(t, n, channel, "goes", grace); c == nil || c.Kind != store.MemberRemoved {
			t.Errorf("beside an older node, the end announced %v", c)
		}
	}
	for _, channel := range channels { // The node is not told of that, and has to look.
		z := redis.Z{Score: 1, Member: pack(channel, "lingers")}
		if err := client.ZAddXX(t.Context(), s.keys.lingering(partOf(channel)), z).Err(); err != nil {
			t.Fatal(err)
		}
	}
	await.That(t, "those who linger to be removed", func() bool {
		lease(t.Context())
		in.mu.Lock()
		defer in.mu.Unlock()
		return len(in.removed) == 2
	})
	for _, channel := range channels {
		if got := uidsOf(t, n, channel); len(got) > 0 {
			t.Errorf("the members of %s are %q", channel, got)
		}
	}
	if err := client.ZRem(t.Context(), s.keys.leases(home), older).Err(); err != nil {
		t.Fatal(err)
	}
	n.heartbeat.wakeUp()
	await.That(t, "the older node to be gone", func() bool { return oldest() == format })
	enroll(t, n, channels[0], "again")
	if c := part(t, n, channels[0], "again", grace); c != nil {
		t.Errorf("alone again, the end announced %v", c)
	}
}
