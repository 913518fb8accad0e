package upgradetest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// shown is what a client shows of a channel: data by the id of the message.
type shown map[string]string

// apply takes what a client was sent. A client that knows of no version takes updates in
// their order.
func (s shown) apply(t *testing.T, f wstest.Frame) {
	t.Helper()
	var d struct {
		MessageID string
		Data      json.RawMessage
	}
	switch f.Event {
	case "chat":
		s[f.ID] = string(f.Data)
	case "hotsock.messageUpdated":
		f.Decode(t, &d)
		if _, ok := s[d.MessageID]; ok {
			s[d.MessageID] = string(d.Data)
		}
	case "hotsock.messageDeleted":
		f.Decode(t, &d)
		delete(s, d.MessageID)
	}
}

// historyOf is what a node lists of a channel.
func historyOf(t *testing.T, n *node, c *wstest.Conn, channel string) shown {
	t.Helper()
	s := make(shown)
	for _, m := range list(t, n, c, channel) {
		s[m.ID] = string(m.Data)
	}
	return s
}

// edits has the newer node change what both have published. The older one delivers it,
// lists the same and brings clients to the same state, whatever they had seen: of what
// it cannot know it says that something is missing. It refuses to edit.
func edits(t *testing.T, here, there *node) {
	channel := channelOf(t, here)
	older, newer := here, there
	if here.build.name == "now" {
		older, newer = there, here
	}
	ann, bob := older.connect(t, "ann"), newer.connect(t, "bob")
	ann.Send(`{"event":"hotsock.subscribe","channel":` + wstest.Quote(channel) + `,"data":{"after":null}}`)
	var first struct{ LastID string }
	ann.Expect("hotsock.subscribed").Decode(t, &first)
	bob.Subscribe(channel)

	// was is what a client shows that has seen all up to an item.
	present, was := make(shown), map[string]shown{first.LastID: {}}
	var seen []string // items, in order
	both := func(event string) {
		t.Helper()
		a, b := ann.Expect(event), bob.Expect(event)
		if a.Text != b.Text {
			t.Errorf("the older node sent %s, and the newer one %s", a.Text, b.Text)
		}
		present.apply(t, b)
		was[b.ID], seen = maps.Clone(present), append(seen, b.ID)
	}
	publish := func(n *node, data string) string {
		t.Helper()
		id := n.publish(t, channel, data)
		both("chat")
		return id
	}
	edit := func(event, id, data string) string {
		return `{"channel":` + wstest.Quote(channel) + `,"event":"` + event + `","data":{"messageId":"` + id + `"` + data + `}}`
	}
	update := func(id, data string) {
		t.Helper()
		newer.api(t, http.MethodPost, "/publish", edit("hotsock.messageUpdate", id, `,"data":`+data), nil)
		both("hotsock.messageUpdated")
	}
	remove := func(id string) {
		t.Helper()
		newer.api(t, http.MethodPost, "/publish", edit("hotsock.messageDelete", id, ""), nil)
		both("hotsock.messageDeleted")
	}

	a, b, c := publish(here, `"a"`), publish(there, `"b"`), publish(here, `"c"`)
	for _, id := range []string{a, b} {
		ann.Send(command("hotsock.messageReaction", channel, `{"messageId":"`+id+`","reaction":"👍","action":"add"}`))
		both("hotsock.messageReactionAdded")
	}
	update(a, `"a2"`)
	update(c, `{"text":"c2"}`)
	update(a, `"a3"`)
	remove(b)
	d := publish(there, `"d"`)
	remove(d)
	publish(here, `"e"`)

	for _, body := range []string{edit("hotsock.messageUpdate", a, `,"data":"a4"`), edit("hotsock.messageDelete", a, "")} {
		if status, answer := older.try(t, http.MethodPost, "/publish", body); status != http.StatusBadRequest {
			t.Errorf("the older node answers %s with %d %s", body, status, answer)
		}
	}
	ann.ExpectNothing()
	bob.ExpectNothing()

	for _, n := range []*node{older, newer} {
		if got := historyOf(t, n, ann, channel); !maps.Equal(got, present) {
			t.Errorf("the node of %q lists %q, want %q", n.build.name, got, present)
		}
		all := list(t, n, ann, channel)
		if i := slices.IndexFunc(all, func(m listed) bool { return m.ID == a }); i < 0 || all[i].Reactions["👍"].Count != 1 {
			t.Errorf("the node of %q lists %+v", n.build.name, all)
		}
		lost := 0
		for _, after := range append([]string{first.LastID}, seen...) {
			got, recovered := returns(t, n, channel, after, was[after])
			if !maps.Equal(got, present) {
				t.Errorf("from %s on, the node of %q brings a client to %q, want %q", after, n.build.name, got, present)
			}
			if !recovered {
				lost++
			}
			if !recovered && n == newer {
				t.Errorf("from %s on, the newer node says that something is missing", after)
			}
		}
		t.Logf("the node of %q says of %d of %d positions that something is missing", n.build.name, lost, len(seen)+1)
	}
}

// returns has a client come back that has seen all up to an item, and returns what it
// shows in the end, and whether the node said that nothing is missing.
func returns(t *testing.T, n *node, channel, after string, was shown) (now shown, recovered bool) {
	t.Helper()
	c := n.connect(t, "carl")
	defer c.Close()
	c.Send(`{"event":"hotsock.subscribe","channel":` + wstest.Quote(channel) + `,"data":{"after":"` + after + `"}}`)
	var s struct{ Recovered bool }
	c.Expect("hotsock.subscribed").Decode(t, &s)
	if !s.Recovered {
		return historyOf(t, n, c, channel), false
	}
	c.Send(`{"event":"hotsock.ping"}`)
	missed, _ := c.Until("hotsock.pong")
	now = maps.Clone(was)
	for _, f := range missed {
		now.apply(t, f)
	}
	return now, true
}

// TestEditsWhileAway edits on the newer version alone, and then has the older one alone
// again: it lists the same, publishes on top of that, and the newer one goes on where it
// was.
func TestEditsWhileAway(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	const channel = "room"
	older := s.node(before)
	ids := []string{older.publish(t, channel, `"a"`), older.publish(t, channel, `"b"`), older.publish(t, channel, `"c"`)}
	older.stop()

	newer := s.node(now)
	edit := func(event, data string) {
		t.Helper()
		newer.api(t, http.MethodPost, "/publish", `{"channel":"room","event":"`+event+`","data":`+data+`}`, nil)
	}
	edit("hotsock.messageUpdate", `{"messageId":"`+ids[0]+`","data":"a2"}`)
	edit("hotsock.messageUpdate", `{"messageId":"`+ids[0]+`","data":"a3","ifVersion":2}`)
	edit("hotsock.messageDelete", `{"messageId":"`+ids[1]+`"}`)
	want := shown{ids[0]: `"a3"`, ids[2]: `"c"`}
	newer.stop()

	older = s.node(before)
	ann := older.connect(t, "ann")
	ann.Subscribe(channel)
	if got := historyOf(t, older, ann, channel); !maps.Equal(got, want) {
		t.Errorf("the older node lists %q, want %q", got, want)
	}
	ann.Send(command("hotsock.messageReaction", channel, `{"messageId":"`+ids[0]+`","reaction":"👍","action":"add"}`))
	ann.Expect("hotsock.messageReactionAdded")
	want[older.publish(t, channel, `"d"`)] = `"d"`
	last := ann.Expect("chat").ID
	older.stop()

	newer = s.node(now)
	edit("hotsock.messageUpdate", `{"messageId":"`+ids[0]+`","data":"a4","ifVersion":3}`)
	edit("hotsock.messageDelete", `{"messageId":"`+ids[2]+`"}`)
	got, recovered := returns(t, newer, channel, last, maps.Clone(want))
	want[ids[0]] = `"a4"`
	delete(want, ids[2])
	if !recovered || !maps.Equal(got, want) {
		t.Errorf("a client that comes back shows %q, recovered: %v, want %q", got, recovered, want)
	}
	bob := newer.connect(t, "bob")
	bob.Subscribe(channel)
	if got := historyOf(t, newer, bob, channel); !maps.Equal(got, want) {
		t.Errorf("the newer node lists %q, want %q", got, want)
	}
	all := list(t, newer, bob, channel)
	if i := slices.IndexFunc(all, func(m listed) bool { return m.ID == ids[0] }); i < 0 || all[i].Reactions["👍"].Count != 1 {
		t.Errorf("the newer node lists %+v", all)
	}
}
