package protocoltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Sections 11, 12 and 20: a message of the greatest length, among others, is listed by all
// who may, with at least one message in each page; it does not keep anybody from catching
// up, or from subscribing with a rewind.
func TestStreamOfGreatestLength(t *testing.T) {
	for _, most := range []int{1 << 20, 8 << 20} {
		t.Run(fmt.Sprint(most>>20, " MiB"), func(t *testing.T) {
			everywhere(t, func(o *hotsock.Options) { o.MaxDataSize, o.MaxStreamSize, o.StoreTimeout = most, most, 10*time.Second }, func(t *testing.T, e *env) {
				testGreatest(t, e, most)
			})
		})
	}
}

func testGreatest(t *testing.T, e *env, most int) {
	ctx, cancel := e.context()
	defer cancel()
	first := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: "before", Store: time.Hour}).ID
	text := strings.Repeat("x", most-2) // and the quotes
	s, err := e.anyNode().Stream(ctx, hotsock.Message{Channel: "room", Event: "answer", Data: text[10:], Store: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteString(text[:10]); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	middle := e.connect(t, user("", streamClaims))
	middle.do(`{"event":"hotsock.subscribe","channel":"room","data":{"rewind":10}}`,
		`{"event":"hotsock.subscribed","channel":"room","data":{"rewound":{"messages":0,"more":true},"lastId":"$_"},"meta":{"uid":null,"umd":null}}`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	middle.expect(fmt.Sprintf(`{"id":"$_","event":"hotsock.messageAppended","channel":"room","data":{"messageId":"%s","offset":%d,"version":3,"stream":{"state":"complete"},"text":""}}`, s.ID(), most-2))
	if _, err := e.anyNode().AppendMessage(ctx, hotsock.MessageAppend{Channel: "room", MessageID: s.ID(), Text: "y"}); err == nil {
		t.Error("it grows over the limit")
	}
	last := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: "after", Store: time.Hour}).ID
	middle.Next()

	for _, order := range []string{`"after":""`, `"reverse":true`} {
		var ids []string
		for bound := ""; ; {
			var page struct {
				Messages []struct {
					ID   string
					Data json.RawMessage
				}
				More bool
			}
			decodeJSON(t, middle.history(t, "room", ","+strings.Replace(order, `"after":""`, `"reverse":false`, 1)+bound).body, &page)
			if len(page.Messages) == 0 {
				break
			}
			for _, m := range page.Messages {
				if ids = append(ids, m.ID); m.ID == s.ID() && string(m.Data) != `"`+text+`"` {
					t.Errorf("%d bytes of %d", len(m.Data), most)
				}
			}
			name := "after"
			if strings.Contains(order, "reverse") {
				name = "before"
			}
			bound = fmt.Sprintf(`,%q:%q`, name, ids[len(ids)-1])
			if !page.More {
				break
			}
		}
		want := []string{first, s.ID(), last}
		if strings.Contains(order, "reverse") {
			want = []string{last, s.ID(), first}
		}
		if fmt.Sprint(ids) != fmt.Sprint(want) {
			t.Errorf("%s lists %v, want %v", order, ids, want)
		}
	}

	late := e.connect(t, user("", streamClaims))
	late.send(resume("room", `"`+first+`"`))
	var answer struct {
		Data struct{ Recovered bool }
	}
	decodeJSON(t, late.Next().Text, &answer)
	if answer.Data.Recovered != (most < 4<<20) {
		t.Errorf("recovered: %v", answer.Data.Recovered)
	}
	if answer.Data.Recovered {
		var v shown
		for v.state != "complete" {
			v.apply(t, late.Next().Text, s.ID())
		}
		if v.text != text {
			t.Errorf("who caught up shows %d bytes", len(v.text))
		}
	}
}
