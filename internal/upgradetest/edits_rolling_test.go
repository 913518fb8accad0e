package upgradetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/transcript"
)

// An editor publishes messages of its own and edits them, one request after the other.
// Older nodes refuse it.
type editor struct {
	name string
	web  *http.Client
	ids  []string
	// last are the edits that were accepted last, by message; one that was not answered
	// is unknown, and may be the last. The data of a deletion is "".
	last, unknown map[string]string
	edited        *atomic.Int64
	next          int
}

// step publishes or edits, and goes on when that has failed.
func (e *editor) step(ctx context.Context) {
	e.next++
	data := fmt.Sprintf(`"%s %d"`, e.name, e.next)
	if len(e.ids) == 0 || e.next%4 == 0 {
		var m struct{ ID string }
		body := fmt.Sprintf(`{"channel":"room","event":"chat","data":%s,"store":3600,"eagerIdGeneration":true}`, data)
		if e.post(ctx, body, &m) == http.StatusAccepted {
			e.ids = append(e.ids, m.ID)
			e.last[m.ID] = data
		}
		return
	}
	id := e.ids[e.next*7%len(e.ids)]
	event, member := "hotsock.messageUpdate", `,"data":`+data
	if e.next%7 == 0 {
		event, member, data = "hotsock.messageDelete", "", ""
	}
	switch e.post(ctx, `{"channel":"room","event":"`+event+`","data":{"messageId":"`+id+`"`+member+`}}`, nil) {
	case http.StatusAccepted:
		e.last[id] = data
		delete(e.unknown, id)
		e.edited.Add(1)
	case 0:
		e.unknown[id] = data
	}
}

// post returns 0 if there was no answer.
func (e *editor) post(ctx context.Context, body string, answer any) (status int) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://app/rt/publish", strings.NewReader(body))
	if err != nil {
		panic(err) // The request above is good.
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	res, err := e.web.Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if answer != nil && json.NewDecoder(res.Body).Decode(answer) != nil {
		return 0
	}
	return res.StatusCode
}

// TestEditsInRollingDeployment replaces the nodes one by one, goes back and forth again,
// while messages are edited wherever a node can. In the end all show the same.
func TestEditsInRollingDeployment(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	b := new(balancer)
	nodes := []*node{s.node(before), s.node(before)}
	for _, n := range nodes {
		b.add(n)
	}
	balanced := &http.Client{Transport: &http.Transport{DialContext: b.dial, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	const viewers, editors = 6, 3
	var views [viewers]*transcript.Transcript
	var clients [viewers]*client.Client
	for i := range viewers {
		c, err := client.New(client.Options{
			URL:        "http://app/rt",
			Token:      func(context.Context) (string, error) { return token(t, fmt.Sprint("user", i), ""), nil },
			TokenInURL: true, // as nodes of 0.2 know it
			HTTPClient: &http.Client{Transport: balanced.Transport}, MinDelay: 20 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		sub, err := c.Subscribe(t.Context(), "room", nil)
		if err != nil {
			t.Fatal(err)
		}
		clients[i], views[i] = c, transcript.Follow(sub)
	}
	var edited atomic.Int64
	var all [editors]*editor
	editing, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	t.Cleanup(work.Wait) // A test that fails ends the context before.
	for i := range editors {
		all[i] = &editor{
			name: fmt.Sprint("editor", i), web: balanced, edited: &edited,
			last: make(map[string]string), unknown: make(map[string]string),
		}
		work.Go(func() { repeat(editing.Done(), func(int) { all[i].step(t.Context()) }) })
	}

	for _, next := range []build{now, before, now} {
		for i, old := range nodes {
			nodes[i] = s.node(next)
			b.add(nodes[i])
			b.remove(old)
			old.stop()
			if next.name == "now" || i == 0 { // else nobody can
				n := edited.Load()
				await.That(t, "edits", func() bool { return edited.Load() >= n+50 })
			}
		}
	}
	stop()
	work.Wait()

	want := make(map[string]string)
	ann := nodes[0].connect(t, "ann")
	ann.Subscribe("room")
	for after := ""; ; {
		page := listAfter(t, nodes[0], ann, "room", after)
		for _, m := range page {
			want[m.ID], after = string(m.Data), m.ID
		}
		if len(page) == 0 {
			break
		}
	}
	for _, e := range all {
		for id, data := range e.last {
			if other, open := e.unknown[id]; want[id] != data && (!open || want[id] != other) {
				t.Errorf("%s was edited to %s, and the history has %q", id, data, want[id])
			}
		}
	}
	for i, v := range views {
		await.Within(t, 10*time.Second, fmt.Sprintf("viewer %d to show what the history has", i), func() bool { return maps.Equal(v.Shows(), want) })
		t.Logf("viewer %d was told %d times that something may be missing", i, v.Gaps())
	}
	for _, c := range clients {
		_ = c.Close()
	}
	t.Logf("%d edits were accepted, %d messages are left", edited.Load(), len(want))
}
