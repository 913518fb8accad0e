package hotsock

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

const (
	followPresence = `{"event":"hotsock.subscribe","channel":"presence.room","data":{"presence":"changes"}}`
	leavePresence  = `{"event":"hotsock.unsubscribe","channel":"presence.room"}`
)

type member struct {
	UID string
	UMD json.RawMessage
}

func (m member) String() string { return m.UID + string(m.UMD) }

// A follower is what a client that follows changes knows of the members.
type follower struct {
	list []member
	more bool // pages follow
	took int  // frames of changes
}

func (l *follower) uids() string {
	var uids []string
	for _, m := range l.list {
		uids = append(uids, m.UID)
	}
	return strings.Join(uids, ",")
}

func (l *follower) at(uid string) int {
	return slices.IndexFunc(l.list, func(m member) bool { return m.UID == uid })
}

// take applies a frame as docs/protocol.md says.
func (l *follower) take(t *testing.T, f wstest.Frame) {
	t.Helper()
	var data struct {
		Members []member
		More    bool
		Removed []string
		Updated []member
		Added   []member
		Count   int
	}
	f.Decode(t, &data)
	switch f.Name() {
	case "hotsock.subscribed":
		l.list, l.more = data.Members, data.More
	case "hotsock.members":
		l.list, l.more = append(l.list, data.Members...), data.More
	case "hotsock.membersChanged":
		if l.more {
			t.Error("a change came before the last page")
		}
		l.took++
		for _, uid := range data.Removed {
			l.list = slices.DeleteFunc(l.list, func(m member) bool { return m.UID == uid })
		}
		for _, m := range data.Updated {
			if i := l.at(m.UID); i >= 0 {
				l.list[i] = m
			}
		}
		for _, m := range data.Added {
			l.list = append(slices.DeleteFunc(l.list, func(old member) bool { return old.UID == m.UID }), m)
		}
	default:
		t.Errorf("unexpected %s", f.Text)
	}
}

// sent returns all that a client has been sent by now.
func sent(c *wstest.Conn) []wstest.Frame {
	synctest.Wait()
	c.Send(`{"event":"hotsock.ping"}`)
	frames, _ := c.Until("hotsock.pong")
	return frames
}

// until sends a command and reads up to its answer.
func until(c *wstest.Conn, command, name string) {
	c.Send(command)
	c.Until(name)
}

// drain takes all that there is now.
func (l *follower) drain(t *testing.T, c *wstest.Conn) {
	t.Helper()
	for _, f := range sent(c) {
		l.take(t, f)
	}
}

// Changes are told at once after a pause, and otherwise together, as what is different
// in the end.
func TestBatches(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		var ann, late follower
		a, b, c, d := r.connect("ann"), r.connect("bob"), r.connect("cat"), r.connect("dan")
		ann.take(t, a.Do(followPresence, "hotsock.subscribed"))
		until(b, subscribePresence, "hotsock.subscribed")
		want := func(told *wstest.Conn, text string) {
			t.Helper()
			f := told.Next()
			if got := f.Text; got != `{"event":"hotsock.membersChanged","channel":"presence.room","data":{`+text+`}}` {
				t.Fatalf("told %s, want %s", got, text)
			}
		}
		want(a, `"added":[{"uid":"bob","umd":null}],"count":2`)

		until(c, subscribePresence, "hotsock.subscribed")
		until(c, leavePresence, "hotsock.unsubscribed")
		until(b, leavePresence, "hotsock.unsubscribed")
		until(b, subscribePresence, "hotsock.subscribed")
		until(d, subscribePresence, "hotsock.subscribed")
		synctest.Wait()
		a.ExpectNothing()
		late.take(t, c.Do(followPresence, "hotsock.subscribed"))
		until(d, leavePresence, "hotsock.unsubscribed") // cat has been shown it.
		time.Sleep(memberBatchPause)
		const batch = `"removed":["bob","dan"],"added":[{"uid":"bob","umd":null},{"uid":"cat","umd":null}],"count":3`
		want(a, batch)
		want(c, batch)

		until(b, leavePresence, "hotsock.unsubscribed")
		until(b, subscribePresence, "hotsock.subscribed")
		until(c, leavePresence, "hotsock.unsubscribed")
		time.Sleep(memberBatchPause)
		want(a, `"removed":["bob","cat"],"added":[{"uid":"bob","umd":null}],"count":2`)

		// What comes to nothing is not told, and the next change is told at once.
		time.Sleep(memberBatchPause)
		until(c, subscribePresence, "hotsock.subscribed")
		want(a, `"added":[{"uid":"cat","umd":null}],"count":3`)
		until(d, subscribePresence, "hotsock.subscribed")
		until(d, leavePresence, "hotsock.unsubscribed")
		time.Sleep(2 * memberBatchPause)
		a.ExpectNothing()
		until(d, subscribePresence, "hotsock.subscribed")
		want(a, `"added":[{"uid":"dan","umd":null}],"count":4`)
	})
}

// However members come and go, and whenever a client subscribes or catches up, in the
// end all know the same.
func TestFollowersConverge(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		random := rand.New(rand.NewPCG(1, 2))
		var followers []*follower
		var conns []*wstest.Conn
		for i := range 4 {
			f, c := new(follower), r.connect(fmt.Sprint("follower", i))
			f.take(t, c.Do(followPresence, "hotsock.subscribed"))
			followers, conns = append(followers, f), append(conns, c)
		}
		const others = 12
		there := make(map[int]bool)
		for step := range 3000 {
			i := random.IntN(others)
			uid := fmt.Sprint("user", i)
			switch {
			case !there[i]:
				_, err := r.h.node.Subscribe(t.Context(), store.SubscribeRequest{
					Channel: "presence.room", Connection: uid, UID: uid, UMD: fmt.Append(nil, step), UMDDigest: fmt.Sprint(step),
					Presence: true, MemberSize: 1, MaxMembersSize: 1 << 20,
				})
				if err != nil {
					t.Fatal(err)
				}
				there[i] = true
			case random.IntN(2) == 0:
				_, err := r.h.node.UpdateSubscription(t.Context(), store.UpdateSubscriptionRequest{
					Channel: "presence.room", Connection: uid, UMD: fmt.Append(nil, step), UMDDigest: fmt.Sprint(step),
					MemberSize: 1, MaxMembersSize: 1 << 20,
				})
				if err != nil {
					t.Fatal(err)
				}
			default:
				if _, err := r.h.node.Unsubscribe(t.Context(), store.UnsubscribeRequest{Channel: "presence.room", Connection: uid}); err != nil {
					t.Fatal(err)
				}
				there[i] = false
			}
			j := random.IntN(len(conns))
			f, c := followers[j], conns[j]
			switch random.IntN(40) {
			default:
				time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
			case 0:
				c.Send(`{"event":"hotsock.subscribe","channel":"presence.room","data":{"after":null,"presence":"changes"}}`)
				synctest.Wait()
			case 1:
				until(c, leavePresence, "hotsock.unsubscribed")
				*f = follower{took: f.took}
				c.Send(followPresence)
				synctest.Wait()
			case 2:
				r.h.hub.startGap("presence.room")
				r.h.resyncs.start("presence.room")
				time.Sleep(time.Second)
			}
			f.drain(t, c)
			if step%100 != 99 {
				continue
			}
			time.Sleep(2 * memberBatchPause)
			info, err := r.h.node.Channel(t.Context(), "presence.room")
			if err != nil {
				t.Fatal(err)
			}
			var want []member
			for _, m := range info.Members {
				want = append(want, member{m.UID, orNull(m.UMD)})
			}
			for k := range conns {
				followers[k].drain(t, conns[k])
				if got := followers[k].list; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("step %d: follower %d knows %v, want %v", step, k, got, want)
				}
			}
		}
		for k, f := range followers {
			if f.took < 50 {
				t.Errorf("follower %d was told %d times", k, f.took)
			}
		}
	})
}

// Long lists come in pages, and many changes in frames, none of which is long.
func TestPagesOfMembers(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		ctx := t.Context()
		const many = 3000
		change := func(join bool) {
			t.Helper()
			for i := range many {
				uid := fmt.Sprintf("a user with a rather long name %d", i)
				var err error
				if join {
					_, err = r.h.node.Subscribe(ctx, store.SubscribeRequest{
						Channel: "presence.room", Connection: uid, UID: uid, UMD: []byte(`"xxxxxxxxxxxxxxxxxxxxxxxxx"`), UMDDigest: "x",
						Presence: true, MemberSize: 100, MaxMembersSize: 1 << 20,
					})
				} else {
					_, err = r.h.node.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: "presence.room", Connection: uid})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		longest := 0
		drain := func(f *follower, c *wstest.Conn) {
			for _, frame := range sent(c) {
				longest = max(longest, len(frame.Text))
				f.take(t, frame)
			}
		}
		var ann, bob follower
		a, b := r.connect("ann"), r.connect("bob")
		ann.take(t, a.Do(followPresence, "hotsock.subscribed"))
		change(true)
		time.Sleep(time.Second)
		drain(&ann, a)
		// A list for one who follows no changes would be too long.
		r.connect("cat").Do(subscribePresence, string(CodePresenceCapacityReached))
		b.Send(followPresence)
		synctest.Wait()
		drain(&bob, b)
		time.Sleep(time.Second)
		drain(&ann, a)
		if len(bob.list) != many+2 || bob.more || ann.uids() != bob.uids() {
			t.Errorf("ann knows %d members, and bob %d", len(ann.list), len(bob.list))
		}
		change(false)
		time.Sleep(time.Second)
		drain(&ann, a)
		drain(&bob, b)
		if ann.uids() != "ann,bob" || bob.uids() != "ann,bob" {
			t.Errorf("ann knows %d members, and bob %d", len(ann.list), len(bob.list))
		}
		if longest > memberPage+1000 {
			t.Errorf("a frame had %d bytes", longest)
		}
	})
}

// Those who are sent lists, and were there first, are told without a list while it is
// too long.
func TestListGetsTooLong(t *testing.T) {
	inRig(t, Options{MaxMembersSize: len(`[{"uid":"ann","umd":null},{"uid":"bob","umd":null}]`)}, func(t *testing.T, r *rig) {
		a, b, c := r.connect("ann"), r.connect("bob"), r.connect("cat")
		a.Do(subscribePresence, "hotsock.subscribed")
		b.Do(followPresence, "hotsock.subscribed")
		c.Do(followPresence, "hotsock.subscribed")
		wantTold(t, a, "Added bob ann,bob", "Added cat -")
		until(b, leavePresence, "hotsock.unsubscribed")
		wantTold(t, a, "Removed bob ann,cat")
	})
}
