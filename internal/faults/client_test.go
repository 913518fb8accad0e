package faults

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

// A frame is what a client is sent.
type frame struct {
	ID, Event, Channel, Ref, Key string

	Data  json.RawMessage
	Error *struct{ Code, Message string }
}

// A client is one WebSocket connection.
type client struct {
	ws         *websocket.Conn
	id, secret string
	// took is the time until hotsock.connected.
	took time.Duration

	mu      sync.Mutex
	refs    int
	waiting map[string]chan frame
	// ended is closed when the connection has ended.
	ended chan struct{}
}

var (
	errEnded   = errors.New("the connection has ended")
	errRefused = errors.New("the connection was refused")
)

// token lets a user do everything, and keep messages for so many seconds.
func token(uid string, keep int) string {
	t, err := hotsock.SignToken(hotsock.Claims{
		Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Hour), UID: uid,
		Channels: map[string]hotsock.ChannelClaims{"*": {
			Subscribe: hotsock.Allow, GetInfo: hotsock.Allow, HistoryStart: time.Unix(0, 0),
			Messages: map[string]hotsock.MessageClaims{"*": {
				Publish: hotsock.Allow, Broadcast: hotsock.Allow, Echo: hotsock.Allow, Store: time.Duration(keep) * time.Second,
				Update: hotsock.Allow, Delete: hotsock.Allow,
				ScheduleBefore: time.Now().Add(time.Hour),
			}},
			Storage: map[string]hotsock.StorageClaims{"*": {
				Get: hotsock.Allow, Set: hotsock.Allow, Observe: hotsock.Allow, ScheduleBefore: time.Now().Add(time.Hour),
			}},
		}},
	}, hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte(secret)})
	if err != nil {
		panic(err) // The claims above are good.
	}
	return t
}

// dial connects to a node. Every frame that answers no call of do is handed to
// on, one at a time. If the node refused, the error wraps errRefused, and the
// answer says how.
func dial(ctx context.Context, n *node, uid string, keep int, on func(frame)) (*client, *http.Response, error) {
	dialing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	began := time.Now()
	ws, res, err := websocket.Dial(dialing, n.url("ws")+"/rt/?token="+url.QueryEscape(token(uid, keep)), &websocket.DialOptions{HTTPClient: web})
	if err != nil {
		if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
			return nil, res, fmt.Errorf("%w: %w", errRefused, err)
		}
		return nil, nil, err
	}
	ws.SetReadLimit(-1)
	c := &client{ws: ws, waiting: make(map[string]chan frame), ended: make(chan struct{})}
	first, err := c.read(dialing)
	var hello struct{ ConnectionID, ConnectionSecret string }
	if err == nil {
		err = json.Unmarshal(first.Data, &hello)
	}
	if err != nil {
		_ = ws.CloseNow()
		return nil, nil, err
	}
	c.id, c.secret, c.took = hello.ConnectionID, hello.ConnectionSecret, time.Since(began)
	go c.run(ctx, on)
	return c, nil, nil
}

func (c *client) read(ctx context.Context) (frame, error) {
	var f frame
	_, b, err := c.ws.Read(ctx)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	return f, err
}

func (c *client) run(ctx context.Context, on func(frame)) {
	defer close(c.ended)
	defer c.ws.CloseNow()
	for {
		f, err := c.read(ctx)
		if err != nil {
			return
		}
		// Before the answer counts, so that nothing follows a subscription that
		// its view does not know.
		on(f)
		if f.Ref == "" {
			continue
		}
		c.mu.Lock()
		answer := c.waiting[f.Ref]
		delete(c.waiting, f.Ref)
		c.mu.Unlock()
		if answer != nil {
			answer <- f
		}
	}
}

// do sends a command and returns the answer, which may be an error frame. The
// error means that there was none.
func (c *client) do(ctx context.Context, command map[string]any) (frame, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	answer := make(chan frame, 1)
	c.mu.Lock()
	c.refs++
	ref := strconv.Itoa(c.refs)
	c.waiting[ref] = answer
	c.mu.Unlock()
	command["ref"] = ref
	b, err := json.Marshal(command)
	if err != nil {
		return frame{}, err
	}
	if err := c.ws.Write(ctx, websocket.MessageText, b); err != nil {
		return frame{}, err
	}
	select {
	case f := <-answer:
		return f, nil
	case <-c.ended:
		return frame{}, errEnded
	case <-ctx.Done():
		return frame{}, ctx.Err()
	}
}

// farClient makes this program a client, which runs on another machine: it is the
// URL of a node, and a channel.
const farClient = "HOTSOCK_FAULTS_FAR_CLIENT"

// runFarClient subscribes, and reads until the connection ends.
func runFarClient(at string) {
	at, channel, _ := strings.Cut(at, " ")
	scheme, addr, _ := strings.Cut(at, "://")
	web.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	ctx := context.Background()
	c, _, err := dial(ctx, &node{addr: addr, tls: scheme == "wss"}, "far", 0, func(frame) {})
	if err == nil {
		if _, err = c.do(ctx, map[string]any{"event": "hotsock.subscribe", "channel": channel}); err == nil {
			<-c.ended
		}
	}
	fmt.Fprintln(os.Stderr, "ended:", err)
	os.Exit(1)
}

func (c *client) close() {
	_ = c.ws.CloseNow()
	<-c.ended
}
