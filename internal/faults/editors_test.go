package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	goclient "github.com/hotsock-go/hotsock/client"
)

// editChannel is where editors edit.
const editChannel = "room"

// goClient connects the Go client to the nodes in turn, and subscribes it.
func (tr *trial) goClient(at func() *node, uid, after string) (*goclient.Client, *goclient.Subscription) {
	web := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at().addr)
		},
	}}
	c, err := goclient.New(goclient.Options{
		URL: "http://app/rt", Token: func(context.Context) (string, error) { return token(uid, 3600), nil },
		HTTPClient: web, MinDelay: 20 * time.Millisecond, MaxDelay: 500 * time.Millisecond,
	})
	if err != nil {
		tr.fatalf("%v", err)
	}
	tr.onEnd(func() { _ = c.Close() })
	sub, err := c.Subscribe(tr.ctx, editChannel, &goclient.SubscribeOptions{After: after})
	if err != nil {
		tr.fatalf("%s cannot subscribe: %v", uid, err)
	}
	return c, sub
}

// post publishes until that is accepted, as one message, and returns its id.
func (tr *trial) post(at func() *node, body map[string]any) (id string) {
	body["channel"], body["eagerIdGeneration"], body["deduplicationId"] = editChannel, true, fmt.Sprint(body["event"], body["data"])
	for tr.ctx.Err() == nil {
		a, err := at().request(tr.ctx, http.MethodPost, "/rt/publish", body)
		var m struct{ ID string }
		if err == nil && a.status == http.StatusAccepted && json.Unmarshal(a.body, &m) == nil {
			return m.ID
		}
		pause(tr.ctx, 20*time.Millisecond)
	}
	return ""
}

// history is what a node lists of a channel: the data of each message by its id.
func (tr *trial) history(n *node, channel string) (map[string]string, error) {
	all := make(map[string]string)
	for after := ""; ; {
		a, err := n.request(tr.ctx, http.MethodGet, "/rt/channels/"+url.PathEscape(channel)+"/messages?after="+url.QueryEscape(after), nil)
		if err != nil {
			return nil, err
		}
		var page struct {
			Messages []struct {
				ID   string
				Data json.RawMessage
			}
			Next string
		}
		if a.status != http.StatusOK {
			return nil, errors.New(a.code)
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			all[m.ID] = string(m.Data)
		}
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

// An ownEditor publishes messages and edits them, one after the other, each time until
// it is accepted.
type ownEditor struct {
	tr             *trial
	at             func() *node
	name           string
	ids            []string
	last           map[string]string // accepted, by message; "" if it was deleted
	next, accepted int
}

func (e *ownEditor) step(ctx context.Context) {
	e.next++
	data := fmt.Sprintf("%s.%d", e.name, e.next)
	if len(e.ids) == 0 || e.next%5 == 0 {
		id := e.tr.post(e.at, map[string]any{"event": "chat", "data": data, "store": 3600})
		e.ids, e.last[id] = append(e.ids, id), data
		return
	}
	id := e.ids[e.next*7%len(e.ids)]
	event, body := "hotsock.messageUpdate", map[string]any{"messageId": id, "data": data}
	if e.next%11 == 0 || e.last[id] == "" { // The second time, it is not there.
		event, body, data = "hotsock.messageDelete", map[string]any{"messageId": id}, ""
	}
	for ctx.Err() == nil {
		a, err := e.at().request(ctx, http.MethodPost, "/rt/publish", map[string]any{"channel": editChannel, "event": event, "data": body})
		switch {
		case err != nil || a.code == "UNAVAILABLE":
			pause(ctx, 20*time.Millisecond)
			continue
		case a.status == http.StatusAccepted:
			e.accepted++
		case a.code != "MESSAGE_NOT_FOUND" || data != "" && !e.tr.failover:
			e.tr.failf("%s of %s: %d %s", event, id, a.status, a.body)
		default: // gone, by an earlier try or with the master
			data = ""
		}
		e.last[id] = data
		return
	}
}

// check returns how many messages are not as they were left.
func (e *ownEditor) check(history map[string]string) (wrong int) {
	for id, data := range e.last {
		want := ""
		if data != "" {
			want = `"` + data + `"`
		}
		if history[id] != want {
			wrong++
			e.tr.logf("%s left %s as %q, and the history has %q", e.name, id, want, history[id])
		}
	}
	return wrong
}

// A commonEditor adds to a message that others edit, too, on top of what they have done,
// each time until it knows that this is there.
type commonEditor struct {
	tr              *trial
	sub             *goclient.Subscription
	name, message   string
	accepted        []string
	next, conflicts int
}

func (c *commonEditor) step(ctx context.Context) {
	c.next++
	tag := fmt.Sprintf(" %s.%d;", c.name, c.next)
	for ; ctx.Err() == nil; pause(ctx, 20*time.Millisecond) {
		m, err := c.read(ctx)
		if err != nil {
			continue
		}
		var text string
		_ = json.Unmarshal(m.Data, &text) // It is what is written below.
		if strings.Contains(text, tag) {  // An earlier try was carried out.
			break
		}
		_, err = c.sub.UpdateIf(ctx, c.message, m.Version, text+tag)
		if err == nil {
			break
		}
		if errors.Is(err, &goclient.Error{Code: "CONFLICT"}) {
			c.conflicts++
		}
	}
	if ctx.Err() == nil {
		c.accepted = append(c.accepted, tag)
	}
}

// read returns the message, which is the oldest one.
func (c *commonEditor) read(ctx context.Context) (goclient.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for m, err := range c.sub.History(ctx, nil) {
		return m, err
	}
	return goclient.Message{}, errors.New("there is no message")
}

// check returns how many of its additions are not there just once.
func (c *commonEditor) check(data string) (wrong int) {
	for tag := range slices.Values(c.accepted) {
		if n := strings.Count(data, tag); n != 1 {
			wrong++
			c.tr.logf("%q is there %d times", tag, n)
		}
	}
	return wrong
}
