package hotsock

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// BenchmarkRewind compares a subscribe that brings messages with one after which the
// client lists them, over a real connection each.
func BenchmarkRewind(b *testing.B) {
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) { return everything("Jim"), nil }})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer func() {
		server.Close()
		if err := h.Close(); err != nil {
			b.Error(err)
		}
	}()
	for range 200 {
		m := Message{Channel: "room", Event: "chat", Data: strings.Repeat("x", 200), Store: time.Hour}
		if _, err := h.Publish(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
	const leave = `{"event":"hotsock.unsubscribe","channel":"room"}`
	for _, n := range []int{1, 50, 100} {
		b.Run(fmt.Sprintf("rewind/messages=%d", n), func(b *testing.B) {
			c := wstest.Dial(b, server.URL+"/", wstest.Options{})
			c.Greet()
			subscribe := fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"room","data":{"rewind":%d}}`, n)
			for b.Loop() {
				c.Do(subscribe, "hotsock.subscribed")
				for range n {
					c.Expect("chat")
				}
				c.Do(leave, "hotsock.unsubscribed")
			}
		})
		b.Run(fmt.Sprintf("list/messages=%d", n), func(b *testing.B) {
			c := wstest.Dial(b, server.URL+"/", wstest.Options{})
			var who struct{ ConnectionID, ConnectionSecret string }
			c.Greet().Decode(b, &who)
			url := fmt.Sprintf("%s/connection/listMessages?connectionId=%s&connectionSecret=%s", server.URL, who.ConnectionID, who.ConnectionSecret)
			body := fmt.Sprintf(`{"channel":"room","reverse":true,"limit":%d}`, n)
			for b.Loop() {
				c.Do(`{"event":"hotsock.subscribe","channel":"room"}`, "hotsock.subscribed")
				res, err := server.Client().Post(url, "", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				var page struct{ Messages []wstest.Frame }
				err = json.NewDecoder(res.Body).Decode(&page)
				if _ = res.Body.Close(); err != nil || len(page.Messages) != n {
					b.Fatalf("%s: %v, with %d messages", res.Status, err, len(page.Messages))
				}
				c.Do(leave, "hotsock.unsubscribed")
			}
		})
	}
}
