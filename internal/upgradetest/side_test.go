package upgradetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// TestSideBySide has a node of each build on one Redis, and clients on both. Whatever
// one writes, the other reads, in both directions.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	for _, row := range []struct {
		name string
		site func(t *testing.T) *site
	}{
		{"one server", newSite},
		{"a cluster", func(t *testing.T) *site {
			addrs := redistest.StartCluster(t).Addrs()
			return siteAt(t, "redis://"+addrs[0]+"?addr="+strings.Join(addrs[1:], "&addr="))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := row.site(t)
			older, newer := s.node(before), s.node(now)
			for _, row := range rows {
				// The names of channels tell the directions apart.
				t.Run(row.name+", older to newer", func(t *testing.T) { t.Parallel(); row.do(t, older, newer) })
				t.Run(row.name+", newer to older", func(t *testing.T) { t.Parallel(); row.do(t, newer, older) })
			}
		})
	}
}

// rows are what is tried: here and there are nodes of the two builds.
var rows = []struct {
	name string
	do   func(t *testing.T, here, there *node)
}{
	{"messages have one order", messages},
	{"duplicates are one message", duplicates},
	{"presence", presence},
	{"storage", storage},
	{"reactions", reactions},
	{"schedules", schedules},
	{"requests for another node's connection", requests},
	{"control of another node's connections", control},
	{"a token for one use", singleUse},
	{"catching up on another node", catchUp},
	{"messages that are edited", edits},
}

// channelOf is the test's own.
func channelOf(t *testing.T, here *node) string {
	return strings.ReplaceAll(strings.SplitN(t.Name(), "/", 3)[2], ",", "") + here.build.name
}

// messages are published on both nodes at once, over each API, and read on both.
func messages(t *testing.T, here, there *node) {
	const each = 30
	channel := channelOf(t, here)
	ann, bob := here.connect(t, "ann"), there.connect(t, "bob")
	ann.Subscribe(channel)
	bob.Subscribe(channel)
	var work sync.WaitGroup
	for i, publish := range []func(data string) error{
		func(data string) error { return ann.TrySend(command("chat", channel, data)) },
		func(data string) error { return bob.TrySend(command("chat", channel, data)) },
		func(data string) error { here.publish(t, channel, data); return nil },
		func(data string) error { there.publish(t, channel, data); return nil },
	} {
		work.Go(func() {
			for n := range each {
				if err := publish(fmt.Sprintf(`"%d.%d"`, i, n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	var got [2][]string
	for i, c := range []*wstest.Conn{ann, bob} {
		next := make(map[string]int) // by publisher
		last := ""
		for range 4 * each {
			f := c.Expect("chat")
			if f.ID <= last {
				t.Errorf("%s came after %s", f.ID, last)
			}
			last = f.ID
			var by string
			var n int
			if _, err := fmt.Sscanf(strings.Replace(string(f.Data), ".", " ", 1), `"%1s %d"`, &by, &n); err != nil || n != next[by] {
				t.Errorf("publisher %s: %s is not message %d, %v", by, f.Data, next[by], err)
			}
			next[by]++
			got[i] = append(got[i], f.ID+string(f.Data)+string(f.Meta))
		}
		c.ExpectNothing()
	}
	if !slices.Equal(got[0], got[1]) {
		t.Errorf("the nodes delivered\n%q and\n%q", got[0], got[1])
	}
	for _, n := range []*node{here, there} {
		if listed := list(t, n, ann, channel); len(listed) != 100 { // a page
			t.Errorf("the node of %q lists %d", n.build.name, len(listed))
		}
	}
}

func command(event, channel, data string) string {
	return `{"event":"` + event + `","channel":` + wstest.Quote(channel) + `,"data":` + data + `}`
}

// A listed is a message of a page.
type listed struct {
	ID        string
	Data      json.RawMessage
	Meta      json.RawMessage
	Reactions map[string]struct {
		Count int
		Items []struct{ UID string }
	}
}

// list reads a page of the history on a node, for a connection of whichever.
func list(t *testing.T, n *node, c *wstest.Conn, channel string) []listed {
	t.Helper()
	return listAfter(t, n, c, channel, "")
}

func listAfter(t *testing.T, n *node, c *wstest.Conn, channel, after string) []listed {
	t.Helper()
	var page struct{ Messages []listed }
	n.ask(t, c, "listMessages", `{"channel":`+wstest.Quote(channel)+`,"after":`+wstest.Quote(after)+`,"expandReactions":true}`, &page)
	return page.Messages
}

func duplicates(t *testing.T, here, there *node) {
	channel := channelOf(t, here)
	bob := there.connect(t, "bob")
	bob.Subscribe(channel)
	var ids []string
	for _, n := range []*node{here, there, here} {
		var m struct{ ID string }
		n.api(t, http.MethodPost, "/publish",
			`{"channel":`+wstest.Quote(channel)+`,"event":"chat","deduplicationId":"once","eagerIdGeneration":true}`, &m)
		ids = append(ids, m.ID)
	}
	if f := bob.Expect("chat"); ids[0] != f.ID || ids[1] != f.ID || ids[2] != f.ID {
		t.Errorf("accepted as %q, delivered as %s", ids, f.ID)
	}
	bob.ExpectNothing()
}

// members are the uid and umd of a frame's member list, or an answer's.
func membersOf(i info) (all []string) {
	for _, m := range i.Members {
		all = append(all, m.UID+string(m.UMD))
	}
	return all
}

func presence(t *testing.T, here, there *node) {
	channel := "presence." + channelOf(t, here)
	ann := here.connect(t, "ann")
	ann.Subscribe(channel)
	bob := there.connect(t, "bob")
	bob.Subscribe(channel)
	want := func(c *wstest.Conn, event string, members ...string) {
		t.Helper()
		var i info
		c.Expect(event).Decode(t, &i)
		if got := membersOf(i); !slices.Equal(got, members) {
			t.Errorf("%s tells of %q, want %q", event, got, members)
		}
		for _, n := range []*node{here, there} {
			if i := n.info(t, channel); !slices.Equal(membersOf(i), members) {
				t.Errorf("after %s, the node of %q has %q, want %q", event, n.build.name, membersOf(i), members)
			}
		}
	}
	want(ann, "hotsock.memberAdded", "annnull", "bobnull")
	umd := sign(t, hotsock.Claims{Scope: hotsock.ScopeUMD, Expires: time.Now().Add(time.Hour), UID: "bob", UMD: []byte(`{"a":1}`), Channels: map[string]hotsock.ChannelClaims{
		channel: {UMDUpdate: hotsock.Allow},
	}})
	bob.Send(command("hotsock.umdUpdate", channel, `{"token":"`+umd+`"}`))
	want(ann, "hotsock.memberUpdated", "annnull", `bob{"a":1}`)
	want(bob, "hotsock.memberUpdated", "annnull", `bob{"a":1}`)
	again := here.connect(t, "bob") // with the metadata of its token
	again.Subscribe(channel)
	want(ann, "hotsock.memberUpdated", "annnull", "bobnull")
	want(bob, "hotsock.memberUpdated", "annnull", "bobnull")
	bob.Close()
	again.Close()
	want(ann, "hotsock.memberRemoved", "annnull")
}

func storage(t *testing.T, here, there *node) {
	channel := channelOf(t, here)
	ann, bob := here.connect(t, "ann"), there.connect(t, "bob")
	ann.Send(`{"event":"hotsock.channelStorageSet","channel":` + wstest.Quote(channel) + `,"key":"k","data":{"a":[1,2]},"ref":"1"}`)
	ann.Expect("hotsock.ack")
	bob.Subscribe(channel)
	updated := func(want string) {
		t.Helper()
		if f := bob.Expect("hotsock.channelStorageUpdated"); f.Key != "k" || string(f.Data) != want {
			t.Errorf("updated to %s, want %s", f.Data, want)
		}
		var page struct {
			Items []struct{ Data json.RawMessage }
		}
		there.api(t, http.MethodGet, "/channels/"+url.PathEscape(channel)+"/storage", "", &page)
		if got := page.Items; want == "null" && len(got) != 0 || want != "null" && (len(got) != 1 || string(got[0].Data) != want) {
			t.Errorf("there are %s, want %s", got, want)
		}
	}
	updated(`{"a":[1,2]}`)
	set := func(data string) {
		t.Helper()
		here.ask(t, ann, "channelStorageSet", `{"channel":`+wstest.Quote(channel)+`,"key":"k","data":`+data+`}`, nil)
	}
	set(`{"a":[1,2.0]}`) // the same value
	set(`3`)
	updated(`3`)
	set(`null`)
	updated(`null`)
	bob.ExpectNothing()
}

func reactions(t *testing.T, here, there *node) {
	channel := channelOf(t, here)
	ann, bob := here.connect(t, "ann"), there.connect(t, "bob")
	ann.Subscribe(channel)
	bob.Subscribe(channel)
	id := here.publish(t, channel, `1`)
	react := func(c *wstest.Conn, action, event string) {
		t.Helper()
		c.Send(command("hotsock.messageReaction", channel, `{"messageId":"`+id+`","reaction":"👍","action":"`+action+`"}`))
		for _, c := range []*wstest.Conn{ann, bob} {
			c.Expect(event)
		}
	}
	for _, c := range []*wstest.Conn{ann, bob} {
		c.Expect("chat")
	}
	react(ann, "add", "hotsock.messageReactionAdded")
	react(bob, "add", "hotsock.messageReactionAdded")
	for _, n := range []*node{here, there} {
		m := list(t, n, ann, channel)
		if len(m) != 1 || m[0].Reactions["👍"].Count != 2 || len(m[0].Reactions["👍"].Items) != 2 {
			t.Errorf("the node of %q lists %+v", n.build.name, m)
		}
	}
	react(ann, "remove", "hotsock.messageReactionRemoved")
	if m := list(t, there, ann, channel); len(m) != 1 || m[0].Reactions["👍"].Count != 1 {
		t.Errorf("after a removal: %+v", m)
	}
}

// at is the expression of a schedule in so many seconds.
func at(seconds int) string {
	return time.Now().UTC().Add(time.Duration(seconds) * time.Second).Format("at(2006-01-02T15:04:05)")
}

func schedules(t *testing.T, here, there *node) {
	channel := channelOf(t, here)
	ann, bob := here.connect(t, "ann"), there.connect(t, "bob")
	ann.Subscribe(channel)
	bob.Subscribe(channel)
	const hour = 3600
	schedule := func(data string, seconds int) (arn string) {
		t.Helper()
		ann.Send(`{"event":"chat","channel":` + wstest.Quote(channel) + `,"data":` + data + `,"scheduleExpression":"` + at(seconds) + `","ref":"1"}`)
		var ack struct{ ScheduleArn string }
		ann.Expect("hotsock.ack").Decode(t, &ack)
		return ack.ScheduleArn
	}
	var entry struct{ ScheduleArn string }
	here.api(t, http.MethodPost, "/publish", `{"event":"hotsock.channelStorageSet","channel":`+wstest.Quote(channel)+
		`,"key":"k","data":1,"scheduleExpression":"`+at(hour)+`"}`, &entry)
	arns := []string{entry.ScheduleArn, schedule(`"moved"`, 2*hour), schedule(`"moved further"`, 3*hour), schedule(`"cancelled"`, 4*hour)}
	var page struct {
		Schedules []struct{ ScheduleArn, UID string }
	}
	there.api(t, http.MethodGet, "/schedules?channel="+url.QueryEscape(channel), "", &page)
	if len(page.Schedules) != len(arns) {
		t.Fatalf("scheduled are %+v, want %q", page.Schedules, arns)
	}
	for i, s := range page.Schedules {
		if s.ScheduleArn != arns[i] || (s.UID == "ann") != (i > 0) {
			t.Errorf("schedule %d is %+v, want %s", i, s, arns[i])
		}
	}
	there.ask(t, ann, "cancelSchedule", `{"scheduleArn":"`+arns[3]+`"}`, nil)
	for i, seconds := range []int{4, 5, 6} {
		_, id, _ := strings.Cut(arns[i], ":schedule/")
		there.api(t, http.MethodPatch, "/schedules/"+id, `{"scheduleExpression":"`+at(seconds)+`"}`, nil)
	}
	want := []string{"hotsock.channelStorageUpdated 1", `chat "moved"`, `chat "moved further"`}
	for _, c := range []*wstest.Conn{ann, bob} {
		var got []string
		for range 3 {
			f := c.Next()
			got = append(got, f.Event+" "+string(f.Data))
		}
		if !slices.Equal(got, want) {
			t.Errorf("fired were %q, want %q", got, want)
		}
	}
	bob.ExpectNothing()
}
