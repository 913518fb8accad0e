package protocoltest

import (
	"fmt"
	"strings"
	"testing"
)

// Section 11: what every operation answers. Bodies are tested with bad input.
func TestClientAPI(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, withUMD("Jim", `{"n":1}`, everything))
		c.Subscribe("room")
		for _, tt := range []struct {
			why, operation, body string
			status               int
			want                 string
			delivered            string
		}{
			{"publish", "publishMessage", `{"channel":"room","event":"e","data":"x"}`, 202, `{"channel":"room","event":"e"}`, `{"id":"$_","event":"e","channel":"room","data":"x","meta":{"uid":"Jim","umd":{"n":1}}}`},
			{"publish without data", "publishMessage", `{"channel":"room","event":"e"}`, 202, `{"channel":"room","event":"e"}`, `{"id":"$_","event":"e","channel":"room","data":null,"meta":{"uid":"Jim","umd":{"n":1}}}`},
			{"publish with an eager id", "publishMessage", `{"channel":"room","event":"e","eagerIdGeneration":true}`, 202, `{"channel":"room","event":"e","id":"$id1"}`, `{"id":"$id1","event":"e","channel":"room","data":null,"meta":{"uid":"Jim","umd":{"n":1}}}`},
			{"eager false", "publishMessage", `{"channel":"room","event":"e","eagerIdGeneration":false}`, 202, `{"channel":"room","event":"e"}`, `{"id":"$_","event":"e","channel":"room","data":null,"meta":{"uid":"Jim","umd":{"n":1}}}`},
			{"where not subscribed, by broadcast", "publishMessage", `{"channel":"else","event":"e"}`, 202, `{"channel":"else","event":"e"}`, ""},
			{"a time zone without a schedule has no effect", "publishMessage", `{"channel":"else","event":"e","scheduleExpressionTimezone":"Nowhere"}`, 202, `{"channel":"else","event":"e"}`, ""},
			{"set", "channelStorageSet", `{"channel":"room","key":"k","data":1}`, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`, stored("room", "k", "1", `{"uid":"Jim","umd":{"n":1}}`)},
			{"get", "channelStorageGet", `{"channel":"room","key":"k"}`, 200, found("room", "k", "1", `{"uid":"Jim","umd":{"n":1}}`), ""},
			{"list", "channelStorageList", `{"channel":"room"}`, 200, `{"items":[{"key":"k","data":1,"meta":{"uid":"Jim","umd":{"n":1}}}]}`, ""},
			{"clear", "channelStorageSet", `{"channel":"room","key":"k","data":{}}`, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`, stored("room", "k", "null", `{"uid":"Jim","umd":{"n":1}}`)},
			{"get nothing", "channelStorageGet", `{"channel":"room","key":"k"}`, 200, `{"event":"hotsock.channelStorageData","channel":"room","key":"k","data":null,"meta":null}`, ""},
			{"clear without data", "channelStorageSet", `{"channel":"room","key":"k"}`, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`, ""},
			{"info", "getChannelInfo", `{"channel":"room"}`, 200, `{"channel":"room","subscriptionsCount":1}`, ""},
			{"info of another channel", "getChannelInfo", `{"channel":"else"}`, 200, `{"channel":"else","subscriptionsCount":0}`, ""},
			{"messages", "listMessages", `{"channel":"room","after":"$id1"}`, 200, `{"messages":[{"id":"$_","event":"e","channel":"room","data":null,"meta":{"uid":"Jim","umd":{"n":1}}}]}`, ""},
			{"messages where not subscribed", "listMessages", `{"channel":"else"}`, 403, `{"error":{"code":"NOT_SUBSCRIBED","message":"$_"}}`, ""},
		} {
			c.call(t, tt.operation, tt.body).want(t, tt.status, tt.want)
			if tt.delivered != "" {
				c.expect(tt.delivered)
			}
			e.quiet(t, "room", c)
		}
	})
}

// The type of the body is not looked at, and answers are not to be cached.
func TestHTTPHeaders(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		for _, typ := range []string{"", "application/json", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data"} {
			a := e.request(t, e.next(), "POST", "/connection/getChannelInfo"+c.credentials(), `{"channel":"room"}`, "Content-Type", typ)
			a.want(t, 200, `{"channel":"room","subscriptionsCount":0}`)
			for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		}
	})
}

// Who is not permitted is told so, and nothing happens. Permissions are the
// connect token's, wherever the request arrives.
func TestClientAPIPermissions(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room":{"subscribe":true,"messages":{"may":{"publish":true},"*":{"store":60}}}}`))
		c.Subscribe("room")
		for _, tt := range []struct {
			operation, body string
			status          int
			code            string
		}{
			{"publishMessage", `{"channel":"room","event":"mayNot"}`, 403, "PUBLISH_PERMISSION_DENIED"},
			{"publishMessage", `{"channel":"else","event":"may"}`, 403, "PUBLISH_PERMISSION_DENIED"},
			{"publishMessage", `{"channel":"room","event":"may","scheduleExpression":"at(2199-01-01T00:00:00)"}`, 403, "SCHEDULE_PERMISSION_DENIED"},
			{"publishMessage", `{"channel":"room","event":"hotsock.subscribe"}`, 400, "INVALID_REQUEST"},
			{"publishMessage", `{"channel":"room","event":"hotsock.channelStorageSet","key":"k"}`, 400, "INVALID_REQUEST"},
			{"channelStorageGet", `{"channel":"room","key":"k"}`, 403, "STORAGE_PERMISSION_DENIED"},
			{"channelStorageSet", `{"channel":"room","key":"k","data":1}`, 403, "STORAGE_PERMISSION_DENIED"},
			{"getChannelInfo", `{"channel":"room"}`, 403, "INFO_PERMISSION_DENIED"},
			{"listMessages", `{"channel":"else"}`, 403, "NOT_SUBSCRIBED"},
			{"cancelSchedule", `{"scheduleArn":"arn:hotsock:scheduler:::schedule/memory/01J00000000000000000000000"}`, 404, "SCHEDULE_NOT_FOUND"},
			{"cancelSchedule", `{"scheduleArn":"arn:aws:scheduler:us-east-1:1:schedule/a/b"}`, 400, "INVALID_REQUEST"},
			{"umdUpdate", `{"token":"x"}`, 401, "INVALID_UMD_TOKEN"},
		} {
			for n := range e.nodes {
				e.request(t, n, "POST", "/connection/"+tt.operation+c.credentials(), tt.body).wantError(t, tt.status, tt.code)
			}
		}
		c.call(t, "channelStorageList", `{"channel":"room"}`).want(t, 200, `{"items":[]}`)
		c.history(t, "room", "").want(t, 200, `{"messages":[]}`)
		e.quiet(t, "room", c)
	})
}

// The body has a limit, and so has the time that it may take.
func TestBodyLimit(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		body := func(length int) string {
			const start = `{"channel":"room","event":"e","x":"`
			return start + strings.Repeat("x", length-len(start)-2) + `"}`
		}
		c.call(t, "publishMessage", body(256<<10)).want(t, 202, `{"channel":"room","event":"e"}`)
		c.call(t, "publishMessage", body(256<<10+1)).wantError(t, 413, "PAYLOAD_TOO_LARGE")
		e.server(t, "POST", "/publish", body(256<<10)).want(t, 202, `{"channel":"room","event":"e"}`)
		e.server(t, "POST", "/publish", body(256<<10+1)).wantError(t, 413, "PAYLOAD_TOO_LARGE")
	})
}

// An eager id is the one that subscribers see, and orders with the others.
func TestEagerIDs(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", everything))
		c.Subscribe("room")
		last := ""
		for n := range 50 {
			e.forget("id1")
			body := fmt.Sprintf(`{"channel":"room","event":"e","data":%d,"eagerIdGeneration":%t}`, n, n%3 == 0)
			if n%3 == 0 {
				c.call(t, "publishMessage", body).want(t, 202, `{"channel":"room","event":"e","id":"$id1"}`)
			} else {
				c.call(t, "publishMessage", body).want(t, 202, `{"channel":"room","event":"e"}`)
			}
			c.expect(fmt.Sprintf(`{"id":"$id1","event":"e","channel":"room","data":%d,"meta":{"uid":null,"umd":null}}`, n))
			if id := e.get("id1"); id <= last {
				t.Fatalf("%s follows %s", id, last)
			} else {
				last = id
			}
		}
	})
}
