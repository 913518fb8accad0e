package protocoltest

import (
	"strconv"
	"testing"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

const limited = `{"scope":"connect","uid":"ann","channels":{"a":{"subscribe":true,"getInfo":true,"historyStart":0,"messages":{"chat":{"publish":true}},"storage":{"*":{"get":true,"set":true}}}}}`

// So slow that nothing comes back during a test.
const never = 0.0001

func TestRateLimitOfConnection(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) {
		o.ConnectionRateLimit = hotsock.RateLimit{PerSecond: never, Burst: 4}
	}, func(t *testing.T, e *env) {
		c := e.connect(t, limited)
		c.Subscribe("a")
		c.do(`{"event":"chat","channel":"a","ref":"1"}`, `{"event":"hotsock.ack","channel":"a","data":{"id":"$id1"},"ref":"1"}`)
		// HTTP counts with it, whichever node is asked.
		c.call(t, "getChannelInfo", `{"channel":"a"}`).want(t, 200, `{"channel":"a","subscriptionsCount":1}`)
		e.request(t, c.node, "POST", "/connection/getChannelInfo"+c.credentials(), `{"channel":"a"}`).want(t, 200, "")

		c.do(`{"event":"chat","channel":"a","ref":"2"}`, `{"event":"hotsock.error","channel":"a","error":{"code":"RATE_LIMITED","message":"$_"},"ref":"2"}`)
		for _, op := range []string{
			"publishMessage", "listMessages", "listReactions", "channelStorageGet", "channelStorageSet",
			"channelStorageList", "getChannelInfo", "umdUpdate", "listSchedules", "cancelSchedule", "publishMessage",
		} {
			a := c.call(t, op, `{"channel":"a"}`)
			a.wantError(t, 429, "RATE_LIMITED")
			if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 9000 || n > 10000 {
				t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
			}
		}
		c.ExpectNothing()
		// The app may do what it likes.
		for range 20 {
			e.mark(t, "a")
		}
		c.until(e.mark(t, "a"))
		c.do(`{"event":"hotsock.unsubscribe","channel":"a"}`, `{"event":"hotsock.unsubscribed","channel":"a","data":{},"meta":{"uid":"ann","umd":null}}`)
		// Another connection of the user has its own.
		d := e.connect(t, limited)
		d.Subscribe("a")
	})
}

func TestRateLimitOfUser(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) {
		o.UserRateLimit = hotsock.RateLimit{PerSecond: never, Burst: 3}
	}, func(t *testing.T, e *env) {
		c, d := e.connectTo(t, 0, limited), e.connectTo(t, 0, limited)
		c.Subscribe("a")
		d.Subscribe("a")
		c.call(t, "listMessages", `{"channel":"a"}`).want(t, 200, `{"messages":[]}`)
		c.do(`{"event":"chat","channel":"a"}`, failure("a", "RATE_LIMITED"))
		d.do(`{"event":"chat","channel":"a"}`, failure("a", "RATE_LIMITED"))
		d.call(t, "listMessages", `{"channel":"a"}`).wantError(t, 429, "RATE_LIMITED")
		// Nodes do not count together.
		if len(e.nodes) > 1 {
			e.connectTo(t, 1, limited).Subscribe("a")
		}
	})
}

func TestRateLimitExceededByFar(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) {
		o.ConnectionRateLimit = hotsock.RateLimit{PerSecond: never, Burst: 1}
	}, func(t *testing.T, e *env) {
		c := e.connect(t, limited)
		for range 10 {
			c.do(`{"event":"hotsock.ping"}`, `{"event":"hotsock.pong","data":{}}`)
		}
		c.send(`{"event":"hotsock.ping"}`)
		c.ExpectClose(websocket.StatusPolicyViolation, "Rate limit exceeded")

		// Over HTTP, too, which needs no reader of the socket.
		c = e.connect(t, limited)
		c.call(t, "getChannelInfo", `{"channel":"a"}`).want(t, 200, "")
		for range 9 {
			c.call(t, "getChannelInfo", `{"channel":"a"}`).wantError(t, 429, "RATE_LIMITED")
		}
		c.call(t, "getChannelInfo", `{"channel":"a"}`).wantError(t, 429, "RATE_LIMITED")
		c.ExpectClose(websocket.StatusPolicyViolation, "Rate limit exceeded")
	})
}
