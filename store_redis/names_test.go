package storeredis

import (
	"fmt"
	"slices"
	"testing"
)

// TestNamesAreRememberedForSome asks for the names of more channels than are
// remembered: they are right all the same, and do not become more and more.
func TestNamesAreRememberedForSome(t *testing.T) {
	k, err := newKeyspace("x:")
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
		t.Error("the newest channel's names are made anew")
	}
	older := fmt.Sprint("c", 3*maxNames-1)
	if was := c.before[older]; was == nil || c.of(&k, older) != was {
		t.Error("names of the stretch before are made anew")
	}
}

// TestNamesAreNotChanged makes the keys of different messages to one channel,
// which share the names.
func TestNamesAreNotChanged(t *testing.T) {
	k, err := newKeyspace("x:")
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
		{"a message is deduplicated", names.kept("a"), append(slices.Clone(common), ck.dedup("a"))},
		{"another one, by another id", names.kept("b"), append(slices.Clone(common), ck.dedup("b"))},
		{"one is not, but the place is taken", names.kept(""), append(slices.Clone(common), ck.state())},
		{"one is not kept", names.notKept(), []any{ck.state(), ck.log()}},
	} {
		if !slices.Equal(row.got, row.want) {
			t.Errorf("%s: keys %v, want %v", row.why, row.got, row.want)
		}
	}
}
