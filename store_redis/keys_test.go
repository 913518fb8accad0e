package storeredis

import (
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/store"
)

// TestKeysHaveOneTag holds every key of a call to one hash tag, whatever the
// channel is called: miniredis would let it pass, a cluster would not.
func TestKeysHaveOneTag(t *testing.T) {
	s := newStore(t, openAt(t, "127.0.0.1:1").client)
	n := &node{s: s, id: "node"}
	for _, channel := range []string{"c", "{}", "{a}b", "}{", "\x00", strings.Repeat("é", 128)} {
		ck := s.keys.channel(channel)
		p := store.PublishRequest{Channel: channel, DedupID: "{x}"}
		tag := ck.p[strings.IndexByte(ck.p, '{') : strings.IndexByte(ck.p, '}')+1]
		keys := n.channelCall(setScript, channel, ck, n.entryKeys(ck)).keys
		keys = append(keys, n.subscriptionKeys(ck, "node.1")...)
		keys = append(keys, n.publishCall(&p).keys...)
		keys = append(keys, s.sched.scheduleKeys(ck.part, ck)...)
		keys = append(keys, s.keys.ops(ck.part, 1), s.keys.probe(ck.part, "node"), ck.topic(), ck.reactions(someID), ck.reactionOrder(someID), ck.reactionCounts(someID), ck.ownSchedules(someID), ck.erased())
		seen := make(map[string]bool)
		for _, key := range keys {
			k := key.(string)
			if strings.Count(k, "{") != 1 || !strings.Contains(k, tag) {
				t.Errorf("channel %q: key %q has not the tag %s alone", channel, k, tag)
			}
			if strings.Contains(k, channel) && len(channel) > 1 {
				t.Errorf("channel %q: its name is in key %q", channel, k)
			}
			seen[k] = true
		}
		if len(seen) < 15 {
			t.Errorf("channel %q: only %d different keys", channel, len(seen))
		}
	}
}

func TestKeyPrefix(t *testing.T) {
	if _, err := New(openAt(t, "127.0.0.1:1").client, Options{KeyPrefix: "a{b}"}); err == nil {
		t.Error("a prefix with braces would put all keys into one slot, and was accepted")
	}
	if _, err := New(nil, Options{}); err == nil {
		t.Error("no client was accepted")
	}
}
