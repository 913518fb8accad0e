package storeredis

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// TestNamesAreRememberedForSome asks for the names of more channels than are
// remembered: they are right all the same, and do not become more and more.
func TestNamesAreRememberedForSome(t *testing.T) {
	t.Parallel()
	k, err := newKeyspace("x:", 0)
	if err != nil {
		t.Fatal(err)
	}
	var c nameCache
	for i := range 3*maxNames + 1 {
		channel := fmt.Sprint("c", i)
		names := c.of(&k, channel)
		ck := k.channel(channel)
		if names.channelKeys != ck || names.name != channel || names.topic != ck.topic() {
			t.Fatalf("channel %s: %v, %v and %v", channel, names.channelKeys, names.name, names.topic)
		}
		if n := len(c.now) + len(c.before); n > 2*maxNames {
			t.Fatalf("%d channels are remembered after %d, want at most %d", n, i+1, 2*maxNames)
		}
	}
	newest := fmt.Sprint("c", 3*maxNames)
	if was := c.of(&k, newest); c.of(&k, newest) != was {
		t.Error("the newest channel's names are made again")
	}
	older := fmt.Sprint("c", 3*maxNames-1)
	if was := c.before[older]; was == nil || c.of(&k, older) != was {
		t.Error("names of the period before are made again")
	}
}

// TestNamesAreNotChanged makes the keys of different messages to one channel,
// which share the names.
func TestNamesAreNotChanged(t *testing.T) {
	k, err := newKeyspace("x:", 0)
	if err != nil {
		t.Fatal(err)
	}
	var c nameCache
	names := c.of(&k, "c")
	ck := k.channel("c")
	common := k.commonKeys(ck)
	for _, row := range []struct {
		why       string
		got, want []any
	}{
		{"a message is deduplicated", names.deduplicated("a"), append(slices.Clone(common), ck.dedup("a"))},
		{"another one, by another id", names.deduplicated("b"), append(slices.Clone(common), ck.dedup("b"))},
		{"one is kept", names.kept(), []any{ck.state(), ck.log(), ck.order(), ck.bodies(), ck.expiry(), k.dueChannels(ck.part)}},
		{"one is not kept", names.notKept(), []any{ck.state(), ck.log()}},
	} {
		if !slices.Equal(row.got, row.want) {
			t.Errorf("%s: keys %v, want %v", row.why, row.got, row.want)
		}
	}
}

// TestNamesUnderLoad has many publish to more channels than are remembered, at
// once: each gets the names of its channel, and never too many are remembered.
func TestNamesUnderLoad(t *testing.T) {
	t.Parallel()
	k, err := newKeyspace("x:", 0)
	if err != nil {
		t.Fatal(err)
	}
	var c nameCache
	want := make([]string, maxNames+maxNames/2)
	for i := range want {
		ck := k.channel(fmt.Sprint("c", i))
		want[i] = fmt.Sprint(ck.part, append(k.commonKeys(ck), ck.dedup("a")), ck.topic(), fmt.Sprint("c", i))
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			// All begin together, with the same channels; then each goes its way.
			for i := range 2 * len(want) {
				at := i * (1 + i/len(want)*g) % len(want)
				names := c.of(&k, fmt.Sprint("c", at))
				if got := fmt.Sprint(names.part, names.deduplicated("a"), names.topic, names.name); got != want[at] {
					t.Errorf("channel %d: %s, want %s", at, got, want[at])
					return
				}
				c.mu.RLock()
				now, before := len(c.now), len(c.before)
				c.mu.RUnlock()
				if now > maxNames || before > maxNames {
					t.Errorf("%d and %d channels are remembered, want at most %d each", now, before, maxNames)
					return
				}
			}
		})
	}
	all.Wait()
}
