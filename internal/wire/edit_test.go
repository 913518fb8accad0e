package wire

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// edited is what an edit made of a message.
var edited = &store.Message{
	ID: idA, Event: "chat", Channel: "room.123", Data: []byte(`{"text":"Hi all 👋"}`), Meta: &dwight, Updates: 1, Updated: idB,
}

// editNotice does what a store does with the data of an edit's notice.
func editNotice(id ulid.ULID, event string, e Edit) *store.Message {
	data, end := AppendEditData(nil, e)
	if !e.Delete {
		data = append(append(data, '2'), end...)
	}
	return &store.Message{ID: id, Event: event, Channel: "room.123", Data: data, Meta: &dwight}
}

// encodedEdits has those of edits.
var encodedEdits = map[string]func(b []byte) []byte{
	"frame-messageUpdated": func(b []byte) []byte {
		return AppendMessage(b, editNotice(idB, EventMessageUpdated, Edit{MessageID: idA, Data: edited.Data}))
	},
	"frame-messageDeleted": func(b []byte) []byte {
		return AppendMessage(b, editNotice(idC, EventMessageDeleted, Edit{MessageID: idA, Delete: true}))
	},
	"frame-message-updated": func(b []byte) []byte { return AppendMessage(b, edited) },
	"frame-ack-update": func(b []byte) []byte {
		return AppendAck(b, Ack{Channel: "room.123", Version: 2, Ref: "15"})
	},
	"answer-publishMessage-update": func(b []byte) []byte {
		return AppendAccepted(b, &Accepted{Channel: "my-channel", Event: EventMessageUpdate, Version: 2})
	},
	"answer-listMessages-updated": func(b []byte) []byte {
		m := *listed[0]
		m.Data, m.Updates, m.Updated = []byte(`"Yup!"`), 1, idB
		return AppendMessagePage(b, MessagePage{Messages: []*store.Message{&m}, Tallies: tallies, MaxBytes: 1 << 20})
	},
}

func TestDecodeEdit(t *testing.T) {
	id := `{"messageId":"` + idA.String() + `"`
	tests := []struct {
		why, data string
		decode    func([]byte) (Edit, error)
		want      Edit
	}{
		{"any version", id + `,"data":{"a": 1}}`, DecodeUpdate, Edit{MessageID: idA, Data: []byte(`{"a":1}`)}},
		{"null is data", id + `,"data":null}`, DecodeUpdate, Edit{MessageID: idA, Data: []byte("null")}},
		{"one version", `{"ifVersion":7,"data":"","messageId":"` + idA.String() + `"}`, DecodeUpdate, Edit{idA, false, []byte(`""`), 7}},
		{"null is no version", id + `,"data":1,"ifVersion":null}`, DecodeUpdate, Edit{MessageID: idA, Data: []byte("1")}},
		{"the greatest version", id + `,"data":1,"ifVersion":9007199254740991}`, DecodeUpdate, Edit{idA, false, []byte("1"), 1<<53 - 1}},
		{"deleted", id + `}`, DecodeDelete, Edit{MessageID: idA, Delete: true}},
		{"a deletion has no more", id + `,"ifVersion":7,"data":1}`, DecodeDelete, Edit{MessageID: idA, Delete: true}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := tt.decode([]byte(tt.data))
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestDecodeEditErrors(t *testing.T) {
	id := `{"messageId":"` + idA.String() + `"`
	const version = `"data.ifVersion" must be an integer from 1 to 9007199254740991`
	tests := []struct {
		why, data string
		decode    func([]byte) (Edit, error)
		message   string
	}{
		{"no data", ``, DecodeUpdate, `"data.messageId" is required`},
		{"nothing in it", `{}`, DecodeUpdate, `"data.messageId" is required`},
		{"no new data, which is not null", id + `}`, DecodeUpdate, `"data.data" is required`},
		{"an array", `[]`, DecodeUpdate, `"data" must be an object`},
		{"no id", `{"messageId":"x","data":1}`, DecodeUpdate, `"data.messageId" must be the id of a message`},
		{"the zero id", `{"messageId":"00000000000000000000000000","data":1}`, DecodeUpdate, `"data.messageId" must be the id of a message`},
		{"a number for an id", `{"messageId":1,"data":1}`, DecodeUpdate, `"data.messageId" must be a string`},
		{"a string for a version", id + `,"data":1,"ifVersion":"1"}`, DecodeUpdate, `"data.ifVersion" must be a number`},
		{"version 0, which no message has", id + `,"data":1,"ifVersion":0}`, DecodeUpdate, version},
		{"a fraction", id + `,"data":1,"ifVersion":1.5}`, DecodeUpdate, version},
		{"more than a client can count", id + `,"data":1,"ifVersion":9007199254740992}`, DecodeUpdate, version},
		{"no data to delete", ``, DecodeDelete, `"data.messageId" is required`},
		{"null to delete", `{"messageId":null}`, DecodeDelete, `"data.messageId" is required`},
		{"an id of another kind to delete", `{"messageId":{}}`, DecodeDelete, `"data.messageId" must be a string`},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			_, err := tt.decode([]byte(tt.data))
			if diff := cmp.Diff(error(invalid(tt.message)), err); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func merged[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
