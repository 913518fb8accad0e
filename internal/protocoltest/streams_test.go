package protocoltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/hotsock-go/hotsock"
)

const streamClaims = `{"room":{"subscribe":true,"historyStart":0,"messages":{"answer":{"stop":true},"note":{"stop":"own"}}}}`

func appended(offset, version int, rest string) string {
	return fmt.Sprintf(`{"id":"$_","event":"hotsock.messageAppended","channel":"room","data":{"messageId":"$id1","offset":%d,"version":%d,%s`, offset, version, rest)
}

// Section 20: appends by the app, and who is told.
func TestAppends(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxDataSize, o.MaxStreamSize = 100, 150 }, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		pam := e.connect(t, user("Pam", streamClaims))
		pam.Subscribe("room")
		id := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: map[string]any{"n": 1, "text": "Hi 👋"}, Store: time.Hour}).ID
		e.set("id1", id)
		pam.expect(`{"id":"$id1","event":"e","channel":"room","data":{"n":1,"text":"Hi 👋"}}`)
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.messageAppend","data":{"messageId":"$id1","text":" \"you\"\n","ifVersion":1},"uid":"Bot"}`).
			want(t, 202, `{"channel":"room","event":"hotsock.messageAppend","version":2}`)
		pam.expect(appended(5, 2, `"text":" \"you\"\n"},"meta":{"uid":"Bot","umd":null}}`))
		version, err := e.anyNode().AppendMessage(ctx, hotsock.MessageAppend{Channel: "room", MessageID: id, Text: "!"})
		if version != 3 || err != nil {
			t.Fatalf("AppendMessage: %d, %v", version, err)
		}
		pam.expect(appended(12, 3, `"text":"!"}}`))
		pam.history(t, "room", "").want(t, 200,
			`{"messages":[{"id":"$id1","event":"e","channel":"room","data":{"n":1,"text":"Hi 👋 \"you\"\n!"},"meta":{"uid":null,"umd":null},"version":3,"updatedAt":"$_"}]}`)

		number := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: 1, Store: time.Hour}).ID
		pam.expect(`{"id":"$_","event":"e","channel":"room","data":1}`)
		for _, row := range []struct {
			why  string
			a    hotsock.MessageAppend
			code hotsock.Code
		}{
			{"another version", hotsock.MessageAppend{MessageID: id, IfVersion: 2}, hotsock.CodeConflict},
			{"a version that is none", hotsock.MessageAppend{MessageID: id, IfVersion: -1}, hotsock.CodeInvalidRequest},
			{"what has no text", hotsock.MessageAppend{MessageID: number, Text: "1"}, hotsock.CodeInvalidRequest},
			{"too much", hotsock.MessageAppend{MessageID: id, Text: strings.Repeat("x", 130)}, hotsock.CodePayloadTooLarge},
			{"what never was", hotsock.MessageAppend{MessageID: "01JA3HVNF6E89HDT1ABRFWJ8C8"}, hotsock.CodeMessageNotFound},
			{"no id", hotsock.MessageAppend{MessageID: "1"}, hotsock.CodeMessageNotFound},
		} {
			row.a.Channel = "room"
			if _, err := e.anyNode().AppendMessage(ctx, row.a); !errors.Is(err, &hotsock.Error{Code: row.code}) {
				t.Errorf("appending to %s: %v", row.why, err)
			}
		}
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.messageAppend","data":{"messageId":"$id1"}}`).wantError(t, 400, "INVALID_REQUEST")
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.messageAppend","data":{"messageId":"$id1","text":""},"scheduleExpression":"at(2100-01-01T00:00:00)"}`).
			wantError(t, 400, "INVALID_REQUEST")
		// Clients cannot append, nor pretend that something was.
		pam.do(`{"event":"hotsock.messageAppend","channel":"room","data":{"messageId":"$id1","text":"x"}}`, failure("room", "UNKNOWN_EVENT"))
		pam.do(`{"event":"hotsock.messageAppended","channel":"room","data":{"messageId":"$id1","text":"x"}}`, failure("room", "UNKNOWN_EVENT"))
		pam.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageAppend","data":{"messageId":"$id1","text":"x"}}`).wantError(t, 400, "INVALID_REQUEST")
		e.quiet(t, "room", pam)

		// Appends at the same time all come in.
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := e.anyNode().AppendMessage(ctx, hotsock.MessageAppend{Channel: "room", MessageID: id, Text: "+"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for i := range 4 {
			pam.expect(appended(13+i, 4+i, `"text":"+"}}`))
		}
	})
}

// Section 20: who may stop a stream, on whichever node it is.
func TestStreamStop(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		stop := func(rest string) string {
			return `{"event":"hotsock.streamStop","channel":"room","data":{"messageId":"$id1"` + rest + `},"ref":"r"}`
		}
		const ack = `{"event":"hotsock.ack","channel":"room","data":{},"ref":"r"}`
		pam, jim := e.connect(t, user("Pam", streamClaims)), e.connect(t, user("Jim", streamClaims))
		stranger := e.connect(t, user("", `{"room":{"subscribe":true,"messages":{"*":{"publish":true,"update":true,"delete":true}}}}`))
		late := e.connect(t, user("", `{"room":{"subscribe":true,"messages":{"*":{"stop":true}}}}`))
		for _, c := range []*client{pam, jim, stranger} {
			c.Subscribe("room")
		}
		begin := func(event string, from *hotsock.Member) *hotsock.Stream {
			t.Helper()
			s, err := e.anyNode().Stream(ctx, hotsock.Message{Channel: "room", Event: event, Store: time.Hour, From: from})
			if err != nil {
				t.Fatal(err)
			}
			e.forget("id1")
			e.set("id1", s.ID())
			for _, c := range []*client{pam, jim, stranger} {
				c.Next()
			}
			return s
		}
		stopped := func(s *hotsock.Stream, clients ...*client) {
			t.Helper()
			<-s.Context().Done()
			if err := s.Close(); !errors.Is(err, hotsock.ErrStreamStopped) {
				t.Errorf("the stream ended with %v", err)
			}
			for _, c := range clients {
				c.expect(appended(0, 2, `"stream":{"state":"aborted","reason":"stopped"},"text":""}}`))
			}
		}

		s := begin("answer", nil)
		for _, row := range []struct {
			why, rest, code string
			c               *client
		}{
			{"no permission, whatever else is permitted", "", "STOP_PERMISSION_DENIED", stranger},
			{"no subscription", "", "NOT_SUBSCRIBED", late},
		} {
			row.c.do(stop(row.rest), refusedEdit(row.code))
		}
		late.Subscribe("room") // and may not list it
		late.do(stop(""), refusedEdit("HISTORY_PERMISSION_DENIED"))
		pam.do(`{"event":"hotsock.streamStop","channel":"room","data":{},"ref":"r"}`, refusedEdit("INVALID_REQUEST"))
		pam.do(`{"event":"hotsock.streamStop","channel":"room","data":{"messageId":"01JA3HVNF6E89HDT1ABRFWJ8C8"},"ref":"r"}`, refusedEdit("MESSAGE_NOT_FOUND"))
		pam.send(stop(""))
		pam.together(ack, appended(0, 2, `"stream":{"state":"aborted","reason":"stopped"},"text":""}}`))
		stopped(s, jim, stranger, late)
		pam.do(stop(""), ack) // It has ended.

		s = begin("answer", nil)
		late.Next()
		pam.call(t, "publishMessage", `{"channel":"room","event":"hotsock.streamStop","data":{"messageId":"$id1"}}`).
			want(t, 202, `{"channel":"room","event":"hotsock.streamStop"}`)
		stopped(s, pam, jim, stranger, late)
		pam.call(t, "publishMessage", `{"channel":"room","event":"hotsock.streamStop","data":{"messageId":"$id1"},"scheduleExpression":"at(2100-01-01T00:00:00)"}`).
			wantError(t, 400, "INVALID_REQUEST")

		s = begin("note", &hotsock.Member{UID: "Pam"})
		late.Next()
		jim.do(stop(""), refusedEdit("STOP_PERMISSION_DENIED")) // it is hers
		pam.send(stop(""))
		pam.together(ack, appended(0, 2, `"stream":{"state":"aborted","reason":"stopped"},"text":""}}`))
		stopped(s, jim, stranger, late)

		s = begin("answer", nil)
		late.Next()
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.streamStop","data":{"messageId":"$id1"}}`).
			want(t, 202, `{"channel":"room","event":"hotsock.streamStop"}`)
		stopped(s, pam, jim, stranger, late)

		plain := e.publish(t, hotsock.Message{Channel: "room", Event: "answer", Store: time.Hour}).ID
		if err := e.anyNode().StopStream(ctx, "room", plain); !errors.Is(err, &hotsock.Error{Code: hotsock.CodeInvalidRequest}) {
			t.Errorf("stopping what is not streamed: %v", err)
		}
	})
}

// A shown text is what a client shows of a streamed message.
type shown struct {
	text    string
	version int
	state   string
}

// apply does what section 20 says of a frame or a message of the history.
func (s *shown) apply(t *testing.T, text, id string) {
	var f struct {
		ID, Event string
		Data      json.RawMessage
		Version   int
		Stream    *struct{ State string }
	}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Error(err)
	}
	if f.ID == id {
		version := max(f.Version, 1)
		var data string
		if err := json.Unmarshal(f.Data, &data); err != nil || f.Stream == nil {
			t.Errorf("the message is %s: %v", text, err)
			return
		}
		if version > s.version {
			*s = shown{data, version, f.Stream.State}
		}
		return
	}
	var n struct {
		MessageID, Text string
		Offset, Version int
		Stream          *struct{ State string }
	}
	if f.Event != "hotsock.messageAppended" || json.Unmarshal(f.Data, &n) != nil || n.MessageID != id || n.Version <= s.version {
		return
	}
	if n.Version != s.version+1 || n.Offset != len(utf16.Encode([]rune(s.text))) {
		t.Errorf("version %d at %d follows version %d of %q", n.Version, n.Offset, s.version, s.text)
	}
	s.text, s.version = s.text+n.Text, n.Version
	if n.Stream != nil {
		s.state = n.Stream.State
	}
}

// Section 20: whoever subscribes, catches up or loads the history at any moment, has
// exactly the text in the end.
func TestStreamAtAnyMoment(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		watcher := e.connect(t, user("", streamClaims))
		watcher.do(resume("room", "null"), `{"event":"hotsock.subscribed","channel":"room","data":{"lastId":"$last"},"meta":{"uid":null,"umd":null}}`)
		s, err := e.anyNode().Stream(ctx, hotsock.Message{Channel: "room", Event: "answer", Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		var wg sync.WaitGroup
		for i := range 40 {
			token := fmt.Sprintf("tök%d👋 ", i)
			want.WriteString(token)
			if _, err := s.WriteString(token); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				if err := s.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if i%5 == 0 { // Somebody comes, with the history or from before.
				c := e.connect(t, user("", streamClaims))
				wg.Go(func() {
					var v shown
					after := e.get("last")
					if i%10 == 0 {
						c.Subscribe("room")
						page, err := e.nodes[0].History(ctx, hotsock.HistoryQuery{Channel: "room"})
						if err != nil || len(page.Items) != 1 {
							t.Errorf("the history: %v, %v", page, err)
							return
						}
						m := page.Items[0]
						_ = json.Unmarshal(m.Data, &v.text)
						v.version, v.state = int(m.Version), m.Stream.State
					} else {
						c.Send(resume("room", `"`+after+`"`))
					}
					for v.state == "open" || v.state == "" {
						v.apply(t, c.Next().Text, s.ID())
					}
					if v.text != want.String() || v.state != "complete" {
						t.Errorf("who came at token %d shows %q, %s", i, v.text, v.state)
					}
				})
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
	})
}
