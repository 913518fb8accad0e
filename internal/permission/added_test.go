package permission

import (
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/token"
)

// What the app grants counts beside the tokens, and before them where only one can.
func TestResolveThreeSources(t *testing.T) {
	day := func(n int) time.Time { return time.Unix(int64(n)*86400, 0) }
	for _, test := range []struct {
		connect, subscribe, app string // channels
		ok                      func(c *Channel) bool
		why                     string
	}{
		{`{}`, `{}`, `{"c":{"subscribe":true}}`, func(c *Channel) bool { return c.Subscribe && c.Token(0) == 0 }, "it permits what no token does"},
		{`{"c":{"subscribe":false}}`, `{}`, `{"c":{"subscribe":true}}`, func(c *Channel) bool { return !c.Subscribe }, "a false of the connect token denies"},
		{`{}`, `{"c":{"subscribe":false}}`, `{"c":{"subscribe":true}}`, func(c *Channel) bool { return !c.Subscribe }, "a false of the subscribe token denies"},
		{`{"c":{"subscribe":true}}`, `{"c":{"subscribe":true}}`, `{"c":{"subscribe":false}}`, func(c *Channel) bool { return !c.Subscribe }, "it can deny"},
		{`{}`, `{}`, `{"c":{"autoSubscribe":true}}`, func(c *Channel) bool { return !c.Subscribe }, "autoSubscribe is the connect token's alone"},
		{`{"c":{"alias":"x","historyStart":86400}}`, `{"c":{"alias":"y","historyStart":172800}}`, `{"c":{"alias":"z","historyStart":259200}}`, func(c *Channel) bool { return c.Alias == "z" && c.HistoryStart.Equal(day(3)) }, "what it sets comes first"},
		{`{"c":{"alias":"x","historyStart":86400}}`, `{"c":{"alias":"y","historyStart":172800}}`, `{"c":{"getInfo":true}}`, func(c *Channel) bool { return c.Alias == "y" && c.HistoryStart.Equal(day(2)) && c.GetInfo }, "then the subscribe token's"},
		{`{"c":{"messages":{"e":{"publish":true,"store":1}}}}`, `{"c":{"messages":{"e":{"echo":true,"store":2}}}}`, `{"c":{"messages":{"e":{"store":3,"react":["👍"]}}}}`, func(c *Channel) bool {
			e := c.Event("e")
			return e.Publish && e.Echo && e.Retention == 3*time.Second && e.MayReact("👍")
		}, "so under one event"},
		{`{"c":{"messages":{"*":{"react":["👎"]}}}}`, `{}`, `{"c":{"messages":{"*":{"react":["👍"]}}}}`, func(c *Channel) bool { return c.Event("e").MayReact("👍") && c.Event("e").MayReact("👎") }, "lists of reactions count together"},
		{`{"c":{"messages":{"e":{"publish":false}}}}`, `{}`, `{"c":{"messages":{"e":{"publish":true}}}}`, func(c *Channel) bool { return !c.Event("e").Publish }, "a false of a token denies an event"},
		{`{}`, `{}`, `{"c":{"messages":{"e":{"broadcast":true}}}}`, func(c *Channel) bool { return !c.Event("e").Broadcast }, "broadcast is the connect token's alone"},
		{`{"c":{"messages":{"e":{"broadcast":true}}}}`, `{}`, `{"c":{"messages":{"e":{"broadcast":false}}}}`, func(c *Channel) bool { return c.Event("e").Broadcast }, "its false, too"},
		{`{"c":{"storage":{"k":{"get":true}}}}`, `{"c":{"storage":{"k":{"set":false}}}}`, `{"c":{"storage":{"k":{"set":true,"observe":true}}}}`, func(c *Channel) bool { e := c.Entry("k"); return e.Get && !e.Set && e.Observe }, "so under one storage key"},
		{`{}`, `{"c":{"calls":{"n":false}}}`, `{"c":{"calls":{"*":true}}}`, func(c *Channel) bool {
			m, n := c.ResolveCall("m"), c.ResolveCall("n")
			return m.MayCall() && !n.MayCall()
		}, "so of calls"},
		{`{"c":{}}`, `{"c":{}}`, `{"c":{}}`, func(c *Channel) bool {
			return c.Token(0) == 0 && c.Token(1) == token.ScopeSubscribe && c.Token(2) == token.ScopeConnect
		}, "each rule says where it is from"},
	} {
		of := func(channels string) *Grant { return grantOf(t, `{"channels":`+channels+`}`) }
		if c := Resolve("c", of(test.connect), Added{Subscribe: of(test.subscribe), App: of(test.app)}); !test.ok(c) {
			t.Errorf("%s, %s and %s: %+v: %s", test.connect, test.subscribe, test.app, c, test.why)
		}
	}
}
