package hotsock

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// What Explain says of a refresh is what becomes of one.
func TestExplainRefresh(t *testing.T) {
	for _, test := range []struct {
		why     string
		fresh   Claims // over a token that lets ann subscribe to a and b, and subscribes auto
		channel string
		verdict string // the first line
		reason  string // a part of it
		ended   string // channels that the client is told of, of a and b
	}{
		{
			"it ends what it does not permit",
			Claims{UID: "ann", Channels: map[string]ChannelClaims{"b": {Subscribe: Allow}}},
			"",
			"refresh: yes", "the fresh token takes the place of the connection's, and what is subscribed of these ends: a, auto", "a auto",
		},
		{
			"it subscribes what the other one did not",
			Claims{UID: "ann", Channels: map[string]ChannelClaims{
				"*": {Subscribe: Allow}, "auto": {AutoSubscribe: Allow}, "new": {AutoSubscribe: Allow},
			}},
			"",
			"refresh: yes", "place of the connection's, and subscribes to new", "",
		},
		{
			"of one channel, which ends",
			Claims{UID: "ann", Channels: map[string]ChannelClaims{"a": {Subscribe: Deny}, "*": {Subscribe: Allow}}},
			"a",
			`refresh on "a": no`, `ends with the reason "No longer permitted": subscribe is false under channels["a"] of the connect token`, "a",
		},
		{
			"of one channel, which goes on",
			Claims{UID: "ann", Channels: map[string]ChannelClaims{"b": {Subscribe: Allow}}},
			"b",
			`refresh on "b": yes`, `a subscription goes on: subscribe is true under channels["b"] of the connect token`, "a auto",
		},
		{"of another user", Claims{UID: "bob"}, "", "refresh: no (UNAUTHORIZED)", "the fresh token is another user's", ""},
		{"of nobody", Claims{}, "", "refresh: no (UNAUTHORIZED)", "the fresh token is another user's", ""},
		{"that cannot connect", Claims{Scope: ScopeUMD, UID: "ann"}, "", "refresh: no (UNAUTHORIZED)", "the fresh token is not valid", ""},
		{"that has expired", Claims{UID: "ann", Expires: time.Unix(1, 0)}, "a", "refresh: no (UNAUTHORIZED)", "expired", ""},
	} {
		t.Run(test.why, func(t *testing.T) {
			refreshable(t, Options{}, func(t *testing.T, r *rig, c *wstest.Conn) {
				old := annsToken(t, map[string]ChannelClaims{"a": {Subscribe: Allow}, "b": {Subscribe: Allow}, "auto": {AutoSubscribe: Allow}})
				c.Do(refreshWith(old), "hotsock.refreshed")
				c.Expect("hotsock.subscribed")
				c.Subscribe("a")
				c.Subscribe("b")
				if test.fresh.Scope == 0 {
					test.fresh.Scope = ScopeConnect
				}
				fresh := tokenSign(t, test.fresh, tokenHS256)
				e := explain(t, r.h, ExplainRequest{Action: ActionRefresh, Token: old, CommandToken: fresh, Channel: test.channel})
				if line, _, _ := strings.Cut(e.String(), "\n"); line != test.verdict || !strings.Contains(e.Reason, test.reason) {
					t.Errorf("%s", e)
				}
				c.Send(refreshWith(fresh))
				var ended []string
				for {
					f := c.Next()
					if f.Event != "hotsock.unsubscribed" {
						if refused := f.Event == "hotsock.error"; refused != (e.Code != "") || f.Event != "hotsock.refreshed" && !refused {
							t.Errorf("explained as %s, answered %s", e, f.Text)
						}
						break
					}
					ended = append(ended, f.Channel)
				}
				if got := strings.Join(ended, " "); got != test.ended {
					t.Errorf("ended: %q, want %q", got, test.ended)
				}
			})
		})
	}
}

// The token of the connection may have expired, be given as claims, or not be known.
func TestExplainRefreshOfTheOldToken(t *testing.T) {
	h := explainHandler(t, Options{})
	fresh := &Claims{UID: "ann"}
	for why, test := range map[string]struct {
		q      ExplainRequest
		reason string
	}{
		"it has expired": {ExplainRequest{Token: tokenSign(t, Claims{Scope: ScopeConnect, UID: "ann", Expires: time.Unix(1, 0)}, tokenHS256)}, "takes the place"},
		"its claims":     {ExplainRequest{Claims: &Claims{UID: "bob"}}, "another user's"},
		"it is none":     {ExplainRequest{Token: "nonsense"}, "the connect token is not valid"},
		"not known":      {ExplainRequest{}, "takes the place"},
	} {
		test.q.Action, test.q.CommandClaims = ActionRefresh, fresh
		if e := explain(t, h, test.q); !strings.Contains(e.Reason, test.reason) || e.Allowed != (test.reason == "takes the place") {
			t.Errorf("%s: %s", why, e)
		}
	}
	cannot := &Claims{UID: "ann", ConnectionID: "c"}
	if e := explain(t, h, ExplainRequest{Action: ActionRefresh, CommandClaims: cannot}); e.Allowed {
		t.Errorf("a token for one connection: %s", e)
	}
	own := explainHandler(t, Options{Authenticate: func(*http.Request) (*Claims, error) { return new(Claims), nil }})
	if e := explain(t, own, ExplainRequest{Action: ActionRefresh, CommandClaims: fresh}); e.Allowed || e.Code != CodeUnauthorized {
		t.Errorf("with the app's own authentication: %s", e)
	}
	asking := explainHandler(t, Options{Hooks: Hooks{BeforeConnect: func(context.Context, Requester) error { return nil }}})
	if e := explain(t, asking, ExplainRequest{Action: ActionRefresh, CommandClaims: fresh}); e.Hook != "BeforeConnect" {
		t.Errorf("the hook is %q", e.Hook)
	}
}
