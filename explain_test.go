package hotsock

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// explainHandler verifies tokens of tokenHS256.
func explainHandler(t *testing.T, o Options) *Handler {
	t.Helper()
	if o.Authenticate == nil {
		o.Keys = []Key{tokenHS256.Key()}
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func explain(t *testing.T, h *Handler, q ExplainRequest) Explanation {
	t.Helper()
	e, err := h.Explain(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return e
}

func claimsOf(t *testing.T, text string) *Claims {
	t.Helper()
	if text == "" {
		return nil
	}
	var c Claims
	if err := c.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return &c
}

// TestExplainNamesTheKey has the rules of permission resolution, each decided by
// a key that the explanation names.
func TestExplainNamesTheKey(t *testing.T) {
	h := explainHandler(t, Options{})
	const (
		yes    = "yes"
		while  = "yes, while subscribed"
		far    = "4000000000"
		sub    = `"subscribe":true`
		nobody = ""
	)
	for _, test := range []struct {
		action              Action
		connect, subscribe  string // channels
		verdict, by, reason string // by is a ClaimKey in text, reason a part of it
	}{
		{ActionSubscribe, `{"c":{"subscribe":true}}`, ``, yes, `channels["c"] of the connect token`, `subscribe is true under`},
		{ActionSubscribe, `{"c*":{"subscribe":true},"c":{}}`, ``, yes, `channels["c*"] of the connect token`, ``},
		{ActionSubscribe, `{"c":{"subscribe":true},"#regex:^c$":{"subscribe":false}}`, ``, `no (SUBSCRIBE_PERMISSION_DENIED)`, `channels["#regex:^c$"] of the connect token`, `subscribe is false`},
		{ActionSubscribe, `{"c":{"subscribe":true}}`, `{"*":{"subscribe":false}}`, `no (SUBSCRIBE_PERMISSION_DENIED)`, `channels["*"] of the subscribe token`, ``},
		{ActionSubscribe, `{"d":{"subscribe":true}}`, ``, `no (SUBSCRIBE_PERMISSION_DENIED)`, nobody, `no key matches`},
		{ActionSubscribe, `{"c":{"getInfo":true}}`, ``, `no (SUBSCRIBE_PERMISSION_DENIED)`, nobody, `no key that matches says subscribe`},
		{ActionSubscribe, `{"c":{"autoSubscribe":true}}`, ``, yes, `channels["c"] of the connect token`, `autoSubscribe is true`},
		{ActionSubscribe, `{"c":{"autoSubscribe":true},"*":{"subscribe":false}}`, ``, `no (SUBSCRIBE_PERMISSION_DENIED)`, `channels["*"] of the connect token`, `subscribe is false`},
		{ActionSubscribe, `{}`, `{"c":{"autoSubscribe":true}}`, `no (SUBSCRIBE_PERMISSION_DENIED)`, nobody, ``},
		{ActionSubscribe, `{}`, `{"c":{"subscribe":true}}`, yes, `channels["c"] of the subscribe token`, ``},

		{ActionPublish, `{"c":{` + sub + `,"messages":{"e":{"publish":true}}}}`, ``, while, `channels["c"].messages["e"] of the connect token`, `publish is true under`},
		{ActionPublish, `{"c":{` + sub + `,"messages":{"e":{"publish":true},"*":{"publish":false}}}}`, ``, `no (PUBLISH_PERMISSION_DENIED)`, `channels["c"].messages["*"] of the connect token`, `publish is false`},
		{ActionPublish, `{"c":{` + sub + `,"messages":{"e":{"publish":true}}},"*":{"subscribe":false}}`, ``, `no (NOT_SUBSCRIBED)`, `channels["*"] of the connect token`, `it takes a subscription, and subscribe is false`},
		{ActionPublish, `{"c":{"messages":{"e":{"publish":true}}}}`, ``, `no (NOT_SUBSCRIBED)`, nobody, `it takes a subscription, and no key that matches says subscribe`},
		{ActionPublish, `{"c":{"messages":{"e":{"broadcast":true}}}}`, ``, yes, `channels["c"].messages["e"] of the connect token`, `broadcast is true`},
		{ActionPublish, `{"c":{"messages":{"e":{"broadcast":true}}},"#regex:c":{"messages":{"*":{"publish":false}}}}`, ``, `no (PUBLISH_PERMISSION_DENIED)`, `channels["#regex:c"].messages["*"] of the connect token`, `publish is false`},
		{ActionPublish, `{}`, `{"c":{` + sub + `,"messages":{"e":{"broadcast":true}}}}`, `no (PUBLISH_PERMISSION_DENIED)`, nobody, ``},
		{ActionPublish, `{"c":{` + sub + `}}`, `{"c":{"messages":{"e":{"publish":true}}}}`, while, `channels["c"].messages["e"] of the subscribe token`, ``},

		{ActionEcho, `{"c":{` + sub + `,"messages":{"e":{"publish":true},"*":{"echo":true}}}}`, ``, while, `channels["c"].messages["*"] of the connect token`, `echo is true`},
		{ActionEcho, `{"c":{` + sub + `,"messages":{"e":{"publish":true}}}}`, ``, `no`, nobody, `no key that matches says echo`},
		{ActionEcho, `{"c":{` + sub + `,"messages":{"e":{"echo":true}}}}`, ``, `no (PUBLISH_PERMISSION_DENIED)`, nobody, `no key that matches says publish`},

		{ActionEcho, `{"c":{"messages":{"e":{"broadcast":true,"echo":true}}}}`, ``, `no`, nobody, `it takes a subscription`},

		{ActionStore, `{"c":{"messages":{"e":{"broadcast":true},"e*":{"store":60},"*":{"store":30}}}}`, ``, yes, `channels["c"].messages["e*"] of the connect token`, `store is 60`},
		{ActionStore, `{"c":{"messages":{"e":{"broadcast":true}}}}`, ``, `no`, nobody, `no key that matches says store`},
		{ActionStore, `{"c":{"messages":{"e":{"broadcast":true,"store":0},"*":{"store":9}}}}`, ``, `no`, `channels["c"].messages["e"] of the connect token`, `store is 0`},
		{ActionStore, `{"c":{` + sub + `,"messages":{"e":{"broadcast":true,"store":0}}}}`, `{"*":{"messages":{"*":{"store":9}}}}`, while, `channels["*"].messages["*"] of the subscribe token`, `store is 9`},

		{ActionSchedule, `{"c":{"messages":{"e":{"broadcast":true,"scheduleBefore":` + far + `}}}}`, ``, yes, `channels["c"].messages["e"] of the connect token`, `scheduleBefore is 2096-10-02T07:06:40Z under`},
		{ActionSchedule, `{"c":{"messages":{"e":{"broadcast":true,"scheduleBefore":9}}}}`, ``, `no (SCHEDULE_PERMISSION_DENIED)`, `channels["c"].messages["e"] of the connect token`, `scheduleBefore is 1970-01-01T00:00:09Z under`},
		{ActionSchedule, `{"c":{"messages":{"e":{"broadcast":true}}}}`, ``, `no (SCHEDULE_PERMISSION_DENIED)`, nobody, `no key that matches says scheduleBefore`},
		{ActionSchedule, `{"c":{"messages":{"e":{"scheduleBefore":` + far + `}}}}`, ``, `no (PUBLISH_PERMISSION_DENIED)`, nobody, `no key that matches says publish`},

		{ActionReact, `{"c":{` + sub + `,"messages":{"e":{"react":["x"]},"*":{"react":["👍","y"]}}}}`, ``, while, `channels["c"].messages["*"] of the connect token`, `react is ["👍","y"] under`},
		{ActionReact, `{"c":{` + sub + `,"messages":{"e":{"react":["x"]}}}}`, ``, `no (REACTION_PERMISSION_DENIED)`, nobody, `in no list`},
		{ActionReact, `{"c":{` + sub + `,"messages":{"e":{"react":["👍"]},"*":{"react":false}}}}`, ``, `no (REACTION_PERMISSION_DENIED)`, `channels["c"].messages["*"] of the connect token`, `react is false`},
		{ActionReact, `{"c":{"messages":{"e":{"react":true}}}}`, ``, `no (NOT_SUBSCRIBED)`, nobody, `it takes a subscription`},

		{ActionUpdate, `{"c":{` + sub + `,"messages":{"e":{"update":"own"}}}}`, ``, while, `channels["c"].messages["e"] of the connect token`, `only of messages of its own: update is "own" under`},
		{ActionUpdate, `{"c":{` + sub + `,"messages":{"e":{"update":"own"},"*":{"update":true}}}}`, ``, while, `channels["c"].messages["*"] of the connect token`, `update is true under`},
		{ActionUpdate, `{"c":{` + sub + `,"messages":{"e":{"delete":true}}}}`, ``, `no (UPDATE_PERMISSION_DENIED)`, nobody, `no key that matches says update`},
		{ActionDelete, `{"c":{` + sub + `,"messages":{"e":{"delete":true},"*":{"delete":false}}}}`, ``, `no (DELETE_PERMISSION_DENIED)`, `channels["c"].messages["*"] of the connect token`, `delete is false`},
		{ActionStop, `{"c":{` + sub + `,"messages":{"e":{"stop":"own"}}}}`, ``, while, `channels["c"].messages["e"] of the connect token`, `only of messages of its own: stop is "own" under`},
		{ActionStop, `{"c":{` + sub + `,"messages":{"e":{"update":true}}}}`, ``, `no (STOP_PERMISSION_DENIED)`, nobody, `no key that matches says stop`},
		{ActionDelete, `{"c":{"messages":{"e":{"delete":true}}}}`, ``, `no (NOT_SUBSCRIBED)`, nobody, `it takes a subscription`},

		{ActionGet, `{"c":{"storage":{"*":{"get":true}}}}`, ``, yes, `channels["c"].storage["*"] of the connect token`, ``},
		{ActionGet, `{"c":{"storage":{"k":{"get":false},"*":{"get":true}}}}`, ``, `no (STORAGE_PERMISSION_DENIED)`, `channels["c"].storage["k"] of the connect token`, ``},
		{ActionSet, `{"c":{"storage":{"k":{"get":true}}}}`, ``, `no (STORAGE_PERMISSION_DENIED)`, nobody, `no key that matches says set`},
		{ActionSet, `{"c":{` + sub + `}}`, `{"c":{"storage":{"k":{"set":true}}}}`, while, `channels["c"].storage["k"] of the subscribe token`, ``},
		{ActionObserve, `{"c":{` + sub + `,"storage":{"k":{"observe":true}}}}`, ``, while, `channels["c"].storage["k"] of the connect token`, ``},
		{ActionObserve, `{"c":{` + sub + `}}`, ``, `no`, nobody, `no key matches`},
		{ActionObserve, `{"c":{"storage":{"k":{"observe":true}}}}`, ``, `no`, nobody, `it takes a subscription`},

		{ActionCall, `{"c":{` + sub + `,"calls":{"m":true}}}`, ``, while, `channels["c"].calls["m"] of the connect token`, `calls is true under`},
		{ActionCall, `{"c":{` + sub + `,"calls":{"m":true}},"*":{"calls":{"*":false}}}`, ``, `no (CALL_PERMISSION_DENIED)`, `channels["*"].calls["*"] of the connect token`, `calls is false`},
		{ActionCall, `{"c":{` + sub + `}}`, `{"c":{"calls":{"m*":true}}}`, while, `channels["c"].calls["m*"] of the subscribe token`, ``},
		{ActionCall, `{"c":{` + sub + `,"calls":{"m":null}}}`, ``, `no (CALL_PERMISSION_DENIED)`, nobody, `no key that matches says calls`},
		{ActionCall, `{"c":{"calls":{"m":true}}}`, ``, `no (NOT_SUBSCRIBED)`, nobody, `it takes a subscription`},

		{ActionGetInfo, `{"c":{"getInfo":true}}`, ``, yes, `channels["c"] of the connect token`, ``},
		{ActionGetInfo, `{"c":{"subscribe":true}}`, ``, `no (INFO_PERMISSION_DENIED)`, nobody, ``},
		{ActionHistory, `{"c":{` + sub + `,"historyStart":0},"*":{"historyStart":9}}`, ``, while, `channels["c"] of the connect token`, `historyStart is 1970-01-01T00:00:00Z under`},
		{ActionHistory, `{"c":{` + sub + `}}`, ``, while, nobody, `from the moment of subscribing`},
		{ActionHistory, `{"c":{"historyStart":0}}`, ``, `no (NOT_SUBSCRIBED)`, nobody, ``},
	} {
		q := ExplainRequest{Action: test.action, Channel: "c", Claims: claimsOf(t, `{"uid":"u","channels":`+test.connect+`}`)}
		if test.subscribe != "" {
			q.CommandClaims = claimsOf(t, `{"uid":"u","channels":`+test.subscribe+`}`)
		}
		switch test.action {
		case ActionPublish, ActionEcho, ActionStore, ActionSchedule, ActionReact, ActionUpdate, ActionDelete, ActionStop:
			q.Event, q.Reaction = "e", "👍"
		case ActionGet, ActionSet, ActionObserve:
			q.Key = "k"
		case ActionCall:
			q.Method = "m"
		}
		e := explain(t, h, q)
		line, _, _ := strings.Cut(e.String(), "\n")
		by := ""
		if e.By != nil {
			by = e.By.String()
		}
		if want := string(test.action) + ` on "c": ` + test.verdict; line != want || by != test.by || !strings.Contains(e.Reason, test.reason) {
			t.Errorf("%s and %s:\n got %s by %q because %q\nwant %s by %q because %q",
				test.connect, test.subscribe, line, by, e.Reason, want, test.by, test.reason)
		}
	}
}

func TestExplainUMDUpdate(t *testing.T) {
	h := explainHandler(t, Options{})
	for _, test := range []struct {
		umd, channel, verdict, by string
	}{
		{`{"uid":"u","umdUpdate":true}`, "", "umdUpdate: yes", "the umd token"},
		{`{"uid":"u"}`, "", "umdUpdate: no (UMD_UPDATE_PERMISSION_DENIED)", "the umd token"},
		{`{"uid":"v","umdUpdate":true}`, "", "umdUpdate: no (INVALID_UMD_TOKEN)", ""},
		{`{"connectionId":"1","umdUpdate":true}`, "", "umdUpdate: yes", "the umd token"},
		{`{"uid":"u","channels":{"*":{"umdUpdate":true}}}`, "c", `umdUpdate on "c": yes, while subscribed`, `channels["*"] of the umd token`},
		{`{"uid":"u","channels":{"*":{"umdUpdate":true}}}`, "d", `umdUpdate on "d": no (NOT_SUBSCRIBED)`, ``},
		{`{"uid":"u","channels":{"*":{"umdUpdate":true},"c":{"umdUpdate":false}}}`, "c", `umdUpdate on "c": no (UMD_UPDATE_PERMISSION_DENIED)`, `channels["c"] of the umd token`},
	} {
		e := explain(t, h, ExplainRequest{
			Action: ActionUpdateUMD, Channel: test.channel, CommandClaims: claimsOf(t, test.umd),
			Claims: claimsOf(t, `{"uid":"u","channels":{"c":{"subscribe":true}}}`),
		})
		line, _, _ := strings.Cut(e.String(), "\n")
		by := ""
		if e.By != nil {
			by = e.By.String()
		}
		if line != test.verdict || by != test.by {
			t.Errorf("%s on %q: %s by %q, want %s by %q (%s)", test.umd, test.channel, line, by, test.verdict, test.by, e.Reason)
		}
	}
}

func TestExplainTokens(t *testing.T) {
	h := explainHandler(t, Options{Audience: "app"})
	now := time.Now()
	good := Claims{Scope: ScopeConnect, Expires: now.Add(time.Hour), Audience: []string{"app"}, UID: "u"}
	with := func(f func(c *Claims)) string {
		c := good
		f(&c)
		return tokenSign(t, c, tokenHS256)
	}
	for _, test := range []struct {
		token, command string
		code           Code
		reason         string
	}{
		{with(func(*Claims) {}), "", "", "the token is genuine and can be used until 2"},
		{with(func(c *Claims) { c.SingleUse = true }), "", "", ", once"},
		{with(func(c *Claims) {
			c.Channels = map[string]ChannelClaims{"b": {AutoSubscribe: Allow}, "a": {AutoSubscribe: Allow}}
		}), "", "", "and subscribes to a, b"},
		{"nonsense", "", CodeUnauthorized, "the connect token is not valid: not three parts"},
		{with(func(*Claims) {}) + "!", "", CodeUnauthorized, "the connect token is not valid: part 3 is not base64url"},
		{tokenSign(t, good, SigningKey{Algorithm: HS256, Secret: otherSecret}), "", CodeUnauthorized, "no key verifies the HS256 signature"},
		{with(func(c *Claims) { c.Expires = now.Add(-time.Minute) }), "", CodeUnauthorized, "expired at "},
		{with(func(c *Claims) { c.NotBefore = now.Add(time.Minute) }), "", CodeUnauthorized, "only from "},
		{with(func(c *Claims) { c.Audience = nil }), "", CodeUnauthorized, `aud does not have "app"`},
		{with(func(c *Claims) { c.Scope = ScopeSubscribe }), "", CodeUnauthorized, `scope is "subscribe", not "connect"`},
		{with(func(c *Claims) { c.Scope, c.ConnectionID = ScopeConnect|ScopeUMD, "1" }), "", CodeUnauthorized, "it has a connectionId"},
		{tokenRaw(`{"alg":"HS256"}`, `{"scope":"connect","exp":4000000000,"aud":"app","channels":{"#regex:(":{}}}`), "", CodeUnauthorized, `key "#regex:("`},
		{tokenRaw(`{"alg":"HS256"}`, `{"scope":"connect","exp":4000000000,"aud":"app","channels":{"c*":{"alias":"d"}}}`), "", CodeUnauthorized, `"c*": alias: not allowed on a pattern`},
		{with(func(*Claims) {}), "nonsense", CodeInvalidSubscribeToken, "the subscribe token is not valid: not three parts"},
		{with(func(*Claims) {}), with(func(c *Claims) { c.Scope, c.UID = ScopeSubscribe, "v" }), CodeInvalidSubscribeToken, "its uid is not the connection's"},
		{with(func(c *Claims) { c.UID = "" }), with(func(c *Claims) { c.Scope = ScopeSubscribe }), CodeInvalidSubscribeToken, "its uid is not the connection's"},
	} {
		q := ExplainRequest{Action: ActionConnect, Token: test.token}
		if test.command != "" {
			q = ExplainRequest{Action: ActionSubscribe, Channel: "c", Token: test.token, CommandToken: test.command}
		}
		e := explain(t, h, q)
		if e.Code != test.code || e.Allowed != (test.code == "") || !strings.Contains(e.Reason, test.reason) {
			t.Errorf("%s: %t %q %q, want %q %q", test.token, e.Allowed, e.Code, e.Reason, test.code, test.reason)
		}
		if strings.Contains(e.Reason, test.token) {
			t.Errorf("the reason has the token: %s", e.Reason)
		}
	}
	other := explain(t, h, ExplainRequest{
		Action: ActionSubscribe, Channel: "c", Claims: &Claims{}, ConnectionID: "1",
		CommandClaims: &Claims{ConnectionID: "2"},
	})
	if !strings.Contains(other.Reason, "its connectionId is another connection's") {
		t.Errorf("for another connection: %s", other)
	}
}

func TestExplainWithHostsOwnAuthentication(t *testing.T) {
	h := explainHandler(t, Options{Authenticate: func(*http.Request) (*Claims, error) { return new(Claims), nil }})
	e := explain(t, h, ExplainRequest{Action: ActionConnect, Token: tokenSign(t, Claims{}, tokenHS256)})
	if e.Allowed || !strings.Contains(e.Reason, "Options.Authenticate") {
		t.Errorf("with a token: %s", e)
	}
	e = explain(t, h, ExplainRequest{Action: ActionConnect, Claims: &Claims{ConnectionID: "ignored"}})
	if !e.Allowed {
		t.Errorf("with claims: %s", e)
	}
}

func TestExplainNames(t *testing.T) {
	h := explainHandler(t, Options{})
	for _, test := range []struct{ name, want string }{
		{"one", "room.1"}, {"two", "room.2"}, {"room.1", "room.1"}, {"other", "other"},
	} {
		e := explain(t, h, ExplainRequest{
			Action: ActionSubscribe, Channel: test.name,
			Claims:        claimsOf(t, `{"uid":"u","channels":{"room.1":{"alias":"one"}}}`),
			CommandClaims: claimsOf(t, `{"uid":"u","channels":{"room.2":{"alias":"two"}}}`),
		})
		if e.Channel != test.want {
			t.Errorf("%q is %q, want %q", test.name, e.Channel, test.want)
		}
	}
}

func TestExplainPresenceAndReactionsNeedAUser(t *testing.T) {
	h := explainHandler(t, Options{})
	claims := `{"channels":{"*":{"subscribe":true,"messages":{"*":{"publish":true,"react":true}}}}}`
	for _, q := range []ExplainRequest{
		{Action: ActionSubscribe, Channel: "presence.c"},
		{Action: ActionPublish, Channel: "presence.c", Event: "e"},
		{Action: ActionReact, Channel: "c", Event: "e", Reaction: "👍"},
	} {
		q.Claims = claimsOf(t, claims)
		e := explain(t, h, q)
		if e.Allowed || e.By != nil || !strings.Contains(e.Reason, "need a uid") {
			t.Errorf("without a uid: %s", e)
		}
		q.Claims.UID = "u"
		if e := explain(t, h, q); !e.Allowed {
			t.Errorf("with a uid: %s", e)
		}
	}
}

func TestExplainCallWithoutChannel(t *testing.T) {
	h := explainHandler(t, Options{})
	for _, test := range []struct{ claims, method, verdict, reason string }{
		{`{"calls":{"order.*":true}}`, "order.place", "call: yes", `calls is true under calls["order.*"] of the connect token`},
		{`{"calls":{"*":true,"order.place":false}}`, "order.place", "call: no (CALL_PERMISSION_DENIED)", `calls is false under calls["order.place"] of the connect token`},
		{`{"channels":{"*":{"calls":{"*":true}}}}`, "order.place", "call: no (CALL_PERMISSION_DENIED)", "no key matches"},
		{`{"calls":{"*":true}}`, "a b", "call: no (INVALID_REQUEST)", invalidMethod},
	} {
		e := explain(t, h, ExplainRequest{Action: ActionCall, Method: test.method, Claims: claimsOf(t, test.claims)})
		line, _, _ := strings.Cut(e.String(), "\n")
		if line != test.verdict || e.Reason != test.reason {
			t.Errorf("%s: %s because %s", test.claims, line, e.Reason)
		}
	}
}

func TestExplainRefusesIncompleteQuestions(t *testing.T) {
	h := explainHandler(t, Options{})
	c := new(Claims)
	for _, q := range []ExplainRequest{
		{},
		{Action: "dance", Claims: c},
		{Action: ActionConnect},
		{Action: ActionConnect, CommandClaims: c},
		{Action: ActionConnect, Claims: c, Token: "t"},
		{Action: ActionSubscribe, Claims: c},
		{Action: ActionSubscribe, Channel: "c"},
		{Action: ActionSubscribe, Claims: c, Channel: "with space"},
		{Action: ActionSubscribe, Claims: c, Channel: "c", CommandClaims: c, CommandToken: "t"},
		{Action: ActionPublish, Claims: c, Channel: "c"},
		{Action: ActionGet, Claims: c, Channel: "c", Event: "e"},
		{Action: ActionStore, Claims: c, Channel: "c"},
		{Action: ActionSchedule, Claims: c, Channel: "c", Event: "e", Key: "k"},
		{Action: ActionReact, Claims: c, Channel: "c", Event: "e", Reaction: " "},
		{Action: ActionUpdateUMD, Claims: c},
		{Action: ActionRefresh, Claims: c},
		{Action: ActionCall, Claims: c, Channel: "c"},
		{Action: ActionConnect, Claims: c, Granted: &ChannelClaims{}},
		{Action: ActionSubscribe, Claims: c, Channel: "c", Granted: &ChannelClaims{Alias: "#"}},
	} {
		_, err := h.Explain(t.Context(), q)
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != CodeInvalidRequest {
			t.Errorf("%+v: %v", q, err)
		}
	}
	failing := explainHandler(t, Options{KeyLookup: func(context.Context, string, string) ([]Key, error) {
		return nil, errors.New("down")
	}})
	_, err := failing.Explain(t.Context(), ExplainRequest{
		Action: ActionConnect, Token: tokenSign(t, Claims{}, SigningKey{Algorithm: HS256, Secret: otherSecret}),
	})
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != CodeUnavailable {
		t.Errorf("without an answer of the key lookup: %v", err)
	}
}

func TestExplanationAsText(t *testing.T) {
	h := explainHandler(t, Options{})
	e := explain(t, h, ExplainRequest{
		Action: ActionPublish, Channel: "room.1", Event: "chat",
		Claims: claimsOf(t, `{"channels":{
			"room.1":{"subscribe":true,"messages":{"chat":{"publish":true,"store":60}}},
			"room.*":{"messages":{"*":{"publish":false,"store":-1}}}}}`),
	})
	want := `publish on "room.1": no (PUBLISH_PERMISSION_DENIED)
publish is false under channels["room.*"].messages["*"] of the connect token
publish = false
	channels["room.1"].messages["chat"] of the connect token: true
	channels["room.*"].messages["*"] of the connect token: false, which counts
broadcast = false
	channels["room.1"].messages["chat"] of the connect token: nothing
	channels["room.*"].messages["*"] of the connect token: nothing
echo = false
	channels["room.1"].messages["chat"] of the connect token: nothing
	channels["room.*"].messages["*"] of the connect token: nothing
store = 60
	channels["room.1"].messages["chat"] of the connect token: 60, which counts
	channels["room.*"].messages["*"] of the connect token: -1
emitPubSubEvent = false
	channels["room.1"].messages["chat"] of the connect token: nothing
	channels["room.*"].messages["*"] of the connect token: nothing
`
	if diff := cmp.Diff(want, e.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
