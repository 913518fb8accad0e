package protocoltest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// methods are what the app of these tests has, on every node.
func methods(e *env) {
	for _, n := range e.nodes {
		n.Handle("whoami", func(_ context.Context, c hotsock.Call) (any, error) {
			return map[string]any{
				"uid": c.UID, "umd": c.UMD, "channel": c.Channel, "claims": c.Claims().UID, "trigger": c.Trigger,
				"known": c.ConnectionID != "" && c.SourceIP != "",
			}, nil
		})
		n.Handle("echo", func(_ context.Context, c hotsock.Call) (any, error) { return c.Params, nil })
		n.Handle("add", hotsock.Typed(func(_ context.Context, _ hotsock.Call, p struct {
			A, B int
		},
		) (int, error) {
			return p.A + p.B, nil
		}))
		n.Handle("refuse", func(context.Context, hotsock.Call) (any, error) {
			return nil, &hotsock.Error{Code: "SOLD_OUT", Message: "no tea today"}
		})
		n.Handle("secret", func(context.Context, hotsock.Call) (any, error) { return 1, nil })
	}
}

// A call is answered over the WebSocket and over HTTP, whichever node is asked.
func TestCalls(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		methods(e)
		c := e.connect(t, `{"scope":"connect","uid":"Jim","umd":{"n":1},"calls":{"*":true,"secret":false},`+
			`"channels":{"room":{"subscribe":true,"alias":"r","calls":{"whoami":true}}}}`)
		both := func(body, data string) {
			t.Helper()
			channel := ""
			if _, rest, ok := strings.Cut(body, `"channel":"`); ok {
				channel, _, _ = strings.Cut(rest, `"`)
				channel = fmt.Sprintf(`"channel":%q,`, channel)
			}
			c.do(fmt.Sprintf(`{"event":"hotsock.call",%s"data":%s,"ref":"7"}`, channel, body),
				fmt.Sprintf(`{"event":"hotsock.result",%s"data":%s,"ref":"7"}`, channel, strings.ReplaceAll(data, "TRIGGER", "client.websocket")))
			c.call(t, "call", body).want(t, 200,
				fmt.Sprintf(`{"event":"hotsock.result",%s"data":%s}`, channel, strings.ReplaceAll(data, "TRIGGER", "client.http")))
		}
		both(`{"method":"whoami"}`, `{"channel":"","claims":"Jim","known":true,"trigger":"TRIGGER","uid":"Jim","umd":{"n":1}}`)
		both(`{"method":"echo"}`, `null`)
		both(`{"method":"echo","params":null}`, `null`)
		both(`{"method":"echo","params":[1, {"a" : "ü"}]}`, `[1,{"a":"ü"}]`)
		both(`{"method":"add","params":{"A":1,"B":2}}`, `3`)
		c.do(`{"event":"hotsock.call","data":{"method":"add"}}`, `{"event":"hotsock.result","data":0}`)

		refused := func(body, code string, status int) {
			t.Helper()
			channel := ""
			if strings.Contains(body, `"channel"`) {
				channel = `"channel":"room",`
			}
			c.Do(fmt.Sprintf(`{"event":"hotsock.call",%s"data":%s,"ref":"7"}`, channel, body), code)
			c.call(t, "call", body).wantError(t, status, code)
		}
		refused(`{"method":"refuse"}`, "SOLD_OUT", 403)
		refused(`{"method":"secret"}`, "CALL_PERMISSION_DENIED", 403)
		refused(`{"method":"none"}`, "UNKNOWN_METHOD", 404)
		refused(`{"method":"add","params":{"A":"1"}}`, "INVALID_PARAMS", 400)
		refused(`{"method":"add","params":{"C":1}}`, "INVALID_PARAMS", 400)
		refused(`{"method":""}`, "INVALID_REQUEST", 400)
		refused(`{"method":7}`, "INVALID_REQUEST", 400)
		refused(`{"method":"*"}`, "INVALID_REQUEST", 400)
		refused(`{"method":"`+strings.Repeat("x", 129)+`"}`, "INVALID_REQUEST", 400)
		refused(`{"method":"echo","params":"`+strings.Repeat("x", 32<<10)+`"}`, "PAYLOAD_TOO_LARGE", 413)
		refused(`{"method":"echo","params":`+strings.Repeat("[", 65)+strings.Repeat("]", 65)+`}`, "INVALID_REQUEST", 400)

		// On a channel, it takes a subscription and the channel's permission.
		refused(`{"channel":"room","method":"whoami"}`, "NOT_SUBSCRIBED", 403)
		c.Subscribe("room")
		refused(`{"channel":"room","method":"echo"}`, "CALL_PERMISSION_DENIED", 403)
		refused(`{"channel":"room","method":"none"}`, "CALL_PERMISSION_DENIED", 403)
		on := `{"channel":"room","claims":"Jim","known":true,"trigger":"TRIGGER","uid":"Jim","umd":{"n":1}}`
		both(`{"channel":"room","method":"whoami"}`, on)
		both(`{"channel":"r","method":"whoami"}`, on)
	})
}

// A subscribe token adds methods of the channel, as another user.
func TestCallsOfSubscribeToken(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		methods(e)
		c := e.connect(t, user("Jim", `{}`))
		jwt := token(t, as("subscribe", "Jim", `{"room":{"subscribe":true,"calls":{"who*":true}}}`))
		c.Do(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"room","data":{"token":%q}}`, jwt), "hotsock.subscribed")
		c.call(t, "call", `{"channel":"room","method":"whoami"}`).want(t, 200, "")
		c.Do(`{"event":"hotsock.call","channel":"room","data":{"method":"whoami"}}`, "hotsock.result")
		c.Do(`{"event":"hotsock.call","data":{"method":"whoami"}}`, "CALL_PERMISSION_DENIED")
		c.call(t, "call", `{"method":"whoami"}`).wantError(t, 403, "CALL_PERMISSION_DENIED")
	})
}

// Thousands of calls are each answered once.
func TestManyCalls(t *testing.T) {
	e := newEnv(t, topologies[0].stores(t), func(o *hotsock.Options) { o.MaxCalls = 4000 })
	methods(e)
	c := e.connect(t, `{"scope":"connect","uid":"Jim","calls":{"echo":true}}`)
	const n = 3000
	for i := range n {
		c.Send(fmt.Sprintf(`{"event":"hotsock.call","data":{"method":"echo","params":%d},"ref":"%d"}`, i, i))
	}
	seen := make(map[string]bool)
	for range n {
		seen[c.Expect("hotsock.result").Ref] = true
	}
	if len(seen) != n {
		t.Errorf("%d different answers", len(seen))
	}
}
