package spectest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

// serverCalls returns a good call of each operation of the server's API. The
// schedule that is cancelled is so only once.
func (s *site) serverCalls(t *testing.T, d *openDocument) []call {
	t.Helper()
	moved, cancelled := s.schedule(t, d), s.schedule(t, d)
	jim, pam := s.connect(t, "Jim"), s.connect(t, "Pam")
	jim.subscribe("room")
	pam.subscribe("presence.chat")
	calls := []call{
		{operation: "publish", status: 202, body: `{"channel":"room","event":"news","eagerIdGeneration":true,"store":60,"deduplicationId":"1"}`},
		{operation: "publishBatch", status: 202, body: `{"messages":[{"channel":"room","event":"news"},{"channel":"a","event":"news","eagerIdGeneration":true}]}`},
		{operation: "getChannel", status: 200, path: map[string]string{"name": "presence.chat"}},
		{operation: "getChannelMessages", status: 200, path: map[string]string{"name": "room"}, query: map[string]string{
			"after": "01JA3HVNF6E89HDT1ABRFWJ8C8", "before": "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "reverse": "true", "limit": "5", "event": "news",
		}},
		{operation: "latest", status: 200, body: `{"channels":["room","nothing"]}`},
		{operation: "count", status: 200, body: `{"after":{"room":"01JA3HVNF6E89HDT1ABRFWJ8C8","nothing":null}}`},
		{operation: "getChannelStorage", status: 200, path: map[string]string{"name": "room"}, query: map[string]string{"after": "a", "keys": "topic,other"}},
		{operation: "subscribe", status: 200, path: map[string]string{"name": "presence.chat"}, body: `{"uid":"Jim","claims":{"getInfo":true}}`},
		{operation: "unsubscribeUser", status: 200, path: map[string]string{"name": "room", "uid": "Jim"}, query: map[string]string{"reason": "Closed"}},
		{operation: "disconnect", status: 200, path: map[string]string{"id": jim.ID}},
		{operation: "disconnectUser", status: 200, path: map[string]string{"uid": "Pam"}, query: map[string]string{"reason": "Closed", "stayAway": "true"}},
		{operation: "revoke", status: 200, body: fmt.Sprintf(`{"uid":"nobody","issuedBefore":"2020-01-01T00:00:00Z","until":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))},
		{operation: "listConnections", status: 200, query: map[string]string{"uid": "Jim", "after": "a"}},
		{operation: "listChannels", status: 200, query: map[string]string{"prefix": "r", "after": "a"}},
		{operation: "getOnline", status: 200, query: map[string]string{"uid": "Jim"}},
		{operation: "getSchedules", status: 200, query: map[string]string{"channel": "room"}},
		{operation: "moveSchedule", status: 200, path: moved, body: `{"scheduleExpression":"at(2101-01-01T00:00:00)"}`},
		{operation: "deleteSchedule", status: 200, path: cancelled},
		{operation: "eraseUser", status: 200, path: map[string]string{"name": "erased", "uid": "Jim"}},
		{operation: "eraseStorage", status: 200, path: map[string]string{"name": "erased"}, query: map[string]string{"prefix": "a"}},
		{operation: "eraseChannel", status: 200, path: map[string]string{"name": "erased"}},
		{operation: "listErasures", status: 200, query: map[string]string{"after": "01JA3HVNF6E89HDT1ABRFWJ8C8"}},
	}
	for i := range calls {
		calls[i] = calls[i].keyed()
	}
	return calls
}

// serverReactions reacts for users, to no message, and too much.
func (s *site) serverReactions(t *testing.T, d *openDocument) {
	t.Helper()
	publish := func(body string) call {
		return call{operation: "publish", status: http.StatusAccepted, body: body}.keyed()
	}
	batch := func(bodies ...string) call {
		return call{
			operation: "publishBatch", status: http.StatusAccepted, body: `{"messages":[` + strings.Join(bodies, ",") + `]}`,
		}.keyed()
	}
	react := func(id, reaction string) string {
		return fmt.Sprintf(`{"channel":"room","event":"hotsock.messageReaction","uid":"Jim","umd":{"n":1},"excludeConnectionId":"c",`+
			`"data":{"messageId":%q,"reaction":%q,"action":"add"}}`, id, reaction)
	}
	const unknownID = "01JA3HVNF6E89HDT1ABRFWJ8C8"
	s.do(t, d, publish(react(unknownID, "r")).not(http.StatusNotFound, "MESSAGE_NOT_FOUND"))
	s.do(t, d, batch(react(unknownID, "r")).not(http.StatusAccepted, "MESSAGE_NOT_FOUND"))
	var message struct{ ID string }
	body := s.do(t, d, publish(`{"channel":"room","event":"news","eagerIdGeneration":true,"store":60,"uid":"Jim","excludeConnectionId":"c"}`))
	if err := json.Unmarshal(body, &message); err != nil {
		t.Fatal(err)
	}
	var reactions []string
	for i := range 200 { // the most that may be different
		reactions = append(reactions, react(message.ID, fmt.Sprint("r", i)))
	}
	for some := range slices.Chunk(reactions, 10) {
		s.do(t, d, batch(some...))
	}
	s.do(t, d, publish(react(message.ID, "more")).not(http.StatusTooManyRequests, "RATE_LIMITED"))
	s.do(t, d, batch(react(message.ID, "more")).not(http.StatusAccepted, "RATE_LIMITED"))
}

// tooManyRevocations revokes until nothing more can be.
func tooManyRevocations(t *testing.T, d *openDocument, async *asyncDocument) {
	t.Helper()
	s := newSite(t, async, nil)
	until := time.Now().Add(time.Hour)
	for i := range 20_000 {
		if _, err := s.Revoke(t.Context(), hotsock.Revocation{TokenID: fmt.Sprint(i), Until: until}); err != nil {
			t.Fatal(err)
		}
	}
	c := call{operation: "revoke", body: fmt.Sprintf(`{"jti":"more","until":%q}`, until.Format(time.RFC3339))}.keyed()
	s.do(t, d, c.not(http.StatusTooManyRequests, "RATE_LIMITED"))
}

// serverEdits updates and deletes messages for users and for the server.
func (s *site) serverEdits(t *testing.T, d *openDocument) {
	t.Helper()
	edit := func(command, id, rest string) string {
		return fmt.Sprintf(`{"channel":"room","event":"hotsock.message%s","data":{"messageId":%q%s},"uid":"Jim"}`, command, id, rest)
	}
	publish := func(body string) call {
		return call{operation: "publish", status: http.StatusAccepted, body: body}.keyed()
	}
	batch := func(body string) call {
		return call{operation: "publishBatch", status: http.StatusAccepted, body: `{"messages":[` + body + `]}`}.keyed()
	}
	id := s.keep(t, "room")
	s.do(t, d, publish(edit("Update", id, `,"data":{"n":1},"ifVersion":1`)))
	s.do(t, d, batch(edit("Update", id, `,"data":null`)))
	s.do(t, d, publish(edit("Update", id, `,"data":1,"ifVersion":1`)).not(http.StatusConflict, "CONFLICT"))
	s.do(t, d, batch(edit("Update", id, `,"data":1,"ifVersion":1`)).not(http.StatusAccepted, "CONFLICT"))
	s.do(t, d, publish(edit("Delete", id, "")))
	s.do(t, d, publish(edit("Delete", id, "")).not(http.StatusNotFound, "MESSAGE_NOT_FOUND"))
}

// schedule schedules a message, and returns the end of its ARN.
func (s *site) schedule(t *testing.T, d *openDocument) map[string]string {
	t.Helper()
	var accepted struct{ ScheduleARN string }
	body := s.do(t, d, call{
		operation: "publish", status: http.StatusAccepted,
		body: `{"channel":"room","event":"news","scheduleExpression":"at(2100-01-01T00:00:00)","scheduleExpressionTimezone":"UTC"}`,
	}.keyed())
	if err := json.Unmarshal(body, &accepted); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(accepted.ScheduleARN, "/")
	if len(parts) != 3 {
		t.Fatalf("the ARN is %q", accepted.ScheduleARN)
	}
	return map[string]string{"group": parts[1], "id": parts[2]}
}

// serverOperations does what goes well, and what goes wrong with any operation.
func serverOperations(t *testing.T, d *openDocument, async *asyncDocument) {
	s := newSite(t, async, nil)
	set := call{operation: "publish", status: http.StatusAccepted, body: `{"channel":"room","event":"hotsock.channelStorageSet","key":"topic","data":1}`}
	s.do(t, d, set.keyed())
	add := call{operation: "publish", status: http.StatusAccepted, body: `{"channel":"room","event":"hotsock.channelStorageAdd","key":"topic","data":2}`}
	s.do(t, d, add.keyed())
	stopped := newSite(t, async, nil)
	if err := stopped.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.serverCalls(t, d) {
		stranger := c
		stranger.header = map[string]string{"Authorization": "Bearer wrong"}
		s.do(t, d, stranger.not(http.StatusUnauthorized, "UNAUTHORIZED"))
		if c.body != "" {
			s.do(t, d, c.with(`{"channel":"room"`).not(http.StatusBadRequest, "INVALID_JSON"))
			s.do(t, d, c.with(`{}`).not(http.StatusBadRequest, "INVALID_REQUEST"))
			large := c
			large.body = strings.TrimSuffix(c.body, "}") + `,"more":"` + strings.Repeat("x", maxBody) + `"}`
			s.do(t, d, large.not(http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"))
		}
		stopped.do(t, d, c.not(http.StatusServiceUnavailable, "UNAVAILABLE"))
		for code, err := range map[string]error{"INTERNAL": errBug, "UNAVAILABLE": store.ErrUnavailable} {
			s.store.fail(err)
			status := map[string]int{"INTERNAL": http.StatusInternalServerError, "UNAVAILABLE": http.StatusServiceUnavailable}[code]
			if c.operation == "publishBatch" { // each message has its own
				status = http.StatusAccepted
			}
			failing := c
			if c.operation == "disconnect" { // A connection of this node takes no store.
				failing.path = map[string]string{"id": strings.Repeat("x", 22) + "another"}
			}
			s.do(t, d, failing.not(status, code))
		}
		s.store.fail(nil)
		s.do(t, d, c)
	}

	tooManyRevocations(t, d, async)

	// The forms that answers can have besides.
	s.do(t, d, call{operation: "getChannel", status: http.StatusOK, path: map[string]string{"name": "room"}}.keyed())
	s.do(t, d, call{operation: "getChannelStorage", status: http.StatusOK, path: map[string]string{"name": "room"}}.keyed())
	s.do(t, d, call{operation: "disconnect", status: http.StatusOK, path: map[string]string{"id": "nobody"}}.keyed())
	s.serverReactions(t, d)
	s.serverEdits(t, d)
	later := `{"channel":"later","event":"news","scheduleExpression":"at(2100-01-01T00:00:00)"}`
	s.do(t, d, call{
		operation: "publishBatch", status: http.StatusAccepted,
		body: `{"messages":[{"channel":"later","event":"hotsock.channelStorageSet","key":"topic","data":1,"scheduleExpression":"at(2099-01-01T00:00:00)"}` +
			strings.Repeat(","+later, 100) + `]}`,
	}.keyed())
	var page struct{ Next string }
	body := s.do(t, d, call{operation: "getSchedules", status: http.StatusOK, query: map[string]string{"channel": "later"}}.keyed())
	if err := json.Unmarshal(body, &page); err != nil || page.Next == "" {
		t.Fatalf("there is no next page: %v", err)
	}
	s.do(t, d, call{operation: "getSchedules", status: http.StatusOK, query: map[string]string{"channel": "later", "after": page.Next}}.keyed())
}

// serverRefusals has the errors that only some operations have.
func serverRefusals(t *testing.T, d *openDocument, async *asyncDocument) {
	s := newSite(t, async, nil)
	const unknownID = "01JA3HVNF6E89HDT1ABRFWJ8C8"
	unknown := map[string]string{"group": "default", "id": unknownID}
	past := `{"channel":"room","event":"news","scheduleExpression":"at(2001-01-01T00:00:00)"}`
	outdated := fmt.Sprintf(`{"channel":"room","event":"hotsock.channelStorageSet","key":"topic","data":1,"ifVersion":%q}`, unknownID)
	large := fmt.Sprintf(`{"channel":"room","event":"news","data":%q}`, strings.Repeat("x", maxData))
	for _, c := range []call{
		{operation: "publish", status: 400, code: "INVALID_SCHEDULE_EXPRESSION", body: past},
		{operation: "publish", status: 409, code: "CONFLICT", body: outdated},
		{operation: "publish", status: 413, code: "PAYLOAD_TOO_LARGE", body: large},
		{operation: "publishBatch", status: 202, code: "INVALID_SCHEDULE_EXPRESSION", body: `{"messages":[` + past + `]}`},
		{operation: "publishBatch", status: 202, code: "CONFLICT", body: `{"messages":[` + outdated + `]}`},
		{operation: "publishBatch", status: 202, code: "PAYLOAD_TOO_LARGE", body: `{"messages":[` + large + `]}`},
		{operation: "publishBatch", status: 202, code: "INVALID_REQUEST", body: `{"messages":[{},{"channel":"room","event":"news"}]}`},
		{operation: "moveSchedule", status: 400, code: "INVALID_SCHEDULE_EXPRESSION", path: unknown, body: `{"scheduleExpression":"at(2001-01-01T00:00:00)"}`},
		{operation: "moveSchedule", status: 404, code: "SCHEDULE_NOT_FOUND", path: unknown, body: `{"scheduleExpression":"at(2100-01-01T00:00:00)"}`},
		{operation: "deleteSchedule", status: 404, code: "SCHEDULE_NOT_FOUND", path: unknown},
	} {
		s.do(t, d, c.keyed())
	}
	for _, c := range []call{
		{operation: "publish", body: `{"channel":"a b","event":"news"}`},
		{operation: "publish", body: `{"channel":"room","event":"hotsock.ping"}`},
		{operation: "publish", body: `{"channel":"room","event":"news","store":-2}`},
		{operation: "publish", body: `{"channel":"room","event":"hotsock.channelStorageSet","data":1}`},
		{operation: "publish", body: `{"channel":"room","event":"hotsock.channelStorageSet","key":"topic","store":0}`},
		{operation: "publishBatch", body: `{"messages":{}}`},
		{operation: "publishBatch", body: `{"messages":[` + strings.Repeat("1,", 1000) + `1]}`},
		{operation: "getChannel", path: map[string]string{"name": "a*b"}},
		{operation: "getChannelStorage", path: map[string]string{"name": "a b"}},
		{operation: "latest", body: `{"channels":["a b"]}`},
		{operation: "latest", body: `{"channels":[` + strings.Repeat(`"a",`, 1000) + `"a"]}`},
		{operation: "count", body: `{"after":{"a":"x"}}`},
		{operation: "getChannelMessages", path: map[string]string{"name": "a*b"}},
		{operation: "getChannelMessages", path: map[string]string{"name": "room"}, query: map[string]string{"after": "x"}},
		{operation: "getChannelMessages", path: map[string]string{"name": "room"}, query: map[string]string{"reverse": "x"}},
		{operation: "getChannelMessages", path: map[string]string{"name": "room"}, query: map[string]string{"limit": "101"}},
		{operation: "getChannelStorage", path: map[string]string{"name": "room"}, query: map[string]string{"keys": "a*b"}},
		{operation: "unsubscribeUser", path: map[string]string{"name": "a*b", "uid": "Jim"}},
		{operation: "unsubscribeUser", path: map[string]string{"name": "room", "uid": strings.Repeat("x", 129)}},
		{operation: "subscribe", path: map[string]string{"name": "a*b"}, body: `{"uid":"Jim"}`},
		{operation: "subscribe", path: map[string]string{"name": "room"}, body: `{"uid":"Jim","connectionId":"c"}`},
		{operation: "subscribe", path: map[string]string{"name": "room"}, body: `{"uid":"Jim","claims":1}`},
		{operation: "disconnect", path: map[string]string{"id": ""}},
		{operation: "disconnectUser", path: map[string]string{"uid": strings.Repeat("x", 129)}},
		{operation: "disconnectUser", path: map[string]string{"uid": "Jim"}, query: map[string]string{"stayAway": "x"}},
		{operation: "disconnect", path: map[string]string{"id": "x"}, query: map[string]string{"reason": strings.Repeat("x", 124)}},
		{operation: "unsubscribeUser", path: map[string]string{"name": "room", "uid": "Jim"}, query: map[string]string{"reason": strings.Repeat("x", 124)}},
		{operation: "listConnections", query: map[string]string{"uid": strings.Repeat("x", 129)}},
		{operation: "listChannels", query: map[string]string{"prefix": strings.Repeat("x", 257)}},
		{operation: "revoke", body: `{"uid":""}`},
		{operation: "revoke", body: `{"jti":""}`},
		{operation: "revoke", body: `{"until":"2030-01-01T00:00:00Z"}`},
		{operation: "revoke", body: `{"issuedBefore":"yesterday"}`},
		{operation: "getOnline"},
		{operation: "getOnline", query: map[string]string{"uid": strings.Repeat("x", 129)}},
		{operation: "getSchedules", query: map[string]string{"channel": "a*b"}},
		{operation: "getSchedules", query: map[string]string{"after": "x"}},
	} {
		c = c.keyed().not(http.StatusBadRequest, "INVALID_REQUEST")
		c.wrong = true
		s.do(t, d, c)
	}

	s.refusedSubscribes(t, d, newSite(t, async, func(o *hotsock.Options) { o.MaxSubscriptions, o.MaxMembersSize = 1, 100 }))

	// Without API keys, there is no such API.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, newSite(t, async, noKeys).base+"/publish", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("without API keys: %d", answer.StatusCode)
	}
}

// refusedSubscribes subscribes those who may not be; on the small site it is too much.
func (s *site) refusedSubscribes(t *testing.T, d *openDocument, small *site) {
	t.Helper()
	subscribe := func(channel, body string) call {
		return call{operation: "subscribe", path: map[string]string{"name": channel}, body: body}.keyed()
	}
	s.connect(t, "Jim")
	s.do(t, d, subscribe("room", `{"uid":"Jim","claims":{"subscribe":false}}`).not(http.StatusForbidden, "SUBSCRIBE_PERMISSION_DENIED"))
	nobody := s.dial(t, hotsock.Claims{Channels: everything()})
	s.do(t, d, subscribe("presence.chat", `{"connectionId":"`+nobody.ID+`"}`).not(http.StatusForbidden, "PRESENCE_CHANNEL_USER_ID_REQUIRED"))

	small.dial(t, hotsock.Claims{UID: "Jim", UMD: []byte(`"` + strings.Repeat("x", 200) + `"`)})
	small.do(t, d, subscribe("presence.chat", `{"uid":"Jim"}`).not(http.StatusConflict, "PRESENCE_CHANNEL_CAPACITY_REACHED"))
	small.connect(t, "Pam").subscribe("room")
	small.do(t, d, subscribe("more", `{"uid":"Pam"}`).not(http.StatusTooManyRequests, "RATE_LIMITED"))
}

// browserOperations gets the client for browsers.
func browserOperations(t *testing.T, d *openDocument, async *asyncDocument) {
	s := newSite(t, async, nil)
	c := call{operation: "getClient", status: http.StatusOK}
	s.do(t, d, c)
	answer, err := s.http.Get(s.base + "/client.js")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	c.header, c.status = map[string]string{"If-None-Match": answer.Header.Get("ETag")}, http.StatusNotModified
	s.do(t, d, c)
}
