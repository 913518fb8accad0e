package token

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDecodeClaims(t *testing.T) {
	channel := func(c ChannelClaims) Claims {
		return Claims{Channels: map[string]ChannelClaims{"c": c}}
	}
	message := func(m MessageClaims) Claims {
		return channel(ChannelClaims{Messages: map[string]MessageClaims{"e": m}})
	}
	for _, test := range []struct {
		text string
		want Claims
		why  string
	}{
		{`{}`, Claims{}, "nothing"},
		{` { "uid" : "u" } `, Claims{UID: "u"}, "white space"},
		{`{"uid":"\u00e9"}`, Claims{UID: "é"}, "escapes"},
		{`{"\u0075id":"u"}`, Claims{UID: "u"}, "escapes in names"},
		{`{"UID":"u","Uid":"v"}`, Claims{}, "names in the wrong case are unknown"},
		{`{"x":{"uid":"u"},"y":[1,{}],"z":null}`, Claims{}, "unknown members are ignored"},
		{`{"uid":null,"exp":null,"umd":null,"aud":null,"channels":null,"keepAlive":null,"scope":null,
		   "connectionId":null,"heartbeatTimeout":null}`, Claims{}, "null is absent"},
		{`{"exp":1.5}`, Claims{Expires: time.UnixMilli(1500)}, "fractions of seconds"},
		{`{"exp":1e9}`, Claims{Expires: time.Unix(1e9, 0)}, "exponents"},
		{`{"exp":1700000000.123456}`, Claims{Expires: time.UnixMicro(1700000000123456)}, "microseconds"},
		{`{"exp":1.000001}`, Claims{Expires: time.UnixMicro(1000001)}, "a microsecond that a float64 has not quite"},
		{`{"exp":253402300799}`, Claims{Expires: time.Unix(maxDate, 0)}, "the last second of 9999"},
		{`{"exp":0}`, Claims{Expires: time.Unix(0, 0)}, "the first second is not the absence of a time"},
		{`{"aud":"a"}`, Claims{Audience: []string{"a"}}, "one audience"},
		{`{"aud":["a","b"]}`, Claims{Audience: []string{"a", "b"}}, "several audiences"},
		{`{"aud":[]}`, Claims{Audience: []string{}}, "no audience"},
		{`{"umd":{"a": 1.0, "b":[ ]}}`, Claims{UMD: json.RawMessage(`{"a": 1.0, "b":[ ]}`)}, "metadata as it stands"},
		{`{"umd":false}`, Claims{UMD: json.RawMessage(`false`)}, "metadata can be anything"},
		{`{"heartbeatTimeout":5}`, Claims{HeartbeatTimeout: 5 * time.Second}, "the least"},
		{`{"heartbeatTimeout":6e2}`, Claims{HeartbeatTimeout: 600 * time.Second}, "the most"},
		{`{"keepAlive":false,"singleUse":false}`, Claims{}, "false"},
		{`{"channels":{"c":{"subscribe":false}}}`, channel(ChannelClaims{Subscribe: Deny}), "false is not absent"},
		{`{"channels":{"c":{"subscribe":null}}}`, channel(ChannelClaims{}), "null is"},
		{`{"channels":{"c":null}}`, channel(ChannelClaims{}), "a key without directives is still a key"},
		{`{"channels":{"c":{"messages":{"e":{"store":3155695200}}}}}`, message(MessageClaims{Store: 3155695200 * time.Second}), "the longest store"},
		{`{"channels":{"c":{"messages":{"e":{"store":-1}}}}}`, message(MessageClaims{Store: Forever}), "for ever"},
		{`{"channels":{"c":{"messages":{"e":{"store":60.0}}}}}`, message(MessageClaims{Store: time.Minute}), "a whole number may have a fraction of zero"},
		{`{"channels":{"c":{"messages":{"e":{"react":[]}}}}}`, message(MessageClaims{Reactions: []string{}}), "no reactions"},
		{`{"channels":{"c":{"messages":{"e":{"react":null}}}}}`, message(MessageClaims{}), "react is absent"},
	} {
		var got Claims
		if err := decodeClaims([]byte(test.text), &got); err != nil {
			t.Errorf("%s (%s): %v", test.text, test.why, err)
			continue
		}
		if diff := cmp.Diff(test.want, got, cmpopts.EquateApproxTime(0)); diff != "" {
			t.Errorf("%s (%s) (-want +got):\n%s", test.text, test.why, diff)
		}
	}
}

func TestDecodeClaimsRefuses(t *testing.T) {
	for _, test := range []struct{ text, want, why string }{
		{``, "EOF", "nothing"},
		{`null`, "must be an object, not null", "no claims at all"},
		{`[]`, "must be an object, not an array", "no object"},
		{`{}{}`, "nothing else", "two objects"},
		{`{} x`, "nothing else", "something after the object"},
		{`{"uid":"u"`, "EOF", "cut short"},
		{`{"uid":"u","uid":"v"}`, "duplicate", "which one would count?"},
		{`{"uid":"u","u\u0069d":"v"}`, "duplicate", "equal once read"},
		{`{"x":{"a":1,"a":2}}`, "duplicate", "even where nobody looks"},
		{`{"channels":{"c":{},"c":{"subscribe":true}}}`, "duplicate", "equal channel keys"},
		{"{\"uid\":\"\xff\"}", "UTF-8", "not UTF-8"},
		{`{"uid":"\ud800"}`, "surrogate", "half a character"},
		{`{"uid":7}`, "/uid: must be a string, not a number", "wrong type"},
		{`{"scope":["connect"]}`, "/scope: must be a string, not an array", "wrong type"},
		{`{"jti":true}`, "/jti: must be a string, not a boolean", "wrong type"},
		{`{"exp":"1700000000"}`, "/exp: must be a number, not a string", "wrong type"},
		{`{"exp":"NaN"}`, "/exp: must be a number, not a string", "wrong type"},
		{`{"exp":-1}`, "/exp: must be from 0", "before 1970"},
		{`{"exp":253402300800}`, "/exp: must be from 0", "after 9999"},
		{`{"exp":1e999}`, "/exp: must be from 0", "beyond what is a number"},
		{`{"singleUse":1}`, "/singleUse: must be a boolean, not a number", "wrong type"},
		{`{"singleUse":"true"}`, "/singleUse: must be a boolean, not a string", "wrong type"},
		{`{"aud":{}}`, "/aud: must be a string or an array, not an object", "wrong type"},
		{`{"aud":[1]}`, "/aud/0: must be a string, not a number", "wrong type within"},
		{`{"aud":["a",null]}`, "/aud/1: must be a string, not null", "a null is not a string"},
		{`{"connectionId":""}`, "/connectionId: must not be empty", "would bind the token to nothing"},
		{`{"heartbeatTimeout":4}`, "/heartbeatTimeout: must be from 5 to 600", "too short"},
		{`{"heartbeatTimeout":601}`, "/heartbeatTimeout: must be from 5 to 600", "too long"},
		{`{"heartbeatTimeout":0}`, "/heartbeatTimeout: must be from 5 to 600", "zero is not absent"},
		{`{"heartbeatTimeout":5.5}`, "whole number", "not an integer"},
		{`{"channels":[]}`, "/channels: must be an object, not an array", "wrong type"},
		{`{"channels":{"c":true}}`, "/channels/c: must be an object, not a boolean", "wrong type"},
		{`{"channels":{"a/b":{"subscribe":"yes"}}}`, "/channels/a~1b/subscribe: must be a boolean", "the place is named"},
		{`{"channels":{"c":{"alias":""}}}`, "/channels/c/alias: must not be empty", "not a channel name"},
		{`{"channels":{"c":{"messages":{"e":{"store":-2}}}}}`, "store: must be from -1 to 3155695200", "too small"},
		{`{"channels":{"c":{"messages":{"e":{"store":3155695201}}}}}`, "store: must be from -1", "too large"},
		{`{"channels":{"c":{"messages":{"e":{"store":0.5}}}}}`, "whole number", "not an integer"},
		{`{"channels":{"c":{"messages":{"e":{"react":"👍"}}}}}`, "react: must be a boolean, not a string", "neither boolean nor array"},
		{`{"channels":{"c":{"messages":{"e":{"react":[true]}}}}}`, "react/0: must be a string", "wrong type within"},
		{`{"channels":{"c":{"storage":{"k":{"get":0}}}}}`, "get: must be a boolean", "wrong type"},
		{`{"channels":{"c":{"Subscribe":false}}}`, "/channels/c/Subscribe: must be written subscribe", "a denial that would be ignored"},
		{`{"channels":{"c":{"messages":{"e":{"PUBLISH":false}}}}}`, "PUBLISH: must be written publish", "and another"},
		{`{"channels":{"c":{"storage":{"k":{"Set":false}}}}}`, "Set: must be written set", "and a third"},
		{`{"x":` + strings.Repeat("[", 20_000), "depth", "nested too deep"},
	} {
		c := Claims{UID: "untouched"}
		if err := json.Unmarshal([]byte(test.text), &c); err == nil || c.UID != "untouched" {
			t.Errorf("Unmarshal of %.60s: error %v, uid %q: %s", test.text, err, c.UID, test.why)
		}
		if err := decodeClaims([]byte(test.text), &c); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60s (%s): error %v, want one with %q", test.text, test.why, err, test.want)
		}
	}
}

// What is written in another case is told from what is unknown by a list.
func TestPermissionNames(t *testing.T) {
	var token struct {
		Channels map[string]map[string]any `json:"channels"`
	}
	text, err := json.Marshal(claimsAll())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &token); err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	note := func(members map[string]any) {
		for name := range members {
			names[name] = true
		}
	}
	for _, channel := range token.Channels {
		note(channel)
		for _, kind := range []string{"messages", "storage"} {
			keys, _ := channel[kind].(map[string]any)
			for _, key := range keys {
				note(key.(map[string]any))
			}
		}
	}
	want := slices.Sorted(maps.Keys(names))
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(permissionNames))); diff != "" {
		t.Errorf("permissionNames (-claims +list):\n%s", diff)
	}
}

// Every known member is refused with a value of every wrong type.
func TestDecodeClaimsTypes(t *testing.T) {
	const str, boolean, number, object, array = `"connect"`, `true`, `30`, `{}`, `[]`
	all := []string{str, boolean, number, object, array}
	within := map[string]string{
		"":               `{%s}`,
		"/channel":       `{"channels":{"c":{%s}}}`,
		"/calls":         `{"calls":{%s}}`,
		"/channel/calls": `{"channels":{"c":{"calls":{%s}}}}`,
		"/messages":      `{"channels":{"c":{"messages":{"e":{%s}}}}}`,
		"/storage":       `{"channels":{"c":{"storage":{"k":{%s}}}}}`,
	}
	for _, test := range []struct {
		where string
		names string
		types []string
	}{
		{"", "scope jti iss uid connectionId", []string{str}},
		{"", "exp nbf iat heartbeatTimeout", []string{number}},
		{"", "singleUse keepAlive umdUpdate umdPropagate", []string{boolean}},
		{"", "aud", []string{str, array}},
		{"", "umd", all},
		{"", "channels calls", []string{object}},
		{"", "unknown", all},
		{"/channel", "subscribe autoSubscribe getInfo omitFromSubCount umdUpdate", []string{boolean}},
		{"/channel", "alias", []string{str}},
		{"/channel", "historyStart", []string{number}},
		{"/channel", "messages storage calls", []string{object}},
		{"/calls", "anything", []string{boolean}},
		{"/channel/calls", "anything", []string{boolean}},
		{"/channel", "unknown", all},
		{"/messages", "publish broadcast echo emitPubSubEvent", []string{boolean}},
		{"/messages", "store scheduleBefore", []string{number}},
		{"/messages", "react", []string{boolean, array}},
		{"/messages", "update delete", []string{boolean}}, // and "own", which no other string is
		{"/messages", "unknown", all},
		{"/storage", "get set observe emitPubSubEvent", []string{boolean}},
		{"/storage", "store scheduleBefore", []string{number}},
		{"/storage", "unknown", all},
	} {
		for name := range strings.FieldsSeq(test.names) {
			for _, value := range all {
				text := fmt.Sprintf(within[test.where], fmt.Sprintf("%q:%s", name, value))
				want := false
				for _, v := range test.types {
					want = want || v == value
				}
				var c Claims
				err := decodeClaims([]byte(text), &c)
				if (err == nil) != want {
					t.Errorf("%s: error %v, want success %t", text, err, want)
				}
				if err != nil && !strings.Contains(err.Error(), "/"+name+": must be ") {
					t.Errorf("%s: error %q does not say where", text, err)
				}
			}
		}
	}
}

func FuzzDecodeClaims(f *testing.F) {
	f.Add([]byte(claimsAllJSON))
	f.Add([]byte(`{"exp":1.5,"aud":"a","umd":null,"channels":{"c":null,"d":{"messages":{},"storage":{"k":{"store":-1}}}}}`))
	f.Add([]byte(`{"umd": { "\u0061" : [ "\u0061\/", 1.0 ] } }`))
	f.Add([]byte(`{"uid":"\ud83d\ude00","uid":"v"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Claims
		if decodeClaims(text, &c) != nil {
			return
		}
		// What is strict JSON is JSON.
		if !json.Valid(text) {
			t.Errorf("accepts %q, which is not JSON", text)
		}
		again, err := c.MarshalJSON()
		if err != nil {
			t.Fatalf("%q was read but cannot be written: %v", text, err)
		}
		var back Claims
		if err := decodeClaims(again, &back); err != nil {
			t.Fatalf("%q was written but cannot be read: %v", again, err)
		}
		// Metadata are written without white space.
		if c.UMD != nil {
			v := jsontext.Value(c.UMD)
			if err := v.Compact(); err != nil {
				t.Fatal(err)
			}
			c.UMD = json.RawMessage(v)
		}
		if diff := cmp.Diff(c, back); diff != "" {
			t.Errorf("%q changes when written and read again (-want +got):\n%s", text, diff)
		}
	})
}
