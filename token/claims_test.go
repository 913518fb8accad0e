package token

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// claimsAll has every claim and directive of the protocol.
func claimsAll() Claims {
	return Claims{
		Scope:            ScopeConnect | ScopeUMD,
		Expires:          time.Unix(1700000000, 0).UTC(),
		NotBefore:        time.Unix(1600000000, 250_000_000).UTC(),
		IssuedAt:         time.Unix(1600000000, 0).UTC(),
		ID:               "01",
		Audience:         []string{"chat", "ops"},
		Issuer:           "us",
		UID:              "Jim",
		UMD:              json.RawMessage(`{"name":"Jim","big":9007199254740993}`),
		ConnectionID:     "c1",
		SingleUse:        true,
		KeepAlive:        true,
		HeartbeatTimeout: 30 * time.Second,
		UMDUpdate:        true,
		UMDPropagate:     true,
		Channels: map[string]ChannelClaims{
			"room.1": {
				Subscribe:        Allow,
				AutoSubscribe:    Allow,
				Alias:            "room",
				GetInfo:          Deny,
				HistoryStart:     time.Unix(0, 0).UTC(),
				OmitFromSubCount: Allow,
				UMDUpdate:        Allow,
				Messages: map[string]MessageClaims{
					"chat": {
						Publish: Allow, Broadcast: Deny, Echo: Allow, Store: 24 * time.Hour,
						ScheduleBefore:  time.Unix(1800000000, 0).UTC(),
						EmitPubSubEvent: Allow, Reactions: []string{"👍", "👎"},
					},
					"#regex:^x": {React: Allow, Store: Forever, Update: Own, Delete: Allow, Stop: Own},
					"y*":        {React: Deny, Store: Never, Update: Deny, Delete: Own},
				},
				Storage: map[string]StorageClaims{
					"k": {
						Get: Allow, Set: Deny, Observe: Allow, Store: time.Hour,
						ScheduleBefore: time.Unix(1800000000, 0).UTC(), EmitPubSubEvent: Allow,
					},
				},
				Calls: map[string]Permission{"typing": Allow},
			},
			"*": {},
		},
		Calls: map[string]Permission{"order.*": Allow, "ping": Deny},
	}
}

const claimsAllJSON = `{"scope":"connect umd","exp":1700000000,"nbf":1600000000.25,"iat":1600000000,"jti":"01",` +
	`"aud":["chat","ops"],"iss":"us","uid":"Jim","umd":{"name":"Jim","big":9007199254740993},"connectionId":"c1",` +
	`"singleUse":true,"keepAlive":true,"heartbeatTimeout":30,"umdUpdate":true,"umdPropagate":true,"channels":{` +
	`"*":{},` +
	`"room.1":{"subscribe":true,"autoSubscribe":true,"alias":"room","getInfo":false,"historyStart":0,` +
	`"omitFromSubCount":true,"umdUpdate":true,` +
	`"messages":{"#regex:^x":{"store":-1,"react":true,"update":"own","delete":true,"stop":"own"},` +
	`"chat":{"publish":true,"broadcast":false,"echo":true,"store":86400,"scheduleBefore":1800000000,` +
	`"emitPubSubEvent":true,"react":["👍","👎"]},"y*":{"store":0,"react":false,"update":false,"delete":"own"}},` +
	`"storage":{"k":{"get":true,"set":false,"observe":true,"store":3600,"scheduleBefore":1800000000,"emitPubSubEvent":true}},"calls":{"typing":true}}},"calls":{"order.*":true,"ping":false}}`

func TestClaimsJSON(t *testing.T) {
	got, err := json.Marshal(claimsAll())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(claimsAllJSON, string(got)); diff != "" {
		t.Errorf("Marshal (-want +got):\n%s", diff)
	}
	back := Claims{UID: "of before", KeepAlive: true}
	if err := json.Unmarshal([]byte(claimsAllJSON), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(claimsAll(), back); diff != "" {
		t.Errorf("Unmarshal (-want +got):\n%s", diff)
	}
}

func TestClaimsUnmarshalKeepsNothing(t *testing.T) {
	var c Claims
	text := []byte(`{"uid":"u","umd":{"a":1}}`)
	if err := c.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	clear(text)
	if c.UID != "u" || string(c.UMD) != `{"a":1}` {
		t.Errorf("the claims change with the text: %+v", c)
	}
}

func TestClaimsMarshalNothing(t *testing.T) {
	got, err := json.Marshal(Claims{})
	if err != nil || string(got) != "{}" {
		t.Errorf("the zero Claims marshal to %s, %v, want {}", got, err)
	}
}

func TestClaimsMarshalRefuses(t *testing.T) {
	message := func(m MessageClaims) Claims {
		return Claims{Channels: map[string]ChannelClaims{"c": {Messages: map[string]MessageClaims{"e": m}}}}
	}
	for _, test := range []struct {
		claims    Claims
		want, why string
	}{
		{Claims{UID: "\xff"}, "UTF-8", "would become another user"},
		{Claims{UMD: json.RawMessage(`{"a":1,"a":2}`)}, "duplicate", "would be refused when verified"},
		{Claims{UMD: json.RawMessage(`{`)}, "umd", "is not JSON"},
		{Claims{HeartbeatTimeout: 5500 * time.Millisecond}, "heartbeatTimeout", "not in seconds"},
		{message(MessageClaims{Store: time.Millisecond}), "store", "not in seconds"},
		{message(MessageClaims{Store: -time.Second}), "store", "would mean for ever"},
		{message(MessageClaims{React: Deny, Reactions: []string{"a"}}), "react", "cannot be both"},
		{Claims{Expires: time.Unix(-1, 0)}, "exp", "before 1970"},
		{Claims{Expires: time.Unix(maxDate+1, 0)}, "exp", "after 9999"},
	} {
		if got, err := json.Marshal(test.claims); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Marshal gives %s, error %v, want an error with %q: %s", got, err, test.want, test.why)
		}
	}
}

func TestScope(t *testing.T) {
	for _, test := range []struct {
		text  string
		scope Scope
		again string
		why   string
	}{
		{"connect", ScopeConnect, "connect", "one"},
		{"umd connect subscribe", ScopeConnect | ScopeSubscribe | ScopeUMD, "connect subscribe umd", "all, in any order"},
		{"  connect\tconnect ", ScopeConnect, "connect", "spaces and repetition do no harm"},
		{"openid subscribe", ScopeSubscribe, "subscribe", "words of others are ignored"},
		{"Connect connected", 0, "", "case and whole words count"},
		{"connect,umd", 0, "", "not separated by spaces"},
		{"", 0, "", "none"},
	} {
		got := parseScope(test.text)
		if got != test.scope || got.String() != test.again {
			t.Errorf("%q is %d %q, want %d %q: %s", test.text, got, got, test.scope, test.again, test.why)
		}
	}
}
