package protocoltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// deep is JSON nested that many levels.
func deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// Every command, malformed in every way: it gets the named error, the
// connection lives on, and nothing has changed.
func TestBadCommands(t *testing.T) {
	big := `"` + strings.Repeat("x", 32<<10-1) + `"` // one byte over
	rows := []struct{ why, command, code, channel string }{
		{"nothing", ``, "INVALID_JSON", ""},
		{"white space", " \n", "INVALID_JSON", ""},
		{"not JSON", `hello`, "INVALID_JSON", ""},
		{"half an object", `{"event":"chat","channel":"room"`, "INVALID_JSON", "room"},
		{"an object and more", `{"event":"chat","channel":"room"}{}`, "INVALID_JSON", "room"},
		{"an array", `[{"event":"chat","channel":"room"}]`, "INVALID_JSON", ""},
		{"null", `null`, "INVALID_JSON", ""},
		{"a string", `"chat"`, "INVALID_JSON", ""},
		{"a number", `1`, "INVALID_JSON", ""},
		{"a comment", `{"event":"chat",/**/"channel":"room"}`, "INVALID_JSON", ""},
		{"single quotes", `{'event':'chat'}`, "INVALID_JSON", ""},
		{"a trailing comma", `{"event":"chat",}`, "INVALID_JSON", ""},
		{"NaN", `{"event":"chat","channel":"room","data":NaN}`, "INVALID_JSON", "room"},
		{"a raw newline in a string", "{\"event\":\"chat\",\"channel\":\"room\",\"data\":\"\n\"}", "INVALID_JSON", "room"},
		{"the same member twice", `{"event":"chat","channel":"room","event":"chat"}`, "INVALID_JSON", "room"},
		{"the same member twice by an escape", `{"channel":"room","event":"chat","\u0065vent":"chat"}`, "INVALID_JSON", "room"},
		{"the same member twice in data", `{"event":"chat","channel":"room","data":{"a":1,"a":1}}`, "INVALID_JSON", "room"},
		{"half a surrogate pair", `{"event":"chat","channel":"room","data":"\ud83d"}`, "INVALID_JSON", "room"},
		{"no event", `{"channel":"room"}`, "INVALID_REQUEST", "room"},
		{"an empty event", `{"event":"","channel":"room"}`, "INVALID_REQUEST", "room"},
		{"a null event", `{"event":null,"channel":"room"}`, "INVALID_REQUEST", "room"},
		{"a number for an event", `{"event":1,"channel":"room"}`, "INVALID_REQUEST", "room"},
		{"an event in the wrong case", `{"Event":"chat","channel":"room"}`, "INVALID_REQUEST", "room"},
		{"a number for a channel", `{"event":"chat","channel":1}`, "INVALID_REQUEST", ""},
		{"no channel", `{"event":"chat"}`, "INVALID_REQUEST", ""},
		{"a null channel", `{"event":"chat","channel":null}`, "INVALID_REQUEST", ""},
		{"an impossible channel", `{"event":"chat","channel":"a b"}`, "INVALID_REQUEST", "a b"},
		{"65 levels of data", `{"event":"chat","channel":"room","data":` + deep(65) + `}`, "INVALID_REQUEST", "room"},
		{"ten thousand levels", `{"event":"chat","channel":"room","data":` + deep(10000) + `}`, "INVALID_REQUEST", "room"},
		{"ten thousand levels of nothing we know", `{"event":"chat","channel":"room","x":` + deep(10000) + `}`, "INVALID_REQUEST", "room"},
		{"data over 32 KiB", `{"event":"chat","channel":"room","data":` + big + `}`, "PAYLOAD_TOO_LARGE", "room"},
		{"data that is long by its white space", `{"event":"chat","channel":"room","data":[` + strings.Repeat(" ", 32<<10) + `]}`, "PAYLOAD_TOO_LARGE", "room"},
		{"a number for a schedule", `{"event":"chat","channel":"room","scheduleExpression":1}`, "INVALID_REQUEST", "room"},

		{"subscribe without a channel", `{"event":"hotsock.subscribe"}`, "INVALID_REQUEST", ""},
		{"subscribe to an empty channel", `{"event":"hotsock.subscribe","channel":""}`, "INVALID_REQUEST", ""},
		{"subscribe to a pattern", `{"event":"hotsock.subscribe","channel":"*"}`, "INVALID_REQUEST", "*"},
		{"subscribe with a list for data", `{"event":"hotsock.subscribe","channel":"else","data":[]}`, "INVALID_REQUEST", "else"},
		{"subscribe with a string for data", `{"event":"hotsock.subscribe","channel":"else","data":"token"}`, "INVALID_REQUEST", "else"},
		{"subscribe with a number for a token", `{"event":"hotsock.subscribe","channel":"else","data":{"token":1}}`, "INVALID_REQUEST", "else"},
		{"subscribe with no token at all in it", `{"event":"hotsock.subscribe","channel":"else","data":{"token":"x"}}`, "INVALID_SUBSCRIBE_TOKEN", "else"},
		{"subscribe with a wrong after", `{"event":"hotsock.subscribe","channel":"else","data":{"after":"x"}}`, "INVALID_REQUEST", "else"},
		{"subscribe with a number for after", `{"event":"hotsock.subscribe","channel":"else","data":{"after":1}}`, "INVALID_REQUEST", "else"},
		{"subscribe after the beginning of time", `{"event":"hotsock.subscribe","channel":"else","data":{"after":"00000000000000000000000000"}}`, "INVALID_REQUEST", "else"},
		{"unsubscribe without a channel", `{"event":"hotsock.unsubscribe"}`, "INVALID_REQUEST", ""},
		{"unsubscribe from a pattern", `{"event":"hotsock.unsubscribe","channel":"r*"}`, "INVALID_REQUEST", "r*"},

		{"set without a channel", `{"event":"hotsock.channelStorageSet","key":"k","data":2}`, "INVALID_REQUEST", ""},
		{"set without a key", `{"event":"hotsock.channelStorageSet","channel":"room","data":2}`, "INVALID_REQUEST", "room"},
		{"set with a number for a key", `{"event":"hotsock.channelStorageSet","channel":"room","key":1,"data":2}`, "INVALID_REQUEST", "room"},
		{"set with an impossible key", `{"event":"hotsock.channelStorageSet","channel":"room","key":"a,b","data":2}`, "INVALID_REQUEST", "room"},
		{"set over 32 KiB", `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":` + big + `}`, "PAYLOAD_TOO_LARGE", "room"},
		{"set too deep", `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":` + deep(65) + `}`, "INVALID_REQUEST", "room"},
		{"set with two of one", `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":{"a":1,"a":2}}`, "INVALID_JSON", "room"},
		{"get without a channel", `{"event":"hotsock.channelStorageGet","key":"k"}`, "INVALID_REQUEST", ""},
		{"get without a key", `{"event":"hotsock.channelStorageGet","channel":"room"}`, "INVALID_REQUEST", "room"},

		{"react without data", `{"event":"hotsock.messageReaction","channel":"room"}`, "INVALID_REQUEST", "room"},
		{"react with nothing in it", `{"event":"hotsock.messageReaction","channel":"room","data":{}}`, "INVALID_REQUEST", "room"},
		{"react to nothing", reactTo(``, `,"reaction":"x","action":"add"`), "INVALID_REQUEST", "room"},
		{"react to a number", reactTo(`"messageId":1`, `,"reaction":"x","action":"add"`), "INVALID_REQUEST", "room"},
		{"react to what is no id", reactTo(`"messageId":"x"`, `,"reaction":"x","action":"add"`), "INVALID_REQUEST", "room"},
		{"react with nothing", reactTo(`"messageId":"$id1"`, `,"action":"add"`), "INVALID_REQUEST", "room"},
		{"react with an empty reaction", reactTo(`"messageId":"$id1"`, `,"reaction":"","action":"add"`), "INVALID_REQUEST", "room"},
		{"react with a blank", reactTo(`"messageId":"$id1"`, `,"reaction":" \u00a0","action":"add"`), "INVALID_REQUEST", "room"},
		{"react with a number sign", reactTo(`"messageId":"$id1"`, `,"reaction":"a#b","action":"add"`), "INVALID_REQUEST", "room"},
		{"react with what has no width", reactTo(`"messageId":"$id1"`, `,"reaction":"\u200b\ufe0f\u200d","action":"add"`), "INVALID_REQUEST", "room"},
		{"react with 101 bytes", reactTo(`"messageId":"$id1"`, `,"reaction":"`+strings.Repeat("é", 50)+`x","action":"add"`), "INVALID_REQUEST", "room"},
		{"react without an action", reactTo(`"messageId":"$id1"`, `,"reaction":"x"`), "INVALID_REQUEST", "room"},
		{"react with another action", reactTo(`"messageId":"$id1"`, `,"reaction":"x","action":"Add"`), "INVALID_REQUEST", "room"},

		{"umdUpdate without data", `{"event":"hotsock.umdUpdate"}`, "INVALID_REQUEST", ""},
		{"umdUpdate without a token", `{"event":"hotsock.umdUpdate","data":{}}`, "INVALID_REQUEST", ""},
		{"umdUpdate with an empty token", `{"event":"hotsock.umdUpdate","data":{"token":""}}`, "INVALID_REQUEST", ""},
		{"umdUpdate with an object for a token", `{"event":"hotsock.umdUpdate","data":{"token":{}}}`, "INVALID_REQUEST", ""},
		{"umdUpdate with a token that is none", `{"event":"hotsock.umdUpdate","data":{"token":"a.b.c"}}`, "INVALID_UMD_TOKEN", ""},
		{"umdUpdate of an impossible channel", `{"event":"hotsock.umdUpdate","channel":"a b","data":{"token":"a.b.c"}}`, "INVALID_REQUEST", "a b"},
	}
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		witness := e.connect(t, user("Pam", everything))
		for _, x := range []*client{c, witness} {
			x.Subscribe("room")
		}
		e.storedMessage(t, "chat", c, witness)
		c.send(set("room", "k", `1`))
		for _, x := range []*client{c, witness} {
			x.expect(stored("room", "k", `1`, `{"uid":"Jim","umd":null}`))
		}
		for _, tt := range rows {
			e.set("name", quoteBody(tt.channel))
			c.send(tt.command)
			want := `{"event":"hotsock.error","error":{"code":"` + tt.code + `","message":"$_"}}`
			if tt.channel != "" {
				want = `{"event":"hotsock.error","channel":"$name","error":{"code":"` + tt.code + `","message":"$_"}}`
			}
			frame := c.Next().Text
			if err := e.match(want, frame); err != nil {
				t.Fatalf("%s: %v", tt.why, err)
			}
			for _, leak := range []string{"json", "Unmarshal", "jsontext", "int", "struct", "map["} {
				_, message, _ := strings.Cut(frame, `"message":`)
				if strings.Contains(message, leak) && !strings.Contains(message, "integer") && !strings.Contains(message, "pointed") {
					t.Errorf("%s: the message speaks Go: %s", tt.why, message)
				}
			}
		}
		e.quiet(t, "room", c, witness)
		c.do(get("room", "k"), found("room", "k", `1`, `{"uid":"Jim","umd":null}`))
		c.call(t, "getChannelInfo", `{"channel":"else"}`).want(t, 200, `{"channel":"else","subscriptionsCount":0}`)
		c.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).want(t, 200, `{"reactions":[]}`)
	})
}

// reactTo makes a reaction of the members of its data.
func reactTo(message, rest string) string {
	if message == "" {
		rest = strings.TrimPrefix(rest, ",")
	}
	return `{"event":"hotsock.messageReaction","channel":"room","data":{` + message + rest + `}}`
}

// Every operation of the client HTTP API, malformed in every way.
func TestBadBodies(t *testing.T) {
	operations := map[string]string{ // with a good body, but for what follows
		"publishMessage":     `{"channel":"room","event":"e"`,
		"listMessages":       `{"channel":"room"`,
		"listReactions":      `{"channel":"room","messageId":"$id1"`,
		"channelStorageGet":  `{"channel":"room","key":"k"`,
		"channelStorageSet":  `{"channel":"room","key":"k","data":2`,
		"channelStorageList": `{"channel":"room"`,
		"getChannelInfo":     `{"channel":"room"`,
		"umdUpdate":          `{"channel":"room","token":"x"`,
		"listSchedules":      `{"channel":"room"`,
		"cancelSchedule":     `{"channel":"room","scheduleArn":"arn:hotsock:scheduler:::schedule/memory/01J00000000000000000000000"`,
	}
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		c.Subscribe("room")
		e.storedMessage(t, "chat", c)
		c.do(set("room", "k", `1`), stored("room", "k", `1`, `{"uid":"Jim","umd":null}`))
		for operation, body := range operations {
			for _, tt := range []struct{ why, body, code string }{
				{"nothing", ``, "INVALID_JSON"},
				{"not JSON", `channel=room`, "INVALID_JSON"},
				{"an array", `[` + body + `}]`, "INVALID_JSON"},
				{"null", `null`, "INVALID_JSON"},
				{"not closed", body, "INVALID_JSON"},
				{"two of them", body + `}` + body + `}`, "INVALID_JSON"},
				{"the channel twice", body + `,"channel":"room"}`, "INVALID_JSON"},
				{"not UTF-8", body + ",\"x\":\"\xff\"}", "INVALID_JSON"},
				{"a byte order mark", "\ufeff" + body + "}", "INVALID_JSON"},
				{"an empty object", `{}`, "INVALID_REQUEST"},
				{"a number for a channel", strings.Replace(body, `"room"`, `1`, 1) + `}`, "INVALID_REQUEST"},
				{"an impossible channel", strings.Replace(body, `"room"`, `"a b"`, 1) + `}`, "INVALID_REQUEST"},
				{"too deep", body + `,"x":` + deep(10000) + `}`, "INVALID_REQUEST"},
			} {
				if operation == "cancelSchedule" && strings.HasSuffix(tt.why, "channel") {
					continue // it has no channel
				}
				a := c.call(t, operation, tt.body)
				if a.status != 400 || e.match(`{"error":{"code":"`+tt.code+`","message":"$_"}}`, a.body) != nil {
					t.Errorf("%s, %s: got %d %s, want 400 %s", operation, tt.why, a.status, a.body, tt.code)
				}
			}
		}
		for _, tt := range []struct{ operation, more string }{
			{"publishMessage", `,"eagerIdGeneration":1`},
			{"publishMessage", `,"scheduleExpression":true`},
			{"publishMessage", `,"scheduleExpressionTimezone":[]`},
			{"publishMessage", `,"data":` + deep(65)},
			{"listMessages", `,"after":"x"`},
			{"listMessages", `,"after":1`},
			{"listMessages", `,"before":"00000000000000000000000000"`},
			{"listMessages", `,"reverse":"true"`},
			{"listMessages", `,"expandReactions":1`},
			{"channelStorageList", `,"keys":"k"`},
			{"channelStorageList", `,"keys":[1]`},
			{"channelStorageList", `,"keys":["k",null]`},
			{"channelStorageList", `,"keys":["a b"]`},
			{"channelStorageList", `,"keys":[["k"]]`},
			{"channelStorageList", `,"after":1`},
		} {
			a := c.call(t, tt.operation, operations[tt.operation]+tt.more+`}`)
			if a.status != 400 || e.match(`{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, a.body) != nil {
				t.Errorf("%s, %s: got %d %s", tt.operation, shorten(tt.more), a.status, a.body)
			}
		}
		for _, operation := range []string{"publishMessage", "channelStorageSet"} {
			body := strings.TrimSuffix(operations[operation], `,"data":2`)
			c.call(t, operation, body+`,"data":"`+strings.Repeat("x", 32<<10-1)+`"}`).wantError(t, 413, "PAYLOAD_TOO_LARGE")
		}
		e.quiet(t, "room", c)
		c.do(get("room", "k"), found("room", "k", `1`, `{"uid":"Jim","umd":null}`))
	})
}

// Only the body of who may call is looked at.
func TestStrangersLearnNothing(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		for _, body := range []string{``, `{}`, `{"channel":"a b"}`, `{"channel":"room","event":"hotsock.x"}`} {
			for _, operation := range []string{"publishMessage", "listMessages", "umdUpdate", "cancelSchedule"} {
				e.request(t, e.next(), "POST", "/connection/"+operation+"?connectionId=x&connectionSecret=y", body).
					want(t, 401, `{"error":{"code":"UNAUTHORIZED","message":"the credentials are missing or invalid"}}`)
			}
		}
	})
}

// Section 15: data at its limit, and everything at once.
func TestLimits(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, withUMD(strings.Repeat("é", 128), `"`+strings.Repeat("x", 1022)+`"`, everything))
		channel := strings.Repeat("c", 256)
		c.Subscribe(channel)
		data := `"` + strings.Repeat("x", 32<<10-2) + `"`
		event := strings.Repeat("e", 128)
		meta := fmt.Sprintf(`{"uid":%q,"umd":"%s"}`, strings.Repeat("é", 128), strings.Repeat("x", 1022))
		c.do(fmt.Sprintf(`{"event":%q,"channel":%q,"data":%s}`, event, channel, data),
			fmt.Sprintf(`{"id":"$idm","event":%q,"channel":%q,"data":%s,"meta":%s}`, event, channel, data, meta))
		reaction := strings.Repeat("é", 50)
		c.do(fmt.Sprintf(`{"event":"hotsock.messageReaction","channel":%q,"data":{"messageId":"$idm","reaction":%q,"action":"add"}}`, channel, reaction),
			fmt.Sprintf(`{"id":"$_","event":"hotsock.messageReactionAdded","channel":%q,"data":{"messageId":"$idm","reaction":%q,"action":"add"},"meta":%s}`, channel, reaction, meta))
		key := strings.Repeat("k", 128)
		c.do(set(channel, key, data), stored(channel, key, data, meta))
		// A message as long as one may be.
		const start = `{"event":"hotsock.ping","x":"`
		c.do(start+strings.Repeat("x", 128<<10-len(start)-2)+`"}`, `{"event":"hotsock.pong","data":{}}`)
		if *feeds {
			return // There it is refused.
		}
		c.send(start + strings.Repeat("x", 128<<10-len(start)-1) + `"}`)
		c.ExpectClose(websocket.StatusMessageTooBig, "")
	})
}
