package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

const roomy = 100_000 // More than the members of any of these tests count for.

func join(connection, uid, umd string) store.SubscribeRequest {
	return store.SubscribeRequest{
		Channel: "presence.c", Connection: connection, UID: uid, UMD: umdOf(umd), UMDDigest: digestOf(umd),
		Presence: true, MemberSize: memberSize, MaxMembersSize: roomy, Counted: true,
	}
}

// memberSize is what a member counts for in tests that are not about that.
const memberSize = 50

// digestOf makes metadata equal that differs in spaces alone.
func digestOf(umd string) string { return "digest of " + strings.ReplaceAll(umd, " ", "") }

func umdOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// members makes a list of members from "uid umd" strings.
func members(list ...string) []store.Member {
	var out []store.Member
	for _, s := range list {
		uid, umd, _ := strings.Cut(s, " ")
		out = append(out, store.Member{UID: uid, UMD: umdOf(umd)})
	}
	return out
}

// A presenceStep is one call, and what is announced because of it.
type presenceStep struct {
	why     string
	do      func(a, b *node) (*store.PresenceChange, error)
	want    *store.PresenceChange
	exclude string
}

// runPresence takes the steps, and wants the changes both as results, with the
// members, and as the items that every node gets, without.
func runPresence(e *env, steps []presenceStep) {
	a, b, watcher := e.join(), e.join(), e.join()
	watcher.watch("presence.c")
	var announced []presenceStep
	for _, s := range steps {
		got, err := s.do(a, b)
		if err != nil {
			e.Errorf("%s: %v", s.why, err)
		}
		wantEqual(e, s.why+": change returned", got, s.want)
		if got != nil && got.Members == nil {
			e.Errorf("%s: the list of members is nil, which says that it was not wanted", s.why)
		}
		if s.want != nil {
			announced = append(announced, s)
			wantEqual(e, s.why+": members", b.info("presence.c").Members, s.want.Members)
		}
	}
	watcher.mark("presence.c", watcher)
	items := watcher.r.delivered("presence.c")
	if len(items) != len(announced)+1 {
		e.Errorf("%d changes were announced, want %d", len(items)-1, len(announced))
		return
	}
	for i, s := range announced {
		wantEqual(e, s.why+": change announced", items[i].Presence, &store.PresenceChange{Kind: s.want.Kind, Member: s.want.Member})
		if s.want.Kind != store.MemberRemoved && items[i].Exclude != s.exclude {
			e.Errorf("%s: excludes %q, want %q", s.why, items[i].Exclude, s.exclude)
		}
	}
}

func pick(second bool, a, b *node) *node {
	if second {
		return b
	}
	return a
}

func subscribing(onB bool, s store.SubscribeRequest) func(a, b *node) (*store.PresenceChange, error) {
	return func(a, b *node) (*store.PresenceChange, error) {
		n := pick(onB, a, b)
		res, err := n.Subscribe(n.e.Context(), s)
		if err == nil && !slices.EqualFunc(res.Info.Members, n.info("presence.c").Members, func(x, y store.Member) bool {
			return x.UID == y.UID && string(x.UMD) == string(y.UMD)
		}) {
			n.e.Errorf("Subscribe returned members %v", res.Info.Members)
		}
		return res.Change, err
	}
}

func unsubscribing(onB bool, connection string) func(a, b *node) (*store.PresenceChange, error) {
	return func(a, b *node) (*store.PresenceChange, error) {
		n := pick(onB, a, b)
		end, err := n.Unsubscribe(n.e.Context(), store.UnsubscribeRequest{Channel: "presence.c", Connection: connection})
		return end.Change, err
	}
}

func updating(connection, umd string) func(a, b *node) (*store.PresenceChange, error) {
	return func(a, _ *node) (*store.PresenceChange, error) {
		return a.UpdateSubscription(a.e.Context(), store.UpdateSubscriptionRequest{
			Channel: "presence.c", Connection: connection, UMD: umdOf(umd), UMDDigest: digestOf(umd),
			MemberSize: memberSize, MaxMembersSize: roomy,
		})
	}
}

func change(kind store.PresenceKind, member string, list ...string) *store.PresenceChange {
	return &store.PresenceChange{Kind: kind, Member: members(member)[0], Members: members(list...)}
}

func testPresenceChanges(e *env) {
	runPresence(e, []presenceStep{
		{"the first joins", subscribing(false, join("1", "Jim", `{"a":1}`)), change(store.MemberAdded, `Jim {"a":1}`, `Jim {"a":1}`), "1"},
		{"the second, on another node", subscribing(true, join("2", "Pam", "")), change(store.MemberAdded, "Pam", `Jim {"a":1}`, "Pam"), "2"},
		{"the first again, from another connection", subscribing(true, join("3", "Jim", `{"a":1}`)), nil, ""},
		{"with equal metadata of other bytes", subscribing(true, join("3", "Jim", `{"a": 1}`)), nil, ""},
		{"with other metadata: the last that was set counts", subscribing(true, join("4", "Jim", "2")), change(store.MemberUpdated, "Jim 2", "Jim 2", "Pam"), ""},
		{"one of the others again, as it was", subscribing(false, join("1", "Jim", `{"a":1}`)), nil, ""},
		{"update", updating("1", "3"), change(store.MemberUpdated, "Jim 3", "Jim 3", "Pam"), ""},
		{"update that changes nothing of the member", updating("1", "3"), nil, ""},
		{"update to equal metadata of other bytes", updating("1", " 3"), nil, ""},
		{"update of another of its connections to the same", updating("3", "3"), nil, ""},
		{"update to null", updating("1", ""), change(store.MemberUpdated, "Jim", "Jim", "Pam"), ""},
		{"one of three connections ends", unsubscribing(false, "1"), nil, ""},
		{"the second of three", unsubscribing(true, "4"), nil, ""},
		{"the last: the member goes, with what it was last", unsubscribing(true, "3"), change(store.MemberRemoved, "Jim", "Pam"), ""},
		{"who comes back is at the end", subscribing(false, join("5", "Jim", "5")), change(store.MemberAdded, "Jim 5", "Pam", "Jim 5"), "5"},
		{"the first of the list goes", unsubscribing(true, "2"), change(store.MemberRemoved, "Pam", "Jim 5"), ""},
		{"the last of the list goes", unsubscribing(false, "5"), change(store.MemberRemoved, "Jim 5"), ""},
	})
}

func testPresenceSubscribeAgain(e *env) {
	twice := func(s store.SubscribeRequest) func(a, b *node) (*store.PresenceChange, error) {
		return func(a, _ *node) (*store.PresenceChange, error) {
			res, err := a.Subscribe(a.e.Context(), s)
			if err == nil && res.Info.Count != 1 {
				a.e.Errorf("count is %d after one connection subscribed repeatedly", res.Info.Count)
			}
			return res.Change, err
		}
	}
	plain := join("1", "Jim", "2")
	plain.Presence = false
	runPresence(e, []presenceStep{
		{"joins", twice(join("1", "Jim", "1")), change(store.MemberAdded, "Jim 1", "Jim 1"), "1"},
		{"joins again", twice(join("1", "Jim", "1")), nil, ""},
		{"joins again with other metadata", twice(join("1", "Jim", "2")), change(store.MemberUpdated, "Jim 2", "Jim 2"), ""},
		{"becomes a plain subscription", twice(plain), change(store.MemberRemoved, "Jim 2"), ""},
		{"ends as such", unsubscribing(false, "1"), nil, ""},
		{"joins again", twice(join("1", "Jim", "3")), change(store.MemberAdded, "Jim 3", "Jim 3"), "1"},
		{"one end is enough", unsubscribing(false, "1"), change(store.MemberRemoved, "Jim 3"), ""},
	})
}

// testPresenceAnotherUser has one connection come back as another user: the
// one it was goes, if this was its last connection.
func testPresenceAnotherUser(e *env) {
	a := e.join()
	a.watch("presence.c")
	a.subscribe(join("1", "Jim", ""))
	alone := join("1", "Pam", "")
	alone.MaxMembersSize = memberSize // Who goes makes room.
	res := a.subscribe(alone)
	wantEqual(e, "members", res.Info, store.ChannelInfo{Count: 1, Members: members("Pam")})
	a.subscribe(join("2", "Pam", ""))
	res = a.subscribe(join("1", "Jim", ""))
	wantEqual(e, "members, as another connection has the user", res.Info,
		store.ChannelInfo{Count: 2, Members: members("Pam", "Jim")})
	items := a.r.awaitItem("presence.c", res.Position)
	wantEqual(e, "the last change", items[len(items)-1].Presence, change(store.MemberAdded, "Jim"))
}

func testPresenceCapacity(e *env) {
	const limit = 25
	a, b := e.join(), e.join()
	a.watch("presence.c")
	sized := func(connection, uid, umd string, size, limit int) store.SubscribeRequest {
		s := join(connection, uid, umd)
		s.MemberSize, s.MaxMembersSize = size, limit
		return s
	}
	update := func(umd string, size, limit int) error {
		_, err := b.UpdateSubscription(e.Context(), store.UpdateSubscriptionRequest{
			Channel: "presence.c", Connection: "3", UMD: []byte(umd), UMDDigest: digestOf(umd),
			MemberSize: size, MaxMembersSize: limit,
		})
		return err
	}
	_, err := a.Subscribe(e.Context(), sized("1", "Jim", "1", 10, 9))
	e.wantErr("one member, by one too large", err, store.ErrCapacity)
	a.subscribe(sized("1", "Jim", "1", 10, 10))

	_, err = b.Subscribe(e.Context(), sized("2", "Pam", "2", 15, limit-1))
	e.wantErr("two members, by one too large", err, store.ErrCapacity)
	wantEqual(e, "channel after a refusal", b.info("presence.c"), store.ChannelInfo{Count: 1, Members: members("Jim 1")})
	_, err = b.Unsubscribe(e.Context(), store.UnsubscribeRequest{Channel: "presence.c", Connection: "2"})
	e.wantErr("who was refused is not subscribed", err, store.ErrNotFound)
	b.subscribe(sized("2", "Pam", "2", 15, limit))

	b.subscribe(sized("3", "Jim", "3", 10, limit)) // No larger than before.
	_, err = b.Subscribe(e.Context(), sized("4", "Jim", "33", 11, limit))
	e.wantErr("larger metadata of a member", err, store.ErrCapacity)
	e.wantErr("update to larger metadata", update("33", 11, limit), store.ErrCapacity)
	if err := update("4", 10, limit); err != nil {
		e.Errorf("update to metadata that counts for the same: %v", err)
	}
	if err := update("5", 9, 1); err != nil {
		e.Errorf("update that makes too many members smaller: %v", err)
	}
	wantEqual(e, "channel in the end", a.info("presence.c"), store.ChannelInfo{Count: 3, Members: members("Jim 5", "Pam 2")})
	wantEqual(e, "metadata at the end", string(b.unsubscribe("presence.c", "3").UMD), "5")
	b.unsubscribe("presence.c", "2")
	a.subscribe(sized("5", "Tim", "2", 16, limit)) // There is room for one again.
	a.mark("presence.c", a)
	if n := len(a.r.delivered("presence.c")); n != 8 {
		e.Errorf("%d items, want three added, three updated, one removed and the mark", n)
	}
}

// testMemberSizes has members count for what has nothing to do with their length:
// a store that measures members itself fails.
func testMemberSizes(e *env) {
	const limit = 1000
	a := e.join()
	for i, row := range []struct {
		uid, umd string
		size     int
	}{
		{strings.Repeat("long", 250), string(jsonText(2000)), 1},
		{"short", "", limit / 4},
		{"a \"quoted\" name\n", "{}", 7},
	} {
		channel := fmt.Sprint("presence.", i)
		for n := 1; n <= limit/row.size && n <= 20; n++ {
			s := join(fmt.Sprint(n), fmt.Sprint(row.uid, n), row.umd)
			s.Channel, s.MemberSize, s.MaxMembersSize = channel, row.size, n*row.size-1
			_, err := a.Subscribe(e.Context(), s)
			e.wantErr(fmt.Sprintf("%d members that count for %d each, with a bound of one less", n, row.size), err, store.ErrCapacity)
			s.MaxMembersSize++
			if _, err := a.Subscribe(e.Context(), s); err != nil {
				e.Errorf("%d members that count for %d each, with a bound of just that: %v", n, row.size, err)
			}
		}
	}
}

// testMemberLists has a node that wants no lists with changes, or only short ones, and
// requests that know the members.
func testMemberLists(e *env) {
	none := e.joinWith(store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 10, NodeTimeout: time.Minute})
	two := e.joinWith(store.JoinOptions{
		ReplayWindow: time.Minute, ReplayLimit: 10, NodeTimeout: time.Minute, MaxListedSize: 2 * memberSize,
	})
	s := join("1", "Jim", "")
	s.KnowsMembers = true
	wantEqual(e, "the first", none.subscribe(s).Change, change(store.MemberAdded, "Jim"))
	res := two.subscribe(join("2", "Pam", ""))
	wantEqual(e, "two", res.Change, change(store.MemberAdded, "Pam", "Jim", "Pam"))
	wantEqual(e, "channel with two", res.Info, store.ChannelInfo{Count: 2, Members: members("Jim", "Pam")})
	s = join("3", "Tim", "")
	s.KnowsMembers = true
	res = two.subscribe(s)
	wantEqual(e, "three, which are too many", res.Change, change(store.MemberAdded, "Tim"))
	wantEqual(e, "channel of which the members are known", res.Info, store.ChannelInfo{Count: 3})
	wantEqual(e, "the end of one", none.unsubscribe("presence.c", "1").Change, change(store.MemberRemoved, "Jim"))
	wantEqual(e, "the end of the next", two.unsubscribe("presence.c", "2").Change, change(store.MemberRemoved, "Pam", "Tim"))
	wantEqual(e, "channel", none.info("presence.c").Members, members("Tim"))
}

// testPresenceConverges has users come, change and go on two nodes at once.
// Each change announced must follow from the list announced before it, and
// whoever takes the members of its SubscribeResult and applies what is
// delivered after its Position ends with what the channel has.
func testPresenceConverges(e *env) {
	const workers, each = 6, 25
	nodes := []*node{e.join(), e.join()}
	watcher := e.join()
	watcher.watch("presence.c")
	var wg sync.WaitGroup
	var mu sync.Mutex
	var snapshots []store.SubscribeResult
	for w := range workers {
		wg.Go(func() {
			// A connection of its own, users in common with all others.
			random := rand.New(rand.NewPCG(1, uint64(w)))
			connection := fmt.Sprint("connection ", w)
			n := nodes[w%len(nodes)]
			for range each {
				s := join(connection, fmt.Sprint("user ", random.IntN(4)), fmt.Sprint(random.IntN(3)))
				s.KnowsMembers = random.IntN(2) == 0
				res, err := n.Subscribe(e.Context(), s)
				if err != nil {
					e.Error(err)
					return
				}
				if !s.KnowsMembers {
					mu.Lock()
					snapshots = append(snapshots, res)
					mu.Unlock()
				}
				if _, err := n.Unsubscribe(e.Context(), store.UnsubscribeRequest{Channel: "presence.c", Connection: connection}); err != nil {
					e.Error(err)
					return
				}
			}
			if _, err := n.Subscribe(e.Context(), join(connection, "the last", "")); err != nil {
				e.Error(err)
			}
		})
	}
	wg.Wait()
	watcher.mark("presence.c", watcher)
	items := watcher.r.delivered("presence.c")
	items = items[:len(items)-1]

	var list []store.Member
	lists := make(map[string][]store.Member) // By the id of the item.
	for _, it := range items {
		if it.Presence == nil {
			e.Fatalf("item %v is not a presence change", it.ID)
		}
		list = apply(e, list, it.Presence)
		if it.Presence.Members != nil {
			e.Fatalf("the item of a change has members: %v", it.Presence)
		}
		lists[it.ID.String()] = list
	}
	wantEqual(e, "members in the end", nodes[0].info("presence.c").Members, list)
	for _, s := range snapshots {
		if d := diff(s.Info.Members, lists[s.Position.String()]); d != "" {
			e.Fatalf("members of a subscription at %v: (-want +got)\n%s", s.Position, d)
		}
	}
}

// apply returns the members after a change that must make sense.
func apply(e *env, list []store.Member, c *store.PresenceChange) []store.Member {
	e.Helper()
	i := slices.IndexFunc(list, func(m store.Member) bool { return m.UID == c.Member.UID })
	list = slices.Clone(list)
	switch {
	case c.Kind == store.MemberAdded && i < 0:
		return append(list, c.Member)
	case c.Kind == store.MemberUpdated && i >= 0:
		if string(list[i].UMD) == string(c.Member.UMD) {
			e.Errorf("an update of %q changes nothing", c.Member.UID)
		}
		list[i] = c.Member
	case c.Kind == store.MemberRemoved && i >= 0:
		if string(list[i].UMD) != string(c.Member.UMD) {
			e.Errorf("%q is removed with metadata %s, but has %s", c.Member.UID, c.Member.UMD, list[i].UMD)
		}
		return slices.Delete(list, i, i+1)
	default:
		e.Errorf("change %d of %q, which is at %d of the list", c.Kind, c.Member.UID, i)
	}
	return list
}
