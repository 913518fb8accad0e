//go:build !race

package protocoltest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Section 20: an answer of 150 tokens a second before a thousand viewers, of whom each tenth
// reloads. All have the same text in the end.
func TestStreamViewers(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: a thousand clients take seconds")
	}
	const viewers, tokens, each = 1000, 450, time.Second / 150
	claims := `{"room":{"subscribe":true,"historyStart":0}}`
	for _, top := range topologies[1:] {
		t.Run(top.name, func(t *testing.T) {
			e := newEnv(t, top.stores(t), nil)
			clients := make([]*reloading, viewers)
			for i := range clients {
				clients[i] = &reloading{e.connectTo(t, i%2, user("", claims)), "room"}
				clients[i].Subscribe("room")
			}
			s, err := e.nodes[0].Stream(t.Context(), hotsock.Message{Channel: "room", Event: "answer", Store: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			views := make([]shown, viewers)
			var wg sync.WaitGroup
			for i, c := range clients {
				wg.Go(func() {
					v := &views[i]
					for reloaded := i%10 > 0; v.state == "open" || v.state == ""; {
						v.apply(t, c.Next().Text, s.ID())
						if !reloaded && v.version > 2+i/10%15 {
							reloaded = true
							c.Cut()
							*v = shown{}
							c = c.again(t, e, claims, v, s.ID())
						}
					}
				})
			}
			var want strings.Builder
			tick := time.NewTicker(each)
			defer tick.Stop()
			for i := range tokens {
				<-tick.C
				token := fmt.Sprintf("tok%d👋 ", i)
				want.WriteString(token)
				if _, err := s.WriteString(token); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			for i, v := range views {
				if v.text != want.String() || v.state != "complete" {
					t.Errorf("viewer %d shows %d of %d bytes, %s", i, len(v.text), want.Len(), v.state)
				}
			}
		})
	}
}
