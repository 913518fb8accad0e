package protocoltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// A browserClient keeps the state that hotsock-js keeps, from the frames that
// it looks at, and of these only the members that it reads.
type browserClient struct {
	*client
	state   map[string]string // by real channel name: "subscribing", "subscribed" or absent
	members map[string][]string
	umd     map[string]string // of members, by uid
	got     []string          // messages of the application
}

// receive handles one frame as hotsock-js does.
func (b *browserClient) receive(t *testing.T, frame string) {
	t.Helper()
	var m struct {
		Event, Channel string
		Data           json.RawMessage
		Error          *struct{ Code string }
	}
	if err := json.Unmarshal([]byte(frame), &m); err != nil {
		t.Fatalf("%v: %s", err, frame)
	}
	var data struct {
		Members []struct {
			UID string
			UMD json.RawMessage
		}
	}
	_ = json.Unmarshal(m.Data, &data) // of messages it may be anything
	switch m.Event {
	case "hotsock.subscribed":
		b.state[m.Channel] = "subscribed"
	case "hotsock.unsubscribed":
		delete(b.state, m.Channel)
		delete(b.members, m.Channel)
	case "hotsock.memberAdded", "hotsock.memberUpdated", "hotsock.memberRemoved":
	case "hotsock.error":
		switch m.Error.Code {
		case "NOT_SUBSCRIBED", "SUBSCRIBE_PERMISSION_DENIED", "INVALID_SUBSCRIBE_TOKEN":
			delete(b.state, m.Channel)
		case "ALREADY_SUBSCRIBED":
			b.state[m.Channel] = "subscribed"
		default:
			t.Errorf("hotsock-js does not know %s", frame)
		}
		return
	default:
		b.got = append(b.got, m.Channel+" "+m.Event+" "+string(m.Data))
		return
	}
	if data.Members == nil {
		return
	}
	b.members[m.Channel] = nil
	for _, x := range data.Members {
		b.members[m.Channel] = append(b.members[m.Channel], x.UID)
		b.umd[x.UID] = string(x.UMD)
	}
}

// settle handles frames until the pong.
func (b *browserClient) settle(t *testing.T) {
	t.Helper()
	b.send(`{"event":"hotsock.ping"}`)
	for _, frame := range b.until(`{"event":"hotsock.pong","data":{}}`) {
		b.receive(t, frame)
	}
}

// A session of a page that uses hotsock-js: what it believes is what is true.
func TestHotsockJS(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		start := time.Now()
		b := &browserClient{
			client: e.connect(t, user("Jim", `{"news":{"autoSubscribe":true},"presence.room":{"subscribe":true},"chat":{"subscribe":true,"messages":{"*":{"publish":true,"echo":true}}},"secret":{}}`)),
			state:  make(map[string]string), members: make(map[string][]string), umd: make(map[string]string),
		}
		// Autosubscribed within 250 ms, so that it does not do it itself.
		b.expect(`{"event":"hotsock.subscribed","channel":"news","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`)
		t.Logf("autosubscribed %v after dialling", time.Since(start))
		b.state["news"] = "subscribed"

		want := func(channel, state string) {
			t.Helper()
			if got := b.state[channel]; got != state {
				t.Errorf("%s is %q, want %q", channel, got, state)
			}
		}
		subscribe := func(channel, data string) {
			t.Helper()
			b.state[channel] = "subscribing"
			b.send(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q,"data":%s}`, channel, data))
		}
		unsubscribe := func(channel string) {
			t.Helper()
			b.send(fmt.Sprintf(`{"event":"hotsock.unsubscribe","channel":%q}`, channel))
		}
		// Everything in one tick.
		subscribe("chat", `{}`)
		unsubscribe("chat")
		subscribe("chat", `{}`)
		subscribe("chat", `{}`)
		subscribe("secret", `{}`)
		subscribe("presence.room", `{"token":"expired"}`)
		unsubscribe("nothing")
		b.settle(t)
		want("chat", "subscribed")
		want("secret", "")
		want("presence.room", "")
		subscribe("presence.room", `{}`)
		b.settle(t)
		want("presence.room", "subscribed")

		pam := e.connect(t, withUMD("Pam", `{"a":1}`, everything))
		pam.Subscribe("presence.room")
		pam.send(umdUpdate("presence.room", token(t, `{"scope":"umd","uid":"Pam","umd":{"a":2},"channels":{"*":{"umdUpdate":true}}}`)))
		b.receive(t, b.Next().Text)
		b.receive(t, b.Next().Text)
		if got := fmt.Sprint(b.members["presence.room"]); got != "[Jim Pam]" || b.umd["Pam"] != `{"a":2}` {
			t.Errorf("members are %s, Pam is %s", got, b.umd["Pam"])
		}
		pam.Cut()
		b.receive(t, b.Next().Text)
		if got := fmt.Sprint(b.members["presence.room"]); got != "[Jim]" {
			t.Errorf("members are %s", got)
		}
		b.send(`{"event":"hi","channel":"chat","data":{"members":"not what you think"}}`)
		b.receive(t, b.Next().Text)
		e.publish(t, hotsock.Message{Channel: "news", Event: "item", Data: 1})
		b.receive(t, b.Next().Text)
		if got := fmt.Sprint(b.got); got != `[chat hi {"members":"not what you think"} news item 1]` {
			t.Errorf("got %s", got)
		}
		for channel, count := range map[string]int{"news": 1, "chat": 1, "presence.room": 1, "secret": 0} {
			ctx, cancel := e.context()
			info, err := e.anyNode().ChannelInfo(ctx, channel)
			cancel()
			if err != nil || info.SubscriptionsCount != count {
				t.Errorf("%s has %d subscriptions, %v; want %d", channel, info.SubscriptionsCount, err, count)
			}
		}
	})
}

// A page that uses hotsock-js, and knows nothing of streams, shows what was published
// first, takes the appends for events that it need not know, and goes on with what
// follows, however long the message gets. It may have bound a pattern that has all events,
// so that none may be longer than what it can be sent anyway.
func TestHotsockJSIgnoresStreams(t *testing.T) {
	const most = 2 << 20
	everywhere(t, func(o *hotsock.Options) { o.MaxStreamSize = most }, func(t *testing.T, e *env) {
		b := &browserClient{
			client: e.connect(t, user("Jim", streamClaims)),
			state:  make(map[string]string), members: make(map[string][]string), umd: make(map[string]string),
		}
		b.send(`{"event":"hotsock.subscribe","channel":"room"}`)
		b.settle(t)
		ctx, cancel := e.context()
		defer cancel()
		s, err := e.anyNode().Stream(ctx, hotsock.Message{Channel: "room", Event: "answer", Data: "Well, ", Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		piece := strings.Repeat("x", 60<<10)
		for written := 0; written < most*3/4; written += len(piece) {
			if _, err := s.WriteString(piece); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		e.publish(t, hotsock.Message{Channel: "room", Event: "after", Data: 1})
		for len(b.got) == 0 || b.got[len(b.got)-1] != "room after 1" {
			b.receive(t, b.Next().Text)
		}
		if b.got[0] != `room answer "Well, "` || b.state["room"] != "subscribed" {
			t.Errorf("it shows %.100q, and is %s", b.got[0], b.state["room"])
		}
		appends := 0
		for _, m := range b.got[1 : len(b.got)-1] {
			if appends += len(m); !strings.HasPrefix(m, "room hotsock.messageAppended ") || len(m) > 128<<10 {
				t.Errorf("%d bytes of %.100q", len(m), m)
			}
		}
		if appends < most*3/4 {
			t.Errorf("%d bytes of appends", appends)
		}
	})
}
