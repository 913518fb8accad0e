package spectest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

// session has a conversation in which all that the server can send is sent.
func session(t *testing.T, d *asyncDocument) {
	s := newSite(t, d, nil)
	jim := s.dial(t, hotsock.Claims{UID: "Jim", KeepAlive: true, Channels: everything(), Calls: methods()})
	pam := s.connect(t, "Pam")

	for _, c := range []struct{ command, answer string }{
		{`{"event":"hotsock.ping"}`, "hotsock.pong"},
		{`{"event":"hotsock.ping","ref":"1"}`, "hotsock.pong"},
		{`{"event":"hotsock.pong","ref":"2"}`, "hotsock.ack"},
		{`{"event":"hotsock.heartbeat","ref":"3"}`, "hotsock.ack"},
		{`{"event":"hotsock.subscribe","channel":"me"}`, "hotsock.error"},
		{`{"event":"hotsock.unsubscribe","channel":"me","ref":"4"}`, "hotsock.unsubscribed"},
		{`{"event":"hotsock.subscribe","channel":"me","ref":"5"}`, "hotsock.subscribed"},
		{`{"event":"hotsock.subscribe","channel":"room","data":{"after":null}}`, "hotsock.subscribed"},
		{`{"event":"chat","channel":"room","data":{"n":1},"ref":"6"}`, "hotsock.ack"},
		{`{"event":"chat","channel":"room"}`, "chat"},
		{`{"event":"hotsock.unsubscribe","channel":"room"}`, "hotsock.unsubscribed"},
		{`{"event":"hotsock.subscribe","channel":"room","data":{"after":"01JA3HVNF6E89HDT1ABRFWJ8C8"},"ref":"7"}`, "hotsock.subscribed"},
		{`{"event":"chat","channel":"room","scheduleExpression":"at(2100-01-01T00:00:00)","ref":"8"}`, "hotsock.ack"},
		{`{"event":"hotsock.channelStorageGet","channel":"room","key":"topic"}`, "hotsock.channelStorageData"},
		{`{"event":"hotsock.channelStorageSet","channel":"room","key":"topic","data":[1],"ref":"9"}`, "hotsock.channelStorageUpdated"},
		{`{"event":"hotsock.channelStorageGet","channel":"room","key":"topic","ref":"10"}`, "hotsock.channelStorageData"},
		{`{"event":"hotsock.channelStorageSet","channel":"room","key":"topic","data":null}`, "hotsock.channelStorageUpdated"},
		{`{"event":"hotsock.channelStorageSet","channel":"room","key":"once","data":1,"ifVersion":null,"ref":"15"}`, "hotsock.ack"},
		{`{"event":"hotsock.channelStorageGet","channel":"room","key":"once","version":true}`, "hotsock.channelStorageData"},
		{`{"event":"hotsock.channelStorageAdd","channel":"room","key":"once","data":1,"ref":"16"}`, "hotsock.ack"},
		{`{"event":"hotsock.subscribe","channel":"presence.chat","ref":"11"}`, "hotsock.subscribed"},
	} {
		jim.send(c.command)
		jim.next(c.answer)
	}
	if _, err := s.Publish(t.Context(), hotsock.Message{Channel: "room", Event: "news"}); err != nil {
		t.Fatal(err)
	}
	id := jim.next("news").ID
	before := id
	if id == "" {
		t.Error("the server's message has no id")
	}

	// Reactions are to messages that are kept.
	jim.send(`{"event":"chat","channel":"room","data":"kept","ref":"12"}`)
	acked := jim.next("hotsock.ack")
	id = acked.Member("id").(string)
	jim.send(reaction("room", id, "add"))
	jim.next("hotsock.messageReactionAdded")
	jim.send(reaction("room", id, "remove"))
	jim.next("hotsock.messageReactionRemoved")

	// So are edits.
	jim.send(edit("room", "Update", id, `,"data":"new","ifVersion":1`))
	jim.next("hotsock.ack") // before or after the echo
	jim.send(`{"event":"hotsock.subscribe","channel":"room","data":{"after":"` + before + `"}}`)
	jim.next("hotsock.subscribed")
	jim.next("chat") // of its new version
	jim.next("hotsock.messageUpdated")
	jim.send(edit("room", "Delete", id, ""))
	jim.next("hotsock.messageDeleted")

	// Appends are told to all, and streams stopped.
	stream, err := s.Stream(t.Context(), hotsock.Message{Channel: "room", Event: "answer", Store: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	jim.next("answer")
	if _, err := stream.WriteString("Hello"); err != nil {
		t.Fatal(err)
	}
	jim.next("hotsock.messageAppended")
	jim.send(`{"event":"hotsock.streamStop","channel":"room","data":{"messageId":"` + stream.ID() + `"}}`)
	jim.next("hotsock.messageAppended") // the end

	jim.send(`{"event":"hotsock.call","channel":"room","data":{"method":"echo","params":{"n":1}},"ref":"14"}`)
	jim.next("hotsock.result")
	jim.send(`{"event":"hotsock.call","data":{"method":"echo"}}`)
	jim.next("hotsock.result")

	if _, err := s.EraseChannel(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	jim.next("hotsock.channelErased")

	pam.subscribe("presence.chat")
	jim.next("hotsock.memberAdded")
	pam.send(fmt.Sprintf(`{"event":"hotsock.umdUpdate","channel":"presence.chat","data":{"token":%q}}`, umdToken(t, "Pam", `{"away":true}`)))
	jim.next("hotsock.memberUpdated")
	pam.send(fmt.Sprintf(`{"event":"hotsock.umdUpdate","data":{"token":%q},"ref":"13"}`, umdToken(t, "Pam", "null")))
	pam.next("hotsock.ack")
	pam.send(`{"event":"hotsock.unsubscribe","channel":"presence.chat"}`)
	jim.next("hotsock.memberRemoved")

	pam.send(fmt.Sprintf(`{"event":"hotsock.refresh","data":{"token":%q},"ref":"15"}`, token(t, hotsock.Claims{Scope: hotsock.ScopeConnect, UID: "Pam"})))
	pam.next("hotsock.refreshed")

	jim.next("hotsock.keepAlive")
	if n, err := s.UnsubscribeUser(t.Context(), "Jim", "room", hotsock.Because("Closed")); n != 1 || err != nil {
		t.Errorf("UnsubscribeUser: %d, %v", n, err)
	}
	jim.next("hotsock.unsubscribed")
}

// crowd has so many members come and go that their list would be too much.
func crowd(t *testing.T, d *asyncDocument) {
	s := newSite(t, d, func(o *hotsock.Options) { o.MaxMembersSize, o.MaxMetadataSize = 100_000, 5<<10 })
	for i := range 16 {
		s.dial(t, hotsock.Claims{
			UID: fmt.Sprint("member", i), UMD: []byte(`"` + strings.Repeat("x", 5000) + `"`), Channels: everything(),
		}).subscribe("presence.chat")
	}
	jim, pam := s.connect(t, "Jim"), s.connect(t, "Pam")
	jim.subscribe("presence.chat")
	for range 10 {
		pam.subscribe("presence.chat")
		pam.send(`{"event":"hotsock.unsubscribe","channel":"presence.chat"}`)
	}
	jim.next("hotsock.memberChanged")
	// One who follows changes is sent the list in pages.
	al := s.connect(t, "Al")
	al.send(`{"event":"hotsock.subscribe","channel":"presence.chat","data":{"presence":"changes"}}`)
	al.next("hotsock.subscribed")
	al.next("hotsock.members")
	pam.subscribe("presence.chat")
	al.next("hotsock.membersChanged")
	// One who is told how many there are.
	al.send(`{"event":"hotsock.subscribe","channel":"presence.chat.2","data":{"info":true}}`)
	al.next("hotsock.channelInfo")
	// One who begins with messages of before.
	al.send(`{"event":"hotsock.subscribe","channel":"presence.chat.3","data":{"rewind":5}}`)
	al.next("hotsock.subscribed")
	al.send(`{"event":"hotsock.subscribe","channel":"presence.chat.4","data":{"rewind":{"seconds":5}}}`)
	al.next("hotsock.subscribed")
}

func reaction(channel, id, action string) string {
	return fmt.Sprintf(`{"event":"hotsock.messageReaction","channel":%q,"data":{"messageId":%q,"reaction":"👍","action":%q}}`,
		channel, id, action)
}

func edit(channel, command, id, rest string) string {
	return fmt.Sprintf(`{"event":"hotsock.message%s","channel":%q,"data":{"messageId":%q%s},"ref":"e"}`, command, channel, id, rest)
}

// refusals has all errors that the server can send.
func refusals(t *testing.T, d *asyncDocument) {
	s := newSite(t, d, nil)
	jim := s.connect(t, "Jim")
	jim.subscribe("room")
	jim.subscribe("serious")
	jim.subscribe("forgetful")
	jim.subscribe("presence.chat")
	id := s.keep(t, "serious")
	const unknownID = "01JA3HVNF6E89HDT1ABRFWJ8C8"
	long := strings.Repeat("x", maxData)

	for _, c := range []struct {
		code, command string
	}{
		{"INVALID_SCHEDULE_EXPRESSION", `{"event":"chat","channel":"room","scheduleExpression":"at(2001-01-01T00:00:00)"}`},
		{"INVALID_SUBSCRIBE_TOKEN", `{"event":"hotsock.subscribe","channel":"other","data":{"token":"x"}}`},
		{"INVALID_UMD_TOKEN", `{"event":"hotsock.umdUpdate","data":{"token":"x"}}`},
		{"SUBSCRIBE_PERMISSION_DENIED", `{"event":"hotsock.subscribe","channel":"closed"}`},
		{"PUBLISH_PERMISSION_DENIED", `{"event":"chat","channel":"closed"}`},
		{"SCHEDULE_PERMISSION_DENIED", `{"event":"chat","channel":"soon","scheduleExpression":"at(2100-01-01T00:00:00)"}`},
		{"STORAGE_PERMISSION_DENIED", `{"event":"hotsock.channelStorageGet","channel":"closed","key":"topic","ref":"1"}`},
		{"CALL_PERMISSION_DENIED", `{"event":"hotsock.call","data":{"method":"closed"}}`},
		{"INVALID_PARAMS", `{"event":"hotsock.call","data":{"method":"number","params":"x"}}`},
		{"UNKNOWN_METHOD", `{"event":"hotsock.call","data":{"method":"none"},"ref":"1"}`},
		{"REACTION_PERMISSION_DENIED", reaction("serious", id, "add")},
		{"UPDATE_PERMISSION_DENIED", edit("serious", "Update", id, `,"data":1`)},
		{"DELETE_PERMISSION_DENIED", edit("serious", "Delete", id, "")},
		{"STOP_PERMISSION_DENIED", `{"event":"hotsock.streamStop","channel":"serious","data":{"messageId":"` + id + `"}}`},
		{"CONFLICT", edit("room", "Update", s.keep(t, "room"), `,"data":1,"ifVersion":2`)},
		{"UMD_UPDATE_PERMISSION_DENIED", fmt.Sprintf(`{"event":"hotsock.umdUpdate","data":{"token":%q}}`,
			token(t, hotsock.Claims{Scope: hotsock.ScopeUMD, UID: "Jim"}))},
		{"HISTORY_PERMISSION_DENIED", reaction("forgetful", unknownID, "add")},
		{"NOT_SUBSCRIBED", `{"event":"hotsock.unsubscribe","channel":"other","ref":"2"}`},
		{"ALREADY_SUBSCRIBED", `{"event":"hotsock.subscribe","channel":"room"}`},
		{"PRESENCE_CHANNEL_CAPACITY_REACHED", fmt.Sprintf(`{"event":"hotsock.umdUpdate","channel":"presence.chat","data":{"token":%q}}`,
			umdToken(t, "Jim", `"`+strings.Repeat("x", maxMembers)+`"`))},
		{"CONFLICT", fmt.Sprintf(`{"event":"hotsock.channelStorageSet","channel":"room","key":"topic","ifVersion":%q}`, unknownID)},
		{"MESSAGE_NOT_FOUND", reaction("room", unknownID, "add")},
		{"PAYLOAD_TOO_LARGE", `{"event":"chat","channel":"room","data":"` + long + `"}`},
	} {
		jim.send(c.command)
		jim.refused(c.code)
	}
	for command, code := range map[string]string{
		`{"event":"chat","channel":"room"`:               "INVALID_JSON",
		`{"event":"chat"}`:                               "INVALID_REQUEST",
		`{"event":"chat","channel":"a b"}`:               "INVALID_REQUEST",
		`{"event":"hotsock.subscribe","channel":1}`:      "INVALID_REQUEST",
		`{"event":"hotsock.dance","channel":"room"}`:     "UNKNOWN_EVENT",
		`{"event":"hotsock.Ping"}`:                       "UNKNOWN_EVENT",
		`{"event":"hotsock.channelStorageGet","key":""}`: "INVALID_REQUEST",
	} {
		jim.sendWrong(command)
		jim.refused(code)
	}

	nobody := s.connect(t, "")
	nobody.send(`{"event":"hotsock.subscribe","channel":"presence.chat"}`)
	nobody.refused("PRESENCE_CHANNEL_USER_ID_REQUIRED")

	for code, err := range map[string]error{"UNAVAILABLE": store.ErrUnavailable, "INTERNAL": errBug} {
		s.store.fail(err)
		jim.send(`{"event":"chat","channel":"room"}`)
		jim.refused(code)
	}
	s.store.fail(nil)

	limited := newSite(t, d, slow).connect(t, "Jim")
	limited.send(`{"event":"chat","channel":"room"}`)
	limited.send(`{"event":"chat","channel":"room"}`)
	limited.refused("RATE_LIMITED")
}

// slow lets a connection send one command, and then none for long.
func slow(o *hotsock.Options) { o.ConnectionRateLimit = hotsock.RateLimit{PerSecond: 0.001, Burst: 1} }

// keep publishes a message that is kept, and returns its id.
func (s *site) keep(t *testing.T, channel string) string {
	t.Helper()
	p, err := s.Publish(t.Context(), hotsock.Message{Channel: channel, Event: "chat", Store: hotsock.Forever})
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}
