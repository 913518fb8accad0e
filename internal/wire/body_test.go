package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

func TestBodyErrors(t *testing.T) {
	const json, request, large = CodeInvalidJSON, CodeInvalidRequest, CodePayloadTooLarge
	id := idA.String()
	tests := []struct{ operation, why, body, code, message string }{
		{"publishMessage", "no event", `{"channel":"c"}`, request, `"event" is required`},
		{"publishMessage", "a string for true", `{"channel":"c","event":"e","eagerIdGeneration":"true"}`, request, `"eagerIdGeneration" must be true or false`},
		{"publishMessage", "long data", `{"channel":"c","event":"e","data":"` + strings.Repeat("a", maxData) + `"}`, large, `"data" must not be longer than 1000 bytes`},
		{"publishMessage", "deep data", `{"channel":"c","event":"e","data":` + nested(65) + `}`, request, `"data" must not be nested deeper than 64 levels`},
		{"publishMessage", "a number for a time", `{"channel":"c","event":"e","scheduleExpression":1}`, request, `"scheduleExpression" must be a string`},
		{"publishMessage", "a number for a zone", `{"channel":"c","event":"e","scheduleExpressionTimezone":1}`, request, `"scheduleExpressionTimezone" must be a string`},

		{"listMessages", "no id", `{"channel":"c","after":"x"}`, request, `"after" must be the id of a message`},
		{"listMessages", "nothing is before the zero id", `{"channel":"c","before":"` + ulid.ULID{}.String() + `"}`, request, `"before" must be the id of a message`},
		{"listMessages", "a number for false", `{"channel":"c","reverse":0}`, request, `"reverse" must be true or false`},
		{"listMessages", "an array for true", `{"channel":"c","expandReactions":[]}`, request, `"expandReactions" must be true or false`},

		{"listReactions", "no message", `{"channel":"c"}`, request, `"messageId" is required`},
		{"listReactions", "an empty message", `{"channel":"c","messageId":""}`, request, `"messageId" is required`},
		{"listReactions", "the zero id", `{"channel":"c","messageId":"` + ulid.ULID{}.String() + `"}`, request, `"messageId" must be the id of a message`},

		{"channelStorageGet", "no key", `{"channel":"c"}`, request, `"key" is required`},
		{"channelStorageSet", "no key", `{"channel":"c","data":1}`, request, `"key" is required`},
		{"channelStorageSet", "long data", `{"channel":"c","key":"k","data":"` + strings.Repeat("a", maxData) + `"}`, large, `"data" must not be longer than 1000 bytes`},

		{"channelStorageList", "a string for keys", `{"channel":"c","keys":"a"}`, request, `"keys" must be an array of strings`},
		{"channelStorageList", "an object for keys", `{"channel":"c","keys":{}}`, request, `"keys" must be an array of strings`},
		{"channelStorageList", "a number among the keys", `{"channel":"c","keys":["a",1]}`, request, `"keys" must be an array of strings`},
		{"channelStorageList", "null among the keys", `{"channel":"c","keys":[null]}`, request, `"keys" must be an array of strings`},
		{"channelStorageList", "an array among the keys", `{"channel":"c","keys":[["a"]]}`, request, `"keys" must be an array of strings`},
		{"channelStorageList", "too many keys", `{"channel":"c","keys":["a"` + strings.Repeat(`,"a"`, 100) + `]}`, request, `"keys" must not have more than 100 elements`},
		{"channelStorageList", "a key to start after of another type", `{"channel":"c","after":1}`, request, `"after" must be a string`},

		{"call", "no method", `{"channel":"c"}`, request, `"method" is required`},
		{"call", "long params", `{"method":"m","params":"` + strings.Repeat("a", maxData) + `"}`, large, `"params" must not be longer than 1000 bytes`},
		{"call", "deep params", `{"method":"m","params":` + nested(65) + `}`, request, `"params" must not be nested deeper than 64 levels`},

		{"umdUpdate", "no token", `{"channel":"c"}`, request, `"token" is required`},

		{"listMessages", "a limit of none", `{"channel":"c","limit":0}`, request, `"limit" must be an integer from 1 to 100`},
		{"listMessages", "too high a limit", `{"channel":"c","limit":101}`, request, `"limit" must be an integer from 1 to 100`},
		{"listSchedules", "an id for a cursor", `{"channel":"c","after":"` + id + `"}`, request, `"after" must be the "next" of the page before`},
		{"listSchedules", "a number for a cursor", `{"channel":"c","after":1}`, request, `"after" must be a string`},

		{"cancelSchedule", "nothing", `{}`, request, `"scheduleArn" is required`},
		{"cancelSchedule", "an empty ARN", `{"scheduleArn":""}`, request, `"scheduleArn" is required`},
		{"cancelSchedule", "an ARN of Amazon's", `{"scheduleArn":"arn:aws:scheduler:us-east-1:1:schedule/g/` + id + `"}`, request, `"scheduleArn" must be the ARN of a schedule`},
		{"cancelSchedule", "a number", `{"scheduleArn":1}`, request, `"scheduleArn" must be a string`},

		{"publish", "a string for a number", `{"channel":"c","event":"e","store":"60"}`, request, `"store" must be a number`},
		{"publish", "a fraction of more", `{"channel":"c","event":"e","store":60.0}`, request, `"store" must be an integer from -1 to 3155695200`},
		{"publish", "a store twice", `{"channel":"c","event":"e","store":1,"store":1}`, json, "not valid JSON: an object has two members of the same name at byte 37"},
		{"publish", "a leading zero", `{"channel":"c","event":"e","store":01}`, json, "not valid JSON at byte 36"},
		{"publish", "an exponent", `{"channel":"c","event":"e","store":6e1}`, request, `"store" must be an integer from -1 to 3155695200`},
		{"publish", "a fraction", `{"channel":"c","event":"e","store":0.5}`, request, `"store" must be an integer from -1 to 3155695200`},
		{"publish", "too little", `{"channel":"c","event":"e","store":-2}`, request, `"store" must be an integer from -1 to 3155695200`},
		{"publish", "too much", `{"channel":"c","event":"e","store":3155695201}`, request, `"store" must be an integer from -1 to 3155695200`},
		{"publish", "more than any integer", `{"channel":"c","event":"e","store":99999999999999999999}`, request, `"store" must be an integer from -1 to 3155695200`},
		{"publish", "a number for an id", `{"channel":"c","event":"e","deduplicationId":7}`, request, `"deduplicationId" must be a string`},
		{"publish", "null for true is no error but an object is", `{"channel":"c","event":"e","eagerIdGeneration":null,"emitPubSubEvent":{}}`, request, `"emitPubSubEvent" must be true or false`},
		{"publish", "long data", `{"channel":"c","event":"e","data":"` + strings.Repeat("a", maxData) + `"}`, large, `"data" must not be longer than 1000 bytes`},

		{"publishBatch", "empty", ``, json, "empty, not a JSON object"},
		{"publishBatch", "an array", `[{"channel":"c","event":"e"}]`, json, "not a JSON object"},
		{"publishBatch", "no messages", `{}`, request, `"messages" is required`},
		{"publishBatch", "null", `{"messages":null}`, request, `"messages" is required`},
		{"publishBatch", "one message", `{"messages":{"channel":"c","event":"e"}}`, request, `"messages" must be an array`},
		{"publishBatch", "a member twice in a message", `{"messages":[{"x":1,"x":2}]}`, json, "not valid JSON: an object has two members of the same name at byte 20"},
		{"publishBatch", "too many", `{"messages":[1` + strings.Repeat(`,1`, MaxBatch) + `]}`, request, `"messages" must not have more than 1000 elements`},
		{"publishBatch", "deep", `{"messages":` + nested(67) + `}`, request, `"messages" must not be nested deeper than 64 levels`},
		{"publishBatch", "deep somewhere else", `{"x":` + nested(65) + `}`, request, `"x" must not be nested deeper than 64 levels`},
		{"revoke", "a number for a user", `{"uid":1}`, request, `"uid" must be a string`},
		{"revoke", "a number for an id", `{"jti":1}`, request, `"jti" must be a string`},
		{"revoke", "a number for a time", `{"issuedBefore":1}`, request, `"issuedBefore" must be a string`},
		{"revoke", "a time without a zone", `{"issuedBefore":"2030-07-24T13:00:00"}`, request, `"issuedBefore" must be a time such as 2030-07-24T13:00:00Z`},
		{"revoke", "a date", `{"until":"2030-07-24"}`, request, `"until" must be a time such as 2030-07-24T13:00:00Z`},
		{"revoke", "a member twice", `{"uid":"a","uid":"b"}`, json, "not valid JSON: an object has two members of the same name at byte 11"},
		{"latest", "no channels", `{}`, request, `"channels" is required`},
		{"latest", "an object", `{"channels":{}}`, request, `"channels" must be an array of strings`},
		{"latest", "numbers", `{"channels":[1]}`, request, `"channels" must be an array of strings`},
		{"latest", "more channels than may be", `{"channels":[` + strings.Repeat(`"a",`, MaxChannels) + `"a"]}`, request, `"channels" must not have more than 1000 elements`},
		{"count", "no channels", `{}`, request, `"after" is required`},
		{"count", "an array", `{"after":[]}`, request, `"after" must be an object`},
		{"count", "what is no id", `{"after":{"room":"x"}}`, request, `"after" must have ids of messages`},
		{"count", "more channels than may be", `{"after":{` + manyMembers(MaxChannels+1) + `}}`, request, `"after" must not have more than 1000 members`},
		{"moveSchedule", "a number for a zone", `{"scheduleExpression":"at","scheduleExpressionTimezone":1}`, request, `"scheduleExpressionTimezone" must be a string`},
	}
	// What is wrong with any body.
	for operation := range decoders {
		member := "channel"
		switch operation {
		case "publishBatch", "revoke", "latest", "count": // have no string that is required
			continue
		case "moveSchedule":
			member = "scheduleExpression"
		case "call":
			member = "method"
		case "umdUpdate":
			member = "token"
		case "subscribe":
			member = "uid"
		case "cancelSchedule":
			member = "scheduleArn"
		}
		for _, c := range []struct{ why, body, code, message string }{
			{"empty", ``, json, "empty, not a JSON object"},
			{"an array", `[]`, json, "not a JSON object"},
			{"form data", `channel=c`, json, "not valid JSON at byte 0"},
			{"cut short", `{"channel":`, json, "not valid JSON: it ends too early"},
			{"a member twice", `{"x":1,"x":2}`, json, "not valid JSON: an object has two members of the same name at byte 7"},
			{"nothing in it", `{}`, request, `"` + member + `" is required`},
			{"null for what is required", `{"` + member + `":null}`, request, `"` + member + `" is required`},
			{"an empty string for what is required", `{"` + member + `":""}`, request, `"` + member + `" is required`},
			{"a number for a string", `{"` + member + `":1}`, request, `"` + member + `" must be a string`},
			{"deep", `{"x":` + nested(65) + `}`, request, `"x" must not be nested deeper than 64 levels`},
		} {
			tests = append(tests, struct{ operation, why, body, code, message string }{operation, c.why, c.body, c.code, c.message})
		}
	}
	for _, tt := range tests {
		t.Run(tt.operation+"/"+tt.why, func(t *testing.T) {
			_, err := decoders[tt.operation]([]byte(tt.body))
			if diff := cmp.Diff(error(&Error{tt.code, tt.message}), err); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	tests := []struct {
		operation, why, body string
		want                 any
	}{
		{"publishMessage", "false is the default", `{"channel":"c","event":"e","eagerIdGeneration":false}`, PublishMessage{Channel: "c", Event: "e"}},
		{"publishMessage", "null is data", `{"channel":"c","event":"e","data":null}`, PublishMessage{Channel: "c", Event: "e", Data: []byte("null")}},
		{
			"publishMessage", "the longest data", `{"channel":"c","event":"e","data":"` + strings.Repeat("a", maxData-2) + `"}`,
			PublishMessage{Channel: "c", Event: "e", Data: []byte(`"` + strings.Repeat("a", maxData-2) + `"`)},
		},
		{"listMessages", "empty cursors are none", `{"channel":"c","after":"","before":null,"reverse":null}`, ListMessages{Channel: "c", Limit: MaxPage}},
		{"listMessages", "everything is after the zero id", `{"channel":"c","after":"00000000000000000000000000"}`, ListMessages{Channel: "c", Limit: MaxPage}},
		{"listMessages", "the least limit", `{"channel":"c","limit":1}`, ListMessages{Channel: "c", Limit: 1}},
		{"channelStorageList", "no keys are none", `{"channel":"c","keys":[]}`, StorageList{Channel: "c"}},
		{"channelStorageList", "null for no keys", `{"channel":"c","keys":null,"after":null}`, StorageList{Channel: "c"}},
		{"channelStorageList", "escaped keys", `{"channel":"c","keys":["\u0061", "b"]}`, StorageList{Channel: "c", Keys: []string{"a", "b"}}},
		{"publishBatch", "nothing to do", `{"messages":[]}`, [][]byte(nil)},
		{"publishBatch", "anything is a message, which is read later", `{"messages":[ 1 , null,"a" ,{ }]}`, [][]byte{[]byte("1"), []byte("null"), []byte(`"a"`), []byte("{ }")}},
		{"publishBatch", "as deep as alone", `{"messages":` + nested(66) + `}`, [][]byte{[]byte(nested(65))}},
		{"publish", "no store is not 0", `{"channel":"c","event":"e"}`, Publish{Channel: "c", Event: "e"}},
		{
			"publish", "all that is read the quick way", `{"channel":"c","event":"e","key":"k","data":1,"deduplicationId":"d"}`,
			Publish{Channel: "c", Event: "e", Key: "k", Data: []byte("1"), DeduplicationID: "d"},
		},
		{"publish", "null is no store", `{"channel":"c","event":"e","store":null}`, Publish{Channel: "c", Event: "e"}},
		{"publish", "0 is a store", `{"channel":"c","event":"e","store":0}`, Publish{Channel: "c", Event: "e", Store: new(int64(0))}},
		{"publish", "a store", `{"channel":"c","event":"e","store":60}`, Publish{Channel: "c", Event: "e", Store: new(int64(60))}},
		{"publish", "a store of eight digits", `{"store":31556952,"channel":"c","event":"e"}`, Publish{Channel: "c", Event: "e", Store: new(int64(31556952))}},
		{"publish", "a store of nine", `{"channel":"c","store":315569520,"event":"e"}`, Publish{Channel: "c", Event: "e", Store: new(int64(315569520))}},
		{"publish", "for ever", `{"channel":"c","event":"e","store":-1}`, Publish{Channel: "c", Event: "e", Store: new(int64(-1))}},
		{"publish", "the longest store", `{"channel":"c","event":"e","store":3155695200}`, Publish{Channel: "c", Event: "e", Store: new(int64(protocol.MaxStore))}},
	}
	for _, tt := range tests {
		t.Run(tt.operation+"/"+tt.why, func(t *testing.T) {
			got, err := decoders[tt.operation]([]byte(tt.body))
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestKeysAtTheLimit(t *testing.T) {
	m, err := DecodeStorageList([]byte(`{"channel":"c","keys":["a"` + strings.Repeat(`,"a"`, MaxKeys-1) + `]}`))
	if err != nil || len(m.Keys) != MaxKeys {
		t.Errorf("%d keys, error %v", len(m.Keys), err)
	}
}

// manyMembers are those of an object, each null.
func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d":null`, i)
	}
	return b.String()
}
