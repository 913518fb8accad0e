package wire

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

const (
	maxData = 1000
	token   = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"
)

// decoders read the bodies of the HTTP APIs.
var decoders = map[string]func(body []byte) (any, error){
	"publishMessage": func(b []byte) (any, error) { return DecodePublishMessage(b, maxData) },
	"listMessages":   func(b []byte) (any, error) { return DecodeListMessages(b) },
	"listReactions":  func(b []byte) (any, error) { return DecodeListReactions(b) },

	"channelStorageGet":  func(b []byte) (any, error) { return DecodeStorageGet(b) },
	"channelStorageAdd":  func(b []byte) (any, error) { return DecodeStorageSet(b, maxData) },
	"channelStorageSet":  func(b []byte) (any, error) { return DecodeStorageSet(b, maxData) },
	"channelStorageList": func(b []byte) (any, error) { return DecodeStorageList(b) },
	"getChannelInfo":     func(b []byte) (any, error) { return DecodeChannelInfo(b) },
	"call":               func(b []byte) (any, error) { return DecodeCallBody(b, maxData) },
	"umdUpdate":          func(b []byte) (any, error) { return DecodeUMDUpdate(b) },
	"publish":            func(b []byte) (any, error) { return DecodePublish(b, maxData) },
	"publishBatch":       func(b []byte) (any, error) { return DecodePublishBatch(b) },
	"latest":             func(b []byte) (any, error) { return DecodeLatest(b) },
	"count":              func(b []byte) (any, error) { return DecodeCount(b) },
	"moveSchedule":       func(b []byte) (any, error) { return DecodeMoveSchedule(b) },
	"subscribe":          func(b []byte) (any, error) { return DecodeServerSubscribe(b) },
	"revoke":             func(b []byte) (any, error) { return DecodeRevocation(b) },
	"listSchedules":      func(b []byte) (any, error) { return DecodeListSchedules(b) },
	"cancelSchedule": func(b []byte) (any, error) {
		group, id, err := DecodeCancelSchedule(b)
		return schedule{group, id}, err
	},
}

type schedule struct {
	Group string
	ID    ulid.ULID
}

// decoded has, for each golden command and body, what it says.
var decoded = map[string]any{
	"command-subscribe":       Command{Event: EventSubscribe, Channel: "room.123"},
	"command-subscribe-token": Command{Event: EventSubscribe, Channel: "room.123", Data: []byte(`{"token":"` + token + `"}`)},
	"command-subscribe-after": Command{
		Event: EventSubscribe, Channel: "room.123", Data: []byte(`{"after":"` + idA.String() + `"}`), Ref: "7",
	},
	"command-subscribe-after-null": Command{Event: EventSubscribe, Channel: "room.123", Data: []byte(`{"after":null}`)},
	"command-subscribe-changes":    Command{Event: EventSubscribe, Channel: "presence.chat", Data: []byte(`{"presence":"changes"}`)},
	"command-subscribe-info":       Command{Event: EventSubscribe, Channel: "room.123", Data: []byte(`{"info":true}`)},
	"command-subscribe-rewind":     Command{Event: EventSubscribe, Channel: "room.123", Data: []byte(`{"rewind":50}`), Ref: "7"},
	"command-subscribe-rewind-seconds": Command{
		Event: EventSubscribe, Channel: "room.123", Data: []byte(`{"after":"` + idA.String() + `","rewind":{"seconds":120}}`), Ref: "7",
	},
	"command-unsubscribe": Command{Event: EventUnsubscribe, Channel: "room.123"},
	"command-publish":     Command{Event: "chat", Channel: "room.123", Data: []byte(`{"text":"Hi 👋"}`)},
	"command-publish-ref": Command{Event: "chat", Channel: "room.123", Data: []byte(`{"text":"Hi 👋"}`), Ref: "8"},
	"command-publish-deduplicated": Command{
		Event: "chat", Channel: "room.123", Data: []byte(`{"text":"Hi 👋"}`), DeduplicationID: "5f0c1e", Ref: "8",
	},
	"command-publish-scheduled": Command{
		Event: "chat", Channel: "room.123", Data: []byte(`"Wake up!"`),
		Schedule: Schedule{"at(2030-07-24T09:00:00)", "America/New_York"}, Ref: "9",
	},
	"command-channelStorageSet": Command{Event: EventChannelStorageSet, Channel: "room.123", Key: "settings", Data: theme},
	"command-channelStorageSet-if": Command{
		Event: EventChannelStorageSet, Channel: "room.123", Key: "settings", Data: theme, IfVersion: &idA, Ref: "14",
	},
	"command-channelStorageSet-ifNone": Command{
		Event: EventChannelStorageSet, Channel: "room.123", Key: "settings", Data: theme, IfVersion: new(ulid.ULID), Ref: "14",
	},
	"command-channelStorageGet-version": Command{Event: EventChannelStorageGet, Channel: "room.123", Key: "settings", WithVersion: true},
	"command-channelStorageAdd":         Command{Event: EventChannelStorageAdd, Channel: "room.123", Key: "votes", Data: []byte("5"), Ref: "15"},
	"command-channelStorageGet":         Command{Event: EventChannelStorageGet, Channel: "room.123", Key: "settings"},
	"command-messageReaction": Command{
		Event: EventMessageReaction, Channel: "room.123",
		Data: []byte(`{"messageId":"` + idA.String() + `","reaction":"👍","action":"add"}`),
	},
	"command-messageUpdate": Command{
		Event: EventMessageUpdate, Channel: "room.123", Ref: "15",
		Data: []byte(`{"messageId":"` + idA.String() + `","data":{"text":"Hi all 👋"},"ifVersion":1}`),
	},
	"command-messageDelete": Command{Event: EventMessageDelete, Channel: "room.123", Data: []byte(`{"messageId":"` + idA.String() + `"}`)},
	"command-streamStop": Command{
		Event: EventStreamStop, Channel: "chat.123", Data: []byte(`{"messageId":"` + idA.String() + `"}`), Ref: "16",
	},
	"command-umdUpdate": Command{
		Event: EventUMDUpdate, Channel: "presence.chat", Data: []byte(`{"token":"` + token + `"}`),
	},
	"command-umdUpdate-connection": Command{Event: EventUMDUpdate, Data: []byte(`{"token":"` + token + `"}`)},
	"command-call":                 Command{Event: EventCall, Data: []byte(`{"method":"order.place","params":{"item":"tea","amount":2}}`), Ref: "13"},
	"command-call-channel":         Command{Event: EventCall, Channel: "room.123", Data: []byte(`{"method":"typing"}`)},
	"command-refresh":              Command{Event: EventRefresh, Data: []byte(`{"token":"` + token + `"}`), Ref: "14"},
	"command-ping":                 Command{Event: EventPing},
	"command-heartbeat":            Command{Event: EventHeartbeat},
	"command-pong":                 Command{Event: EventPong},

	"body-publishMessage":       PublishMessage{Channel: "my-channel", Event: "my-event", Data: []byte(`"Hi 👋"`)},
	"body-publishMessage-eager": PublishMessage{Channel: "my-channel", Event: "my-event", Data: []byte(`{"n":1}`), EagerID: true},
	"body-publishMessage-deduplicated": PublishMessage{
		Channel: "my-channel", Event: "my-event", Data: []byte(`"Hi 👋"`), DeduplicationID: "5f0c1e", EagerID: true,
	},
	"body-publishMessage-scheduled": PublishMessage{
		Channel: "my-channel", Event: "reminder", Data: []byte(`"Don't forget about your meeting!"`),
		Schedule: Schedule{"at(2025-07-24T09:00:00)", "America/New_York"},
	},
	"body-publishMessage-reaction": PublishMessage{
		Channel: "my-channel", Event: EventMessageReaction,
		Data: []byte(`{"messageId":"` + idA.String() + `","reaction":"👍","action":"remove"}`),
	},
	"body-publishMessage-update": PublishMessage{
		Channel: "my-channel", Event: EventMessageUpdate, Data: []byte(`{"messageId":"` + idA.String() + `","data":"Hello 👋"}`),
	},
	"body-publishMessage-streamStop": PublishMessage{
		Channel: "chat.123", Event: EventStreamStop, Data: []byte(`{"messageId":"` + idA.String() + `"}`),
	},
	"body-listMessages":         ListMessages{Channel: "my-channel", Limit: MaxPage, After: idA, ExpandReactions: true},
	"body-listMessages-reverse": ListMessages{Channel: "my-channel", Limit: MaxPage, Before: idA, Reverse: true},
	"body-listReactions":        Reactions{Channel: "my-channel", MessageID: idA},
	"body-listReactions-after":  Reactions{Channel: "my-channel", MessageID: idA, After: idB},
	"body-channelStorageGet":    StorageGet{Channel: "mychannel", Key: "settings"},
	"body-channelStorageAdd":    StorageSet{Channel: "mychannel", Key: "votes", Data: []byte("5")},
	"body-channelStorageSet": StorageSet{
		Channel: "mychannel", Key: "settings", Data: theme, Schedule: Schedule{Expression: "at(2025-07-24T09:00:00)"},
	},
	"body-channelStorageList": StorageList{Channel: "mychannel", Keys: []string{"settings", "status"}, After: "a"},
	"body-getChannelInfo":     "presence.chat",
	"body-umdUpdate":          UMDUpdate{Channel: "presence.chat", Token: token},
	"body-call":               Call{Channel: "room.123", Method: "order.place", Params: []byte(`{"item":"tea","amount":2}`)},
	"body-listSchedules": ListSchedules{
		Channel: "room.123", AfterDue: time.Date(2030, 7, 24, 13, 0, 0, 0, time.UTC), AfterID: idS,
	},
	"body-cancelSchedule": schedule{"default", idS},
	"body-publish": Publish{
		Channel: "my-channel", Event: "my-event", Data: []byte(`{"n":1}`), DeduplicationID: "order-17",
		EagerID: true, EmitPubSubEvent: true, Store: new(int64(2_592_000)),
	},
	"body-publish-scheduled": Publish{
		Channel: "my-channel", Event: "my-event", Data: []byte(`"👋"`),
		Schedule: Schedule{"at(2025-12-25T09:00:00)", "Europe/London"},
	},
	"body-publish-as-user": Publish{
		Channel: "my-channel", Event: "my-event", Data: []byte(`{"n":1}`),
		UID: "Jim", UMD: []byte(`{"name":"Jim H."}`), ExcludeConnection: "JCnTZd_KoAMCF-A=",
	},
	"body-publish-reaction": Publish{
		Channel: "my-channel", Event: EventMessageReaction,
		Data: []byte(`{"messageId":"01JA3HVNF6E89HDT1ABRFWJ8C8","reaction":"👍","action":"add"}`), UID: "Jim", EmitPubSubEvent: true,
	},
	"body-publish-delete": Publish{
		Channel: "my-channel", Event: EventMessageDelete, Data: []byte(`{"messageId":"` + idA.String() + `"}`),
		UID: "Pam", ExcludeConnection: "JCnTZd_KoAMCF-A=",
	},
	"body-publish-messageAppend": Publish{
		Channel: "chat.123", Event: EventMessageAppend, UID: "Pam",
		Data: []byte(`{"messageId":"` + idA.String() + `","text":", world 👋","ifVersion":3}`),
	},
	"body-publishBatch": [][]byte{
		[]byte(`{"channel":"inbox.jim","event":"news","data":"👋"}`),
		[]byte(`{"channel":"inbox.pam","event":"news","data":"👋","eagerIdGeneration":true}`),
	},
	"body-subscribe": ServerSubscribe{
		UID: "Jim", Claims: []byte(`{"historyStart":0,"messages":{"chat":{"publish":true}}}`),
	},
	"body-revoke":       Revocation{UID: "Jim"},
	"body-revoke-token": Revocation{TokenID: "6f1e9d", Until: time.Date(2030, 7, 24, 13, 0, 0, 0, time.UTC)},
	"body-revoke-before": Revocation{
		IssuedBefore: time.Date(2030, 7, 24, 12, 0, 0, 0, time.UTC), Until: time.Date(2030, 7, 24, 13, 0, 0, 0, time.UTC),
	},
	"body-latest":       []string{"my-channel", "room.123", "empty"},
	"body-count":        []AfterMessage{{"my-channel", idA}, {Channel: "room.123"}},
	"body-moveSchedule": Schedule{"at(2030-07-24T10:00:00)", "America/New_York"},
	"body-publish-storage": Publish{
		Channel: "mychannel", Event: EventChannelStorageSet, Key: "settings", Data: theme, Store: new(int64(-1)),
	},
}

// decode reads a golden command or body.
func decode(t testing.TB, name string, text []byte) (any, error) {
	t.Helper()
	if strings.HasPrefix(name, "command-") {
		return DecodeCommand(text, maxData)
	}
	operation := strings.Split(name, "-")[1]
	decode := decoders[operation]
	if decode == nil {
		t.Fatalf("nothing reads bodies of %s", operation)
	}
	return decode(text)
}

func TestDecode(t *testing.T) {
	names := slices.Concat(frameNames(t, "command-"), frameNames(t, "body-"))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			want := decoded[name]
			if want == nil {
				t.Fatal("the test does not say what it means")
			}
			text := readFrame(t, name)
			before := string(text)
			got, err := decode(t, name, text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if string(text) != before {
				t.Errorf("the text was changed to %s", text)
			}
		})
	}
	for name := range decoded {
		if !slices.Contains(names, name) {
			t.Errorf("%s has no file in %s", name, framesDir)
		}
	}
}

func TestDecodeTolerates(t *testing.T) {
	tests := []struct{ why, frame string }{
		{"members in another order", `{"data":{"a":1},"ref":"r","channel":"c","event":"e"}`},
		{"white space everywhere", " {\t\"event\" :\r\n\"e\" , \"channel\": \"c\",\"data\" : { \"a\" : 1 } , \"ref\":\"r\" } \n"},
		{"escapes in names and strings", `{"\u0065vent":"\u0065","ch\u0061nnel":"\u0063","data":{"a":1},"ref":"\u0072"}`},
		{"unknown members of any type", `{"event":"e","x":[{"event":1}],"channel":"c","y":null,"data":{"a":1},"ref":"r","":{}}`},
		{"names in another case are unknown", `{"event":"e","Event":1,"CHANNEL":2,"channel":"c","data":{"a":1},"Data":3,"ref":"r"}`},
		{"null for what is absent", `{"event":"e","channel":"c","data":{"a":1},"ref":"r","key":null,"scheduleExpression":null}`},
	}
	want := Command{Event: "e", Channel: "c", Data: []byte(`{"a":1}`), Ref: "r"}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := DecodeCommand([]byte(tt.frame), maxData)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeCommandData(t *testing.T) {
	tests := []struct{ why, data, want string }{
		{"an object", `{"a":[1,2]}`, `{"a":[1,2]}`},
		{"null is not absent", `null`, `null`},
		{"false is not absent", `false`, `false`},
		{"an empty string", `""`, `""`},
		{"a number is left as it was written", `1.50e+01`, `1.50e+01`},
		{"a number beyond floating point", `123456789012345678901234567890`, `123456789012345678901234567890`},
		{"escapes are left as they were written", `"\u00e9\/é<"`, `"\u00e9\/é<"`},
		{"white space is taken out", "{ \"a\" :\n[ 1 ,\t2 ] }\r", `{"a":[1,2]}`},
		{"but not of strings", `{"a b": " c\\" , "d\" ": " "}`, `{"a b":" c\\","d\" ":" "}`},
		{"an empty object with space", `{ }`, `{}`},
		{"64 levels", nested(64), nested(64)},
		{"brackets in strings do not count", `"` + strings.Repeat("[{", 100) + `"`, `"` + strings.Repeat("[{", 100) + `"`},
		{"nor do brackets beside each other", `[` + strings.Repeat("[],", 100) + `{}]`, `[` + strings.Repeat("[],", 100) + `{}]`},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			c, err := DecodeCommand([]byte(`{"event":"e","data":`+tt.data+`}`), maxData)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(c.Data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
