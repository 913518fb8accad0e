package hotsock

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A body that comes a byte at a time does not hold a request for longer than it
// may take, however much of it is announced.
func TestSlowBodies(t *testing.T) {
	for _, tt := range []struct {
		name, head string
		status     int
	}{
		{"client's API", "POST /rt/connection/publishMessage?connectionId=x&connectionSecret=y HTTP/1.1\r\nHost: rig\r\n", 400},
		{"what a client without a WebSocket sends", "POST /rt/connection/send?connectionId=x&connectionSecret=y HTTP/1.1\r\nHost: rig\r\n", 400},
		{"a request for its frames", "GET /rt/stream?uid=x HTTP/1.1\r\nHost: rig\r\n", 400},
		{"server's API", "POST /rt/publish HTTP/1.1\r\nHost: rig\r\nAuthorization: Bearer k\r\n", 400},
		// Bodies that nobody asked for, which the HTTP server reads to the end.
		{"no key", "POST /rt/publish HTTP/1.1\r\nHost: rig\r\n", 401},
		{"nothing there", "POST /rt/nothing HTTP/1.1\r\nHost: rig\r\n", 404},
		{"a GET", "GET /rt/schedules HTTP/1.1\r\nHost: rig\r\nAuthorization: Bearer k\r\n", 200},
	} {
		name, head := tt.name, tt.head
		for framing, body := range map[string]string{
			"announced": "Content-Length: 200000\r\n\r\n", "chunked": "Transfer-Encoding: chunked\r\n\r\n",
		} {
			inRig(t, Options{APIKeys: []string{"k"}}, func(t *testing.T, r *rig) {
				conn, err := r.l.DialContext(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				began := time.Now()
				answered := make(chan *http.Response, 1)
				go func() {
					res, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if err != nil {
						t.Errorf("%s, %s: %v", name, framing, err)
					}
					answered <- res
				}()
				_, err = io.WriteString(conn, head+body)
				for err == nil {
					if framing == "chunked" {
						_, err = io.WriteString(conn, "1\r\n{\r\n")
					} else {
						_, err = io.WriteString(conn, "{")
					}
					select {
					case res := <-answered:
						if res != nil && res.StatusCode != tt.status {
							t.Errorf("%s, %s: %s", name, framing, res.Status)
						}
						if d := time.Since(began); d > bodyTimeout+time.Second {
							t.Errorf("%s, %s: it took %v", name, framing, d)
						}
						return
					case <-time.After(time.Second):
					}
				}
				t.Errorf("%s, %s: cut off without an answer: %v", name, framing, err)
			})
		}
	}
}

// Strangers cannot make the store look for whatever they like.
func TestNodesOfConnections(t *testing.T) {
	random := strings.Repeat("r", randomLength)
	for id, node := range map[string]string{
		newConnectionID("n1"):                   "n1",
		random + "A-Za_09":                      "A-Za_09",
		random + strings.Repeat("n", 22):        "nnnnnnnnnnnnnnnnnnnnnn",
		random + strings.Repeat("n", 23):        "",
		random:                                  "",
		"":                                      "",
		random + "n}":                           "",
		random + "n\x00":                        "",
		random + "n:1":                          "",
		random + "*":                            "",
		random[1:] + "é":                        "",
		strings.Repeat("/", randomLength) + "n": "",
	} {
		if got, ok := nodeOf(id); got != node || ok != (node != "") {
			t.Errorf("the node of %q is %q, %v", id, got, ok)
		}
	}
}

// What waits for the store is as bounded as what has been done.
func TestWaitingSubscribesAreBounded(t *testing.T) {
	inRig(t, Options{MaxSubscriptions: 2}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.setDown(true)
		c.Do(`{"event":"hotsock.subscribe","channel":"b"}`, "UNAVAILABLE")
		c.Do(`{"event":"hotsock.subscribe","channel":"b"}`, "UNAVAILABLE")
		c.Do(`{"event":"hotsock.subscribe","channel":"c"}`, "RATE_LIMITED")
		r.s.setDown(false)
		if m := c.Expect("hotsock.subscribed"); m.Channel != "b" {
			r.t.Errorf("subscribed to %v", m.Channel)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		c.Do(`{"event":"hotsock.unsubscribe","channel":"c"}`, "NOT_SUBSCRIBED")
	})
}
