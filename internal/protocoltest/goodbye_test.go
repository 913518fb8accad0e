package protocoltest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// While a server stops, clients go on publishing in all ways. It answers all that
// it carries out, and carries out nothing that it does not answer.
func TestGoodbye(t *testing.T) {
	t.Parallel()
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	for _, top := range topologies {
		t.Run(top.name, func(t *testing.T) {
			if testing.Short() && top.name == "two nodes on Redis" {
				t.Skip("not with -short: needs a Redis server")
			}
			for range rounds {
				stores := top.stores(t)
				e := newEnv(t, stores, nil)
				e.goodbye(t, e.start(t, stores[len(stores)-1], nil))
			}
		})
	}
}

// goodbye stops the first node. The reader is another one.
func (e *env) goodbye(t *testing.T, reader *hotsock.Handler) {
	const clients, requesters = 50, 5
	var answered sync.Map // the channels, by the data of the messages
	var publishing, warm sync.WaitGroup
	warm.Add(clients + 2*requesters)
	const claims = `{"*":{"subscribe":true,"messages":{"e":{"publish":true,"store":3600}}}}`
	// All connect before one publishes, which would hold them up.
	var sockets, requesting []*client
	for i := range clients {
		c := e.connectTo(t, 0, user("Jim", claims))
		c.Subscribe(fmt.Sprint("ws-", i))
		sockets = append(sockets, c)
	}
	for i := range requesters {
		c := e.connectTo(t, 0, user("Pam", claims))
		c.Subscribe(fmt.Sprint("client-", i))
		requesting = append(requesting, c)
	}
	for i, c := range sockets {
		publishing.Go(func() {
			err := c.publishOn(i, warm.Done, &answered)
			c.WantClose(err, websocket.StatusGoingAway, "Going away, all answered")
		})
	}
	for i, c := range requesting {
		publishing.Go(func() {
			e.publishByHTTP(t, "client", i, warm.Done, &answered, "/connection/publishMessage"+c.credentials())
		})
		publishing.Go(func() {
			e.publishByHTTP(t, "server", i, warm.Done, &answered, "/publish", "Authorization", "Bearer "+apiKeys[0])
		})
	}
	warm.Wait()
	ctx, cancel := e.context()
	defer cancel()
	if err := e.nodes[0].Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	publishing.Wait()

	// Of each channel the numbers are compared, since a server publishes thousands of
	// messages in this time, and a list takes longer to read than to make.
	published, first := make(map[string]int), make(map[string]string)
	answered.Range(func(_, channel any) bool {
		published[channel.(string)]++
		first[channel.(string)] = ""
		return true
	})
	kept, err := reader.CountSince(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	if len(published) != clients+2*requesters {
		t.Errorf("messages on only %d channels were answered", len(published))
	}
	for channel, n := range published {
		if kept[channel] != n {
			e.compare(t, reader, channel, &answered)
		}
	}
}

// compare names the messages of a channel that were either answered or kept.
func (e *env) compare(t *testing.T, reader *hotsock.Handler, channel string, answered *sync.Map) {
	t.Helper()
	ctx, cancel := e.context()
	defer cancel()
	q := hotsock.HistoryQuery{Channel: channel}
	for more := true; more; more = q.After != "" {
		page, err := reader.History(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			if _, ok := answered.LoadAndDelete(string(m.Data)); !ok {
				t.Errorf("%s was accepted, and not answered", m.Data)
			}
		}
		q.After = page.Next
	}
	answered.Range(func(data, of any) bool {
		if of == channel {
			t.Errorf("%s was answered, and is not there", data)
		}
		return true
	})
}

// publishOn publishes, a few at a time, until the connection ends. It calls warm
// once something was answered.
func (c *client) publishOn(i int, warm func(), answered *sync.Map) error {
	const together = 3
	begun := sync.OnceFunc(warm)
	defer begun() // The test goes on if it fails.
	for n := 0; ; n += together {
		for k := range together {
			text := fmt.Sprintf(`{"event":"e","channel":"ws-%d","data":"ws-%[1]d-%d","ref":"ws-%[1]d-%[2]d"}`, i, n+k)
			if err := c.TrySend(text); err != nil {
				break // Reading tells why.
			}
		}
		for range together {
			f, err := c.TryNext()
			if err != nil {
				return err
			}
			if f.Name() != "hotsock.ack" {
				return fmt.Errorf("got %s", f.Name())
			}
			answered.Store(wstest.Quote(f.Ref), fmt.Sprint("ws-", i))
		}
		begun()
	}
}

// publishByHTTP publishes until it is refused because the node stops.
func (e *env) publishByHTTP(t *testing.T, who string, i int, warm func(), answered *sync.Map, path string, header ...string) {
	begun := sync.OnceFunc(warm)
	defer begun()
	for n := 0; ; n++ {
		data := fmt.Sprintf(`"%s-%d-%d"`, who, i, n)
		status, body := e.post(t, path, fmt.Sprintf(`{"event":"e","channel":"%s-%d","data":%s,"store":3600}`, who, i, data), header...)
		switch status {
		case http.StatusAccepted:
			answered.Store(data, fmt.Sprintf("%s-%d", who, i))
		case http.StatusServiceUnavailable, http.StatusUnauthorized: // The client's connection has ended.
			return
		default:
			t.Errorf("%s: %d %s", data, status, body)
			return
		}
		begun()
	}
}

// post makes a request of the first node, as request does, but from any goroutine.
func (e *env) post(t *testing.T, path, body string, header ...string) (status int, answer []byte) {
	ctx, cancel := e.context()
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.nodes[0].base+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	for k := 0; k < len(header); k += 2 {
		r.Header.Set(header[k], header[k+1])
	}
	res, err := e.http.Do(r)
	if err != nil {
		t.Error(err)
		return 0, nil
	}
	answer, err = io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Error(err)
	}
	return res.StatusCode, answer
}
