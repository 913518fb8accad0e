package hotsock

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
)

// What pages of several nodes are merged to is what one sorted list would be.
func TestPagesOfNodes(t *testing.T) {
	type row struct {
		key   string
		count int
	}
	keyOf := func(r row) string { return r.key }
	check := func(seed uint64) bool {
		rnd := rand.New(rand.NewPCG(seed, 1))
		nodes := make([][]row, 1+rnd.IntN(4))
		want := map[string]int{}
		for i := range nodes {
			mine := map[string]bool{}
			for range rnd.IntN(60) {
				k := fmt.Sprintf("%02d", rnd.IntN(80))
				if !mine[k] {
					mine[k] = true
					nodes[i] = append(nodes[i], row{k, 1})
					want[k]++
				}
			}
		}
		limit := 1 + rnd.IntN(20)
		got := map[string]int{}
		var order []string
		after := ""
		for {
			m := pageMerge[row]{limit: limit, key: keyOf}
			for _, rows := range nodes {
				// A node's own page may be shorter, for its bytes.
				f := firstOf(&peerRequest{After: after, Limit: 1 + rnd.IntN(limit)}, keyOf)
				for _, r := range rows {
					f.add(r)
				}
				m.add(f.result())
			}
			page, next := m.result(func(into *row, other row) { into.count += other.count })
			if len(page) > limit {
				t.Logf("a page of %d, the limit is %d", len(page), limit)
				return false
			}
			for _, r := range page {
				order = append(order, r.key)
				got[r.key] += r.count
			}
			if next == "" {
				break
			}
			if next <= after {
				t.Logf("%q follows %q", next, after)
				return false
			}
			after = next
		}
		return maps.Equal(got, want) && slices.IsSorted(order) && len(order) == len(want)
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestOnlineWhileNodesAreDead(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.dead = []string{"dead1", "dead2"}
		unanswered := func(what string, err error) {
			t.Helper()
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Code != CodeUnavailable || e.Message != "2 of 2 other servers did not answer: try again" {
				t.Errorf("%s: %v", what, err)
			}
		}
		conns, err := r.h.Connections(t.Context(), ConnectionQuery{})
		unanswered("Connections", err)
		if len(conns.Items) != 1 || conns.Items[0].ID != c.ID || conns.Items[0].SubscriptionsCount != 1 {
			t.Errorf("Connections: %v", conns)
		}
		online, err := r.h.Online(t.Context(), "ann", "bob", "ann")
		unanswered("Online", err)
		if want := map[string]int{"ann": 1}; !maps.Equal(online, want) {
			t.Errorf("Online: %v, want %v", online, want)
		}
		channels, err := r.h.Channels(t.Context(), ChannelQuery{})
		unanswered("Channels", err)
		if want := []ChannelSummary{{Name: "a", SubscriptionsCount: 1}}; !slices.Equal(channels.Items, want) {
			t.Errorf("Channels: %v, want %v", channels.Items, want)
		}
	})
}

// Who is on nodes of a version that cannot be asked is not known, and the app is told so.
func TestOnlineOnNodesOfAnotherVersion(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.connect("ann").Subscribe("a")
		r.h.peers.node = &nonsenseNode{r.h.peers.node, `{"unsupported":true}`}
		conns, err1 := r.h.Connections(t.Context(), ConnectionQuery{})
		online, err2 := r.h.Online(t.Context(), "ann")
		channels, err3 := r.h.Channels(t.Context(), ChannelQuery{})
		for _, err := range []error{err1, err2, err3} {
			if e := asError(err); e.Code != CodeUnavailable || !strings.HasPrefix(e.Message, "1 of 1 other servers are of another version") {
				t.Error(err)
			}
		}
		if len(conns.Items) != 1 || online["ann"] != 1 || len(channels.Items) != 1 {
			t.Errorf("of this node: %v, %v, %v", conns, online, channels)
		}
	})
}

func TestOnlineRefuses(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		if online, err := r.h.Online(t.Context()); err != nil || len(online) != 0 {
			t.Errorf("nobody: %v, %v", online, err)
		}
		for what, do := range map[string]func() error{
			"1,001 users": func() error {
				_, err := r.h.Online(t.Context(), make([]string, maxOnline+1)...)
				return err
			},
			"a page of 101": func() error {
				_, err := r.h.Connections(t.Context(), ConnectionQuery{Limit: 101})
				return err
			},
			"a user of 129 characters": func() error {
				_, err := r.h.Connections(t.Context(), ConnectionQuery{UID: strings.Repeat("é", 129)})
				return err
			},
			"a user that is not UTF-8": func() error {
				_, err := r.h.Connections(t.Context(), ConnectionQuery{UID: "\xff"})
				return err
			},
			"a cursor that no id can be": func() error {
				_, err := r.h.Connections(t.Context(), ConnectionQuery{After: strings.Repeat("x", randomLength+maxNodeID+1)})
				return err
			},
			"a cursor that no name can be": func() error {
				_, err := r.h.Channels(t.Context(), ChannelQuery{After: strings.Repeat("x", 257)})
				return err
			},
			"a prefix that is not UTF-8": func() error {
				_, err := r.h.Channels(t.Context(), ChannelQuery{Prefix: "room.\xff"})
				return err
			},
			"a page of -1": func() error {
				_, err := r.h.Channels(t.Context(), ChannelQuery{Limit: -1})
				return err
			},
			"a prefix of 257 characters": func() error {
				_, err := r.h.Channels(t.Context(), ChannelQuery{Prefix: strings.Repeat("é", 257)})
				return err
			},
		} {
			if e, ok := errors.AsType[*Error](do()); !ok || e.Code != CodeInvalidRequest {
				t.Errorf("%s: %v", what, do())
			}
		}
	})
}

// A page is bounded in bytes as well, and the next one goes on where it ends.
func TestConnectionsWithMuchMetadata(t *testing.T) {
	const size = maxPageSize/4 - 1000
	inRig(t, Options{MaxMetadataSize: size + 2}, func(t *testing.T, r *rig) {
		for range 6 {
			c := r.connect("ann")
			r.h.conns.get(c.ID).umd = []byte(`"` + strings.Repeat("x", size) + `"`)
		}
		var pages []int
		seen := map[string]bool{}
		for q := (ConnectionQuery{UID: "ann"}); ; {
			page, err := r.h.Connections(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, len(page.Items))
			for _, c := range page.Items {
				seen[c.ID] = true
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if want := []int{4, 2}; !slices.Equal(pages, want) || len(seen) != 6 {
			t.Errorf("pages of %v with %d connections, want %v with 6", pages, len(seen), want)
		}
	})
}

// What a node has to do for a page, with 20,000 connections and as many channels.
func BenchmarkOnline(b *testing.B) {
	const n = 20_000
	p := &peers{conns: new(connectionSet), hub: newHub(nil)}
	p.conns.init()
	grant := &permission.Grant{UID: "ann"}
	for i := range n {
		c := &connection{id: newConnectionID("node")}
		c.connect.Store(&connectToken{grant: grant})
		p.conns.byID[c.id] = c
		t := &topic{channel: fmt.Sprintf("room.%d", i), subs: []*subscription{{position: ulid.Make(), counted: true}}}
		p.hub.shard(t.channel).topics[t.channel] = t
	}
	for _, row := range []struct {
		name string
		do   func()
	}{
		{"connections", func() { p.connections(&peerRequest{Limit: 100}) }},
		{"one user's", func() { p.connections(&peerRequest{UID: "bob", Limit: 100}) }},
		{"online", func() { p.conns.online([]string{"bob", "pam"}) }},
		{"channels", func() { p.channels(&peerRequest{Limit: 100}) }},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				row.do()
			}
		})
	}
}
