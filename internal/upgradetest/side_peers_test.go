package upgradetest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// requests asks a node for what only the other one knows: what a connection is, and
// may do.
func requests(t *testing.T, here, there *node) {
	channel := channelOf(t, here)
	ann := here.connect(t, "ann")
	ann.Subscribe(channel)
	for _, n := range []*node{here, there} {
		var m struct{ ID string }
		n.ask(t, ann, "publishMessage", `{"channel":`+wstest.Quote(channel)+`,"event":"chat","data":1,"eagerIdGeneration":true}`, &m)
		if f := ann.Expect("chat"); f.ID != m.ID || !strings.Contains(string(f.Meta), `"uid":"ann"`) {
			t.Errorf("published %s: %s", m.ID, f.Text)
		}
		var i info
		n.ask(t, ann, "getChannelInfo", `{"channel":`+wstest.Quote(channel)+`}`, &i)
		if i.SubscriptionsCount != 1 {
			t.Errorf("%d subscriptions", i.SubscriptionsCount)
		}
	}
	umd := sign(t, hotsock.Claims{Scope: hotsock.ScopeUMD, Expires: time.Now().Add(time.Hour), UID: "ann", UMD: []byte(`"new"`), Channels: map[string]hotsock.ChannelClaims{
		channel: {UMDUpdate: hotsock.Allow},
	}})
	there.ask(t, ann, "umdUpdate", `{"channel":`+wstest.Quote(channel)+`,"token":"`+umd+`"}`, nil)
	there.ask(t, ann, "publishMessage", `{"channel":`+wstest.Quote(channel)+`,"event":"chat"}`, nil)
	if f := ann.Expect("chat"); !strings.Contains(string(f.Meta), `"umd":"new"`) {
		t.Errorf("the new metadata is not in %s", f.Text)
	}
}

func control(t *testing.T, here, there *node) {
	channel := channelOf(t, here)
	uid := channel // and nobody else's
	for _, row := range []struct{ path, member string }{
		{"/channels/" + url.PathEscape(channel) + "/users/" + url.PathEscape(uid), "unsubscribed"},
		{"/users/" + url.PathEscape(uid) + "/connections", "disconnected"},
		{"/connections/", "disconnected"},
	} {
		ann := here.connect(t, uid)
		ann.Subscribe(channel)
		path := row.path
		if strings.HasSuffix(path, "/") {
			path += url.PathEscape(ann.ID)
		}
		var done map[string]int
		there.api(t, http.MethodDelete, path, "", &done)
		if done[row.member] != 1 {
			t.Errorf("DELETE %s: %v", path, done)
		}
		if row.member == "unsubscribed" {
			ann.Expect("hotsock.unsubscribed")
			ann.Close()
		} else {
			status := websocket.StatusServiceRestart
			if here.build.name != "now" {
				status = websocket.StatusPolicyViolation
			}
			ann.ExpectClose(status, "")
		}
		await.That(t, "the subscription to end", func() bool { return there.info(t, channel).SubscriptionsCount == 0 })
	}
}

func singleUse(t *testing.T, here, there *node) {
	text := token(t, "ann", `,"singleUse":true,"jti":`+wstest.Quote(channelOf(t, here)))
	wstest.Connect(t, here.socket(text), wstest.Options{HTTPClient: web})
	if _, answer, err := wstest.Try(t, there.socket(text), wstest.Options{HTTPClient: web}); err == nil || answer == nil || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("used again: %v", err)
	}
}

// catchUp moves a client from one node to the other, and back.
func catchUp(t *testing.T, here, there *node) {
	channel := channelOf(t, here)
	ann := here.connect(t, "ann")
	ann.Send(`{"event":"hotsock.subscribe","channel":` + wstest.Quote(channel) + `,"data":{"after":null}}`)
	var first struct{ LastID string }
	ann.Expect("hotsock.subscribed").Decode(t, &first)
	last := first.LastID // of a channel without items
	for i, n := range []*node{there, here, there} {
		ann.Cut()
		ids := []string{here.publish(t, channel, "1"), there.publish(t, channel, "2")}
		n.api(t, http.MethodPost, "/publish", `{"channel":`+wstest.Quote(channel)+`,"event":"chat","data":"not kept"}`, nil)
		ann = n.connect(t, "ann")
		ann.Send(`{"event":"hotsock.subscribe","channel":` + wstest.Quote(channel) + `,"data":{"after":"` + last + `"}}`)
		var s struct{ Recovered bool }
		if ann.Expect("hotsock.subscribed").Decode(t, &s); !s.Recovered {
			t.Fatalf("move %d: not everything is there after %s", i+1, last)
		}
		for _, id := range ids {
			if f := ann.Expect("chat"); f.ID != id {
				t.Errorf("move %d: got %s, want %s", i+1, f.ID, id)
			}
		}
		ann.Expect("chat") // the one that is not kept
		id := here.publish(t, channel, "3")
		if last = ann.Expect("chat").ID; last != id {
			t.Errorf("move %d: got %s, want %s", i+1, last, id)
		}
	}
}
