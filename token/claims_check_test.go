package token

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func validatePayload(payload string) error {
	var c Claims
	if err := decodeClaims([]byte(payload), &c); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return err
	}
	return c.checkPatterns()
}

func TestValidateAccepts(t *testing.T) {
	for _, test := range []struct{ payload, why string }{
		{`{}`, "claims of a host's own authentication need no scope and no exp"},
		{`{"uid":"` + strings.Repeat("é", 128) + `"}`, "128 characters, though 256 bytes"},
		{`{"umd":"` + strings.Repeat("x", 1022) + `"}`, "1 KiB of metadata"},
		{`{"umd":[` + strings.Repeat(" ", 2000) + `]}`, "white space in metadata does not count"},
		{`{"umd":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "64 levels"},
		{`{"singleUse":true,"jti":"1","exp":1}`, "single use with an id"},
		{`{"channels":{"a":{"alias":"b"},"c":{"alias":"d"},"b*":{}}}`, "an alias may match a pattern"},
		{`{"channels":{"a*":{"autoSubscribe":null,"alias":null}}}`, "null is absent on patterns too"},
		{`{"channels":{"` + strings.Repeat("x", 256) + `*":{}}}`, "a wildcard takes the empty run too"},
		{`{"channels":{"#regex:^a b$":{}}}`, "an expression that no name matches"},
		{`{"channels":{"c":{"messages":{"a b, c":{},"*hotsock.x":{},"x#*":{}}}}}`, "events may have spaces, and those characters further on"},
		{`{"channels":{"c":{"messages":{"hotsock.x":{},"hotsock.*":{}}}}}`, "nobody can publish these anyway"},
		{`{"channels":{"c":{"messages":{"e":{"store":0}}}}}`, "messages that are not kept"},
		{`{"channels":{"c":{"storage":{"k":{"store":1}},"messages":{}}}}`, "entries kept for a second"},
	} {
		if err := validatePayload(test.payload); err != nil {
			t.Errorf("%.60s (%s): %v", test.payload, test.why, err)
		}
	}
}

// What a token is refused for as a whole.
func TestValidateRefuses(t *testing.T) {
	keys := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"k%d":{}`, i))
		}
		return strings.Join(list, ",")
	}
	for _, test := range []struct{ payload, want, why string }{
		{`{"uid":"` + strings.Repeat("x", 129) + `"}`, "uid: must not be longer than 128 characters", "oversized uid"},
		{`{"umd":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, "umd: must not be nested deeper", "would trip up clients"},
		{`{"singleUse":true}`, "singleUse: needs a jti", "one use of which token?"},
		{`{"singleUse":true,"jti":"1"}`, "singleUse: needs an exp", "until when must it be remembered?"},
		{`{"channels":{"a*":{"alias":"b"}}}`, `channels: "a*": alias: not allowed on a pattern`, "an alias of what?"},
		{`{"channels":{"#regex:a":{"alias":"b"}}}`, "alias: not allowed on a pattern", "an alias of what?"},
		{`{"channels":{"a*":{"autoSubscribe":true}}}`, "autoSubscribe: not allowed on a pattern", "subscribe to what?"},
		{`{"channels":{"*":{"autoSubscribe":false}}}`, "autoSubscribe: not allowed on a pattern", "false is not absent"},
		{`{"channels":{"#regex:a":{"autoSubscribe":true}}}`, "autoSubscribe: not allowed on a pattern", "subscribe to what?"},
		{`{"channels":{"a":{"alias":"x"},"b":{"alias":"x"}}}`, "alias: is another channel's too", "alias clash"},
		{`{"channels":{"a":{"alias":"b"},"b":{}}}`, "alias: is a channel key too", "alias clash with a channel"},
		{`{"channels":{"a":{"alias":"a"}}}`, "alias: is a channel key too", "alias clash with its own channel"},
		{`{"channels":{"a":{"alias":"b*"}}}`, "alias: must be a channel name", "a pattern"},
		{`{"channels":{"a":{"alias":"b c"}}}`, "alias: must be a channel name", "white space"},
		{`{"channels":{"a":{"alias":"` + strings.Repeat("x", 257) + `"}}}`, "alias: must be a channel name", "too long"},
		{`{"channels":{"c":{"storage":{"k":{"store":0}}}}}`, `storage: "k": store: must be -1, or from 1 to`, "kept for no time"},
		{`{"channels":{` + keys(1001) + `}}`, "channels: more than 1000 keys", "too many"},
		{`{"channels":{"c":{"messages":{` + keys(1001) + `}}}}`, "messages: more than 1000 keys", "too many"},
		{`{"calls":{` + strings.ReplaceAll(keys(1001), "{}", "true") + `}}`, "calls: more than 1000 keys", "too many"},
		{`{"calls":{"a b":true}}`, `calls: "a b": is neither`, "a method that cannot be"},
		{`{"channels":{"c":{"calls":{"#Regex:x":false}}}}`, `calls: "#Regex:x": is neither`, "a key of no kind"},
		{`{"channels":{"c":{"storage":{` + keys(1001) + `}}}}`, "storage: more than 1000 keys", "too many"},
	} {
		if err := validatePayload(test.payload); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.80s (%s): error %v, want one with %q", test.payload, test.why, err, test.want)
		}
	}
}

// A host can make claims that no token can carry.
func TestValidateRefusesOfHosts(t *testing.T) {
	message := func(m MessageClaims) Claims {
		return Claims{Channels: map[string]ChannelClaims{"c": {Messages: map[string]MessageClaims{"e": m}}}}
	}
	entry := func(s StorageClaims) Claims {
		return Claims{Channels: map[string]ChannelClaims{"c": {Storage: map[string]StorageClaims{"k": s}}}}
	}
	for _, test := range []struct {
		claims Claims
		want   string
	}{
		{Claims{UID: "a\xff"}, "uid: must be UTF-8"},
		{Claims{UMD: json.RawMessage(`{`)}, "umd"},
		{Claims{UMD: json.RawMessage(` `)}, "umd"},
		{Claims{UMD: json.RawMessage(`1 2`)}, "umd: must be one JSON value"},
		{Claims{UMD: json.RawMessage(`{"a":1,"a":2}`)}, "duplicate"},
		{Claims{UMD: json.RawMessage("\"\xff\"")}, "UTF-8"},
		{Claims{HeartbeatTimeout: 4 * time.Second}, "heartbeatTimeout: must be from 5s to 10m0s"},
		{Claims{HeartbeatTimeout: 601 * time.Second}, "heartbeatTimeout"},
		{Claims{HeartbeatTimeout: -time.Second}, "heartbeatTimeout"},
		{Claims{HeartbeatTimeout: 5*time.Second + 1}, "heartbeatTimeout"},
		{message(MessageClaims{Store: -time.Second}), `messages: "e": store: must be -1, or from 0 to 3155695200`},
		{message(MessageClaims{Store: time.Millisecond}), "store"},
		{message(MessageClaims{Store: 3155695201 * time.Second}), "store"},
		{message(MessageClaims{React: Allow, Reactions: []string{}}), "react: both"},
		{message(MessageClaims{Publish: Own}), `messages: "e": only update, delete and stop can be Own`},
		{message(MessageClaims{React: Own, Update: Own}), "can be Own"},
		{entry(StorageClaims{Get: Own}), "can be Own"},
		{Claims{Channels: map[string]ChannelClaims{"c": {Subscribe: Own}}}, "can be Own"},
		{Claims{Calls: map[string]Permission{"m": Own}}, `calls: "m": only update, delete and stop can be Own`},
		{entry(StorageClaims{Store: Never}), "store"},
		{entry(StorageClaims{Store: 1500 * time.Millisecond}), "store"},
	} {
		if err := test.claims.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want one with %q", test.claims, err, test.want)
		}
	}
}

// A key that can match nothing denies nothing, though its author meant it to.
func TestValidateRefusesKeysThatMatchNothing(t *testing.T) {
	const channel, event, key = `{"channels":{%q:{}}}`, `{"channels":{"c":{"messages":{%q:{}}}}}`, `{"channels":{"c":{"storage":{%q:{}}}}}`
	for _, test := range []struct {
		key    string
		places []string
		why    string
	}{
		{"#Regex:^secret", []string{channel, event, key}, "the prefix in another case"},
		{"#Regex:^secret.*", []string{channel, event, key}, "the same, which looks like a wildcard"},
		{"#REGEX:a", []string{channel, event, key}, "the prefix in another case"},
		{"#regexp:a", []string{channel, event, key}, "another prefix"},
		{"#regex", []string{channel, event, key}, "no colon"},
		{" #regex:a", []string{channel, key}, "a space before"},
		{"", []string{channel, event, key}, "empty"},
		{"a b", []string{channel, key}, "a space"},
		{"a, b*", []string{channel, key}, "two keys in one"},
		{"a\\u0000", []string{channel, event, key}, "a control character"},
		{"a*\\n", []string{channel, event, key}, "a line end beside a wildcard"},
		{strings.Repeat("x", 129), []string{event, key}, "too long for an event and a storage key"},
		{strings.Repeat("x", 257) + "*", []string{channel}, "too long whatever the wildcard takes"},
	} {
		for _, place := range test.places {
			payload := strings.Replace(place, "%q", `"`+test.key+`"`, 1)
			if err := validatePayload(payload); err == nil || !strings.Contains(err.Error(), "is neither a name, nor a pattern") {
				t.Errorf("%.60s (%s): error %v", payload, test.why, err)
			}
		}
	}
}

func TestValidateErrorIsTheSameEachTime(t *testing.T) {
	const payload = `{"channels":{"z*":{"alias":"x"},"y*":{"alias":"x"},"a*":{"alias":"x"},"m":{"alias":"z*"}}}`
	for range 20 {
		if err := validatePayload(payload); err == nil || !strings.Contains(err.Error(), `"a*"`) {
			t.Fatalf("error %v, want that of the first key", err)
		}
	}
}
