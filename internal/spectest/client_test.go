package spectest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

// clientCalls returns a good call of each operation of the client's API, for a
// connection that is subscribed to room and presence.chat.
func (s *site) clientCalls(t *testing.T, k *socket) []call {
	t.Helper()
	var calls []call
	add := func(operation string, status int, body string) {
		calls = append(calls, call{operation: operation, status: status, body: body}.by(k))
	}
	add("publishMessage", http.StatusAccepted, `{"channel":"room","event":"chat","data":{"n":1},"eagerIdGeneration":true}`)
	add("listMessages", http.StatusOK, `{"channel":"room"}`)
	add("listReactions", http.StatusOK, fmt.Sprintf(`{"channel":"room","messageId":%q}`, s.keep(t, "room")))
	add("channelStorageSet", http.StatusAccepted, `{"channel":"room","key":"topic","data":[1]}`)
	add("channelStorageAdd", http.StatusAccepted, `{"channel":"room","key":"votes","data":2.5}`)
	add("channelStorageGet", http.StatusOK, `{"channel":"room","key":"topic"}`)
	add("channelStorageList", http.StatusOK, `{"channel":"room","keys":["topic","other"],"after":"a"}`)
	add("getChannelInfo", http.StatusOK, `{"channel":"presence.chat"}`)
	add("call", http.StatusOK, `{"channel":"room","method":"echo","params":[1]}`)
	add("umdUpdate", http.StatusOK, fmt.Sprintf(`{"channel":"presence.chat","token":%q}`, umdToken(t, "Jim", `{"n":1}`)))
	add("listSchedules", http.StatusOK, `{"channel":"room","after":"2030-07-24T13:00:00Z_01K0WF560Z91WTKMSC892S799W"}`)
	add("cancelSchedule", http.StatusOK, fmt.Sprintf(`{"scheduleArn":%q}`, k.schedule()))
	return calls
}

// schedule schedules a message, and returns the ARN.
func (k *socket) schedule() string {
	k.t.Helper()
	k.send(`{"event":"chat","channel":"room","scheduleExpression":"at(2100-01-01T00:00:00)","ref":"schedule"}`)
	acked := k.next("hotsock.ack")
	return acked.Member("scheduleArn").(string)
}

// member opens a connection that is subscribed where the calls need it.
func (s *site) member(t *testing.T) *socket {
	t.Helper()
	k := s.connect(t, "Jim")
	for _, channel := range []string{"room", "presence.chat", "serious", "forgetful"} {
		k.subscribe(channel)
	}
	return k
}

// clientOperations does what goes well, and what goes wrong with any operation.
func clientOperations(t *testing.T, d *openDocument, async *asyncDocument) {
	s := newSite(t, async, nil)
	k := s.member(t)
	for _, c := range s.clientCalls(t, k) {
		refused := c
		refused.header = map[string]string{"Origin": "https://elsewhere.example.org"}
		s.do(t, d, refused.not(http.StatusForbidden, "ORIGIN_DENIED"))
		stranger := c
		stranger.query = map[string]string{"connectionId": k.ID, "connectionSecret": "wrong"}
		s.do(t, d, stranger.not(http.StatusUnauthorized, "UNAUTHORIZED"))
		s.do(t, d, c.with(`{"channel":"room"`).not(http.StatusBadRequest, "INVALID_JSON"))
		s.do(t, d, c.with(`{"channel":1}`).not(http.StatusBadRequest, "INVALID_REQUEST"))
		large := c
		large.body = strings.TrimSuffix(c.body, "}") + `,"more":"` + strings.Repeat("x", maxBody) + `"}`
		s.do(t, d, large.not(http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"))
		s.store.fail(errBug)
		s.do(t, d, c.not(http.StatusInternalServerError, "INTERNAL"))
		s.store.fail(store.ErrUnavailable)
		s.do(t, d, c.not(http.StatusServiceUnavailable, "UNAVAILABLE"))
		s.store.fail(nil)

		fromBrowser := c
		fromBrowser.header = map[string]string{"Origin": origin}
		s.do(t, d, fromBrowser)

		limited := newSite(t, async, slow)
		other := limited.connect(t, "Jim")
		other.send(`{"event":"chat","channel":"room","ref":"1"}`)
		other.next("hotsock.ack")
		limited.do(t, d, c.by(other).not(http.StatusTooManyRequests, "RATE_LIMITED"))
	}

	// The forms that answers can have besides.
	more := func(operation string, status int, body string) []byte {
		return s.do(t, d, call{operation: operation, status: status, body: body}.by(k))
	}
	var accepted struct{ ID string }
	if err := json.Unmarshal(more("publishMessage", http.StatusAccepted,
		`{"channel":"room","event":"chat","eagerIdGeneration":true}`), &accepted); err != nil || accepted.ID == "" {
		t.Fatalf("no id: %v", err)
	}
	more("publishMessage", http.StatusAccepted, fmt.Sprintf(
		`{"channel":"room","event":"hotsock.messageReaction","data":{"messageId":%q,"reaction":"👍","action":"add"}}`, accepted.ID))
	more("publishMessage", http.StatusAccepted, fmt.Sprintf(
		`{"channel":"room","event":"hotsock.messageUpdate","data":{"messageId":%q,"data":null,"ifVersion":1}}`, accepted.ID))
	more("listMessages", http.StatusOK, `{"channel":"room"}`)
	stream, err := s.Stream(t.Context(), hotsock.Message{Channel: "room", Event: "answer", Store: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	more("listMessages", http.StatusOK, `{"channel":"room","reverse":true}`)
	more("publishMessage", http.StatusAccepted, fmt.Sprintf(
		`{"channel":"room","event":"hotsock.streamStop","data":{"messageId":%q}}`, stream.ID()))
	more("publishMessage", http.StatusAccepted,
		fmt.Sprintf(`{"channel":"room","event":"hotsock.messageDelete","data":{"messageId":%q}}`, s.keep(t, "room")))
	more("publishMessage", http.StatusAccepted,
		`{"channel":"room","event":"chat","scheduleExpression":"at(2100-01-01T00:00:00)","scheduleExpressionTimezone":"UTC"}`)
	more("channelStorageSet", http.StatusAccepted,
		`{"channel":"room","key":"topic","data":null,"scheduleExpression":"at(2100-01-01T00:00:00)"}`)
	more("channelStorageSet", http.StatusAccepted, `{"channel":"room","key":"once","data":1,"ifVersion":null}`)
	more("channelStorageGet", http.StatusOK, `{"channel":"room","key":"once","version":true}`)
	more("listMessages", http.StatusOK, `{"channel":"room","expandReactions":true}`)
	more("listMessages", http.StatusOK, `{"channel":"room","reverse":true}`)
	more("listReactions", http.StatusOK, fmt.Sprintf(`{"channel":"room","messageId":%q}`, accepted.ID))
	more("channelStorageGet", http.StatusOK, `{"channel":"room","key":"nothing"}`)
	more("getChannelInfo", http.StatusOK, `{"channel":"room"}`)
	more("call", http.StatusOK, `{"method":"echo"}`)
	more("umdUpdate", http.StatusOK, fmt.Sprintf(`{"token":%q}`, umdToken(t, "Jim", "null")))
}

// clientRefusals has the errors that only some operations have.
func clientRefusals(t *testing.T, d *openDocument, async *asyncDocument) {
	s := newSite(t, async, nil)
	k := s.member(t)
	const unknownID = "01JA3HVNF6E89HDT1ABRFWJ8C8"
	if _, err := s.SetStorage(t.Context(), hotsock.Entry{Channel: "room", Key: "text", Data: "text"}); err != nil {
		t.Fatal(err)
	}
	react := func(channel, id string) string {
		return fmt.Sprintf(`{"channel":%q,"event":"hotsock.messageReaction","data":{"messageId":%q,"reaction":"👍","action":"add"}}`, channel, id)
	}
	edit := func(channel, command, id, rest string) string {
		return fmt.Sprintf(`{"channel":%q,"event":"hotsock.message%s","data":{"messageId":%q%s}}`, channel, command, id, rest)
	}
	for _, c := range []struct {
		operation string
		status    int
		code      string
		body      string
	}{
		{"publishMessage", 403, "UPDATE_PERMISSION_DENIED", edit("serious", "Update", s.keep(t, "serious"), `,"data":1`)},
		{"publishMessage", 403, "DELETE_PERMISSION_DENIED", edit("serious", "Delete", s.keep(t, "serious"), "")},
		{
			"publishMessage", 403, "STOP_PERMISSION_DENIED",
			fmt.Sprintf(`{"channel":"serious","event":"hotsock.streamStop","data":{"messageId":%q}}`, s.keep(t, "serious")),
		},
		{"publishMessage", 409, "CONFLICT", edit("room", "Update", s.keep(t, "room"), `,"data":1,"ifVersion":2`)},
		{"publishMessage", 400, "INVALID_SCHEDULE_EXPRESSION", `{"channel":"room","event":"chat","scheduleExpression":"at(2001-01-01T00:00:00)"}`},
		{"publishMessage", 403, "PUBLISH_PERMISSION_DENIED", `{"channel":"closed","event":"chat"}`},
		{"publishMessage", 403, "SCHEDULE_PERMISSION_DENIED", `{"channel":"soon","event":"chat","scheduleExpression":"at(2100-01-01T00:00:00)"}`},
		{"publishMessage", 403, "NOT_SUBSCRIBED", `{"channel":"muted","event":"chat"}`},
		{"publishMessage", 403, "REACTION_PERMISSION_DENIED", react("serious", s.keep(t, "serious"))},
		{"publishMessage", 403, "HISTORY_PERMISSION_DENIED", react("forgetful", unknownID)},
		{"publishMessage", 404, "MESSAGE_NOT_FOUND", react("room", unknownID)},
		{"publishMessage", 413, "PAYLOAD_TOO_LARGE", `{"channel":"room","event":"chat","data":"` + strings.Repeat("x", maxData) + `"}`},
		{"listMessages", 403, "NOT_SUBSCRIBED", `{"channel":"other"}`},
		{"listReactions", 403, "NOT_SUBSCRIBED", fmt.Sprintf(`{"channel":"other","messageId":%q}`, unknownID)},
		{"listReactions", 403, "HISTORY_PERMISSION_DENIED", fmt.Sprintf(`{"channel":"forgetful","messageId":%q}`, unknownID)},
		{"listReactions", 404, "MESSAGE_NOT_FOUND", fmt.Sprintf(`{"channel":"room","messageId":%q}`, unknownID)},
		{"channelStorageGet", 403, "STORAGE_PERMISSION_DENIED", `{"channel":"closed","key":"topic"}`},
		{"channelStorageSet", 400, "INVALID_SCHEDULE_EXPRESSION", `{"channel":"room","key":"topic","scheduleExpression":"at(2001-01-01T00:00:00)"}`},
		{"channelStorageSet", 403, "STORAGE_PERMISSION_DENIED", `{"channel":"closed","key":"topic"}`},
		{"channelStorageSet", 403, "SCHEDULE_PERMISSION_DENIED", `{"channel":"soon","key":"topic","scheduleExpression":"at(2100-01-01T00:00:00)"}`},
		{"channelStorageSet", 409, "CONFLICT", fmt.Sprintf(`{"channel":"room","key":"topic","data":2,"ifVersion":%q}`, unknownID)},
		{"channelStorageAdd", 403, "STORAGE_PERMISSION_DENIED", `{"channel":"closed","key":"topic","data":1}`},
		{"channelStorageAdd", 409, "CONFLICT", `{"channel":"room","key":"text","data":1}`},
		{"getChannelInfo", 403, "INFO_PERMISSION_DENIED", `{"channel":"closed"}`},
		{"call", 400, "INVALID_PARAMS", `{"method":"number","params":"x"}`},
		{"call", 403, "CALL_PERMISSION_DENIED", `{"method":"closed"}`},
		{"call", 403, "NOT_SUBSCRIBED", `{"channel":"other","method":"echo"}`},
		{"call", 404, "UNKNOWN_METHOD", `{"method":"none"}`},
		{"umdUpdate", 401, "INVALID_UMD_TOKEN", `{"token":"x"}`},
		{"umdUpdate", 403, "UMD_UPDATE_PERMISSION_DENIED", fmt.Sprintf(`{"token":%q}`, token(t, hotsock.Claims{Scope: hotsock.ScopeUMD, UID: "Jim"}))},
		{"umdUpdate", 403, "NOT_SUBSCRIBED", fmt.Sprintf(`{"channel":"other","token":%q}`, umdToken(t, "Jim", "1"))},
		{"umdUpdate", 409, "PRESENCE_CHANNEL_CAPACITY_REACHED", fmt.Sprintf(`{"channel":"presence.chat","token":%q}`,
			umdToken(t, "Jim", `"`+strings.Repeat("x", maxMembers)+`"`))},
		{"cancelSchedule", 404, "SCHEDULE_NOT_FOUND", `{"scheduleArn":"arn:hotsock:scheduler:::schedule/default/` + unknownID + `"}`},
	} {
		s.do(t, d, call{operation: c.operation, status: c.status, code: c.code, body: c.body}.by(k))
	}
	for operation, bodies := range map[string][]string{
		"publishMessage": {
			`{"channel":"a b","event":"chat"}`, `{"channel":"room","event":"a*b"}`, `{"channel":"room","event":"hotsock.ping"}`,
			`{"channel":"room","event":"hotsock.messageReaction"}`, react("room", "x"),
			edit("room", "Update", unknownID, ""), edit("room", "Delete", "x", ""), edit("room", "Update", unknownID, `,"data":1,"ifVersion":0`),
		},
		"listMessages":       {`{"channel":"room","reverse":1}`, `{"channel":"room","before":"x"}`},
		"channelStorageGet":  {`{"channel":"room","key":"a*b"}`},
		"channelStorageList": {`{"channel":"room","keys":"topic"}`, `{"channel":"room","keys":["a*b"]}`},
		"listSchedules":      {`{"channel":"a b"}`, `{"channel":"room","after":"x"}`},
		"cancelSchedule":     {`{"scheduleArn":"x"}`},
	} {
		for _, body := range bodies {
			s.do(t, d, call{operation: operation}.by(k).with(body).not(http.StatusBadRequest, "INVALID_REQUEST"))
		}
	}
}
