package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeSubscribe(t *testing.T) {
	tests := []struct {
		why, data string
		want      Subscribe
	}{
		{"no data", ``, Subscribe{}},
		{"null for no data", `null`, Subscribe{}},
		{"empty data", `{}`, Subscribe{}},
		{"a token", `{"token":"t"}`, Subscribe{Token: "t"}},
		{"a null token is none", `{"token":null}`, Subscribe{}},
		{"a message", `{"after":"` + idA.String() + `"}`, Subscribe{CatchUp: true, After: idA}},
		{"the id in lower case", `{"after":"` + strings.ToLower(idA.String()) + `"}`, Subscribe{CatchUp: true, After: idA}},
		{"changes of members", `{"presence":"changes"}`, Subscribe{MemberChanges: true}},
		{"null for lists of members", `{"presence":null}`, Subscribe{}},
		{"null is not absent", `{"after":null}`, Subscribe{CatchUp: true}},
		{"the empty string is as null", `{"after":""}`, Subscribe{CatchUp: true}},
		{"a rewind", `{"rewind":1}`, Subscribe{Rewind: Rewind{Messages: 1}}},
		{"the longest rewind", `{"rewind":1000}`, Subscribe{Rewind: Rewind{Messages: MaxRewind}}},
		{"a rewind of some time", `{"rewind":{"seconds":120}}`, Subscribe{Rewind: Rewind{Seconds: 120}}},
		{"unknown members of a rewind", `{"rewind":{"minutes":1,"seconds":1}}`, Subscribe{Rewind: Rewind{Seconds: 1}}},
		{"a null rewind is none", `{"rewind":null}`, Subscribe{}},
		{"both", `{"after":"` + idA.String() + `","token":"t"}`, Subscribe{Token: "t", CatchUp: true, After: idA}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := DecodeSubscribe([]byte(tt.data))
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestDecodeReaction(t *testing.T) {
	id := idA.String()
	tests := []struct {
		why, data string
		want      Reaction
	}{
		{"added", `{"messageId":"` + id + `","reaction":"👍","action":"add"}`, Reaction{idA, "👍", false}},
		{"removed", `{"action":"remove","messageId":"` + id + `","reaction":"+1"}`, Reaction{idA, "+1", true}},
		{"in its normal form", `{"messageId":"` + id + `","reaction":"👍️","action":"add"}`, Reaction{idA, "👍", false}},
		{
			"an escaped one is the same", `{"messageId":"` + id + `","reaction":"\ud83d\udc4d","action":"add"}`,
			Reaction{idA, "👍", false},
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := DecodeReaction([]byte(tt.data))
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestDecodeDataErrors(t *testing.T) {
	subscribe := func(data []byte) error { _, err := DecodeSubscribe(data); return err }
	reaction := func(data []byte) error { _, err := DecodeReaction(data); return err }
	umd := func(data []byte) error { _, err := DecodeToken(data); return err }
	const reactionRule = `"data.reaction" must be 1 to 100 bytes with something visible, without control characters, and "#" only as a keycap emoji`
	tests := []struct {
		why     string
		decode  func([]byte) error
		data    string
		message string
	}{
		{"data of the wrong type", subscribe, `"token"`, `"data" must be an object`},
		{"an array", subscribe, `[]`, `"data" must be an object`},
		{"a rewind of nothing", subscribe, `{"rewind":0}`, `"data.rewind" must be an integer from 1 to 1000`},
		{"a negative rewind", subscribe, `{"rewind":-1}`, `"data.rewind" must be an integer from 1 to 1000`},
		{"half a message", subscribe, `{"rewind":1.5}`, `"data.rewind" must be an integer from 1 to 1000`},
		{"an exponent", subscribe, `{"rewind":1e2}`, `"data.rewind" must be an integer from 1 to 1000`},
		{"one too many", subscribe, `{"rewind":1001}`, `"data.rewind" must be an integer from 1 to 1000`},
		{"what overflows", subscribe, `{"rewind":18446744073709551617}`, `"data.rewind" must be an integer from 1 to 1000`},
		{"a rewind in words", subscribe, `{"rewind":"50"}`, `"data.rewind" must be a number of messages, or {"seconds":120}`},
		{"a list", subscribe, `{"rewind":[50]}`, `"data.rewind" must be a number of messages, or {"seconds":120}`},
		{"true", subscribe, `{"rewind":true}`, `"data.rewind" must be a number of messages, or {"seconds":120}`},
		{"a rewind of no time", subscribe, `{"rewind":{}}`, `"data.rewind.seconds" is required`},
		{"null seconds", subscribe, `{"rewind":{"seconds":null}}`, `"data.rewind.seconds" is required`},
		{"no seconds", subscribe, `{"rewind":{"seconds":0}}`, `"data.rewind.seconds" must be an integer from 1 to 3155695200`},
		{"parts of seconds", subscribe, `{"rewind":{"seconds":0.5}}`, `"data.rewind.seconds" must be an integer from 1 to 3155695200`},
		{"more than a hundred years", subscribe, `{"rewind":{"seconds":3155695201}}`, `"data.rewind.seconds" must be an integer from 1 to 3155695200`},
		{"seconds in words", subscribe, `{"rewind":{"seconds":"120"}}`, `"data.rewind.seconds" must be a number`},
		{"a number for a token", subscribe, `{"token":1}`, `"data.token" must be a string`},
		{"a number for an id", subscribe, `{"after":1}`, `"data.after" must be a string`},
		{"no id", subscribe, `{"after":"yesterday"}`, `"data.after" must be the id of a message`},
		{"an id too short", subscribe, `{"after":"01JA3HVNF6E89HDT1ABRFWJ8C"}`, `"data.after" must be the id of a message`},
		{"an id with a letter that has no place there", subscribe, `{"after":"01JA3HVNF6E89HDT1ABRFWJ8CU"}`, `"data.after" must be the id of a message`},
		{"an id that overflows", subscribe, `{"after":"80000000000000000000000000"}`, `"data.after" must be the id of a message`},
		{"the zero id, which looks like none", subscribe, `{"after":"00000000000000000000000000"}`, `"data.after" must be the id of a message`},

		{"no data for a reaction", reaction, ``, `"data.messageId" is required`},
		{"no message", reaction, `{"reaction":"👍","action":"add"}`, `"data.messageId" is required`},
		{"no reaction", reaction, `{"messageId":"` + idA.String() + `","action":"add"}`, `"data.reaction" is required`},
		{"no action", reaction, `{"messageId":"` + idA.String() + `","reaction":"👍"}`, `"data.action" is required`},
		{"another action", reaction, `{"action":"toggle"}`, `"data.action" must be "add" or "remove"`},
		{"an action in another case", reaction, `{"action":"Add"}`, `"data.action" must be "add" or "remove"`},
		{"an action of another type", reaction, `{"action":true}`, `"data.action" must be a string`},
		{"a blank reaction", reaction, `{"reaction":" "}`, reactionRule},
		{"a long reaction", reaction, `{"reaction":"` + strings.Repeat("a", 101) + `"}`, reactionRule},

		{"no token", umd, `{}`, `"data.token" is required`},
		{"an empty token", umd, `{"token":""}`, `"data.token" is required`},
		{"a token of another type", umd, `{"token":{}}`, `"data.token" must be a string`},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			err := tt.decode([]byte(tt.data))
			if diff := cmp.Diff(error(invalid(tt.message)), err); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeToken(t *testing.T) {
	if got, err := DecodeToken([]byte(`{"x":1,"token":"t"}`)); got != "t" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
