package protocoltest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// Random commands from several clients at once, on all nodes, that come and go,
// against a model of what each client must be answered, whatever the others do.
// At the end nothing of them must be left.
func TestLifecycle(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const clients, steps = 6, 120
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		var wg sync.WaitGroup
		for n := range clients {
			a := &actor{e: e, rnd: rand.New(rand.NewPCG(seed, uint64(n))), uid: fmt.Sprintf("u%d", n/2)}
			wg.Go(func() {
				a.connect(t)
				for range steps {
					if t.Failed() {
						return
					}
					a.step(t)
				}
				a.c.Cut()
			})
		}
		wg.Wait()
		for _, channel := range lifecycleChannels {
			left := `{"name":"` + channel + `","subscriptionsCount":0}`
			if channel == "presence.c" {
				left = `{"name":"` + channel + `","subscriptionsCount":0,"members":[]}`
			}
			for { // ends are carried out after the sockets are closed
				a := e.server(t, "GET", "/channels/"+channel, "")
				if t.Failed() || a.body == left {
					break
				}
			}
		}
	})
}

var lifecycleChannels = []string{"a", "b", "presence.c"}

// An actor is a client of the lifecycle test and what it knows.
type actor struct {
	e    *env
	c    *client
	rnd  *rand.Rand
	uid  string
	subs []string
	ref  int
	last map[string]string // id of the last message, by channel
}

func (a *actor) connect(t *testing.T) {
	t.Helper()
	a.c = a.e.connect(t, withUMD(a.uid, fmt.Sprint(a.rnd.IntN(2)), everything))
	a.subs, a.last = nil, make(map[string]string)
}

// step does one thing and checks its answer.
func (a *actor) step(t *testing.T) {
	t.Helper()
	channel := lifecycleChannels[a.rnd.IntN(len(lifecycleChannels))]
	in := slices.Contains(a.subs, channel)
	switch a.rnd.IntN(8) {
	case 0:
		if a.rnd.IntN(4) == 0 {
			if a.rnd.IntN(2) == 0 {
				a.c.Cut()
			} else {
				go func(c *client) { _ = c.TryClose(1000) }(a.c)
			}
			a.connect(t)
		}
	case 1, 2:
		if a.ask(t, fmt.Sprintf(`"event":"hotsock.subscribe","channel":%q`, channel), in, "hotsock.subscribed", "ALREADY_SUBSCRIBED") {
			a.subs = append(a.subs, channel)
			delete(a.last, channel)
		}
	case 3:
		if a.ask(t, fmt.Sprintf(`"event":"hotsock.unsubscribe","channel":%q`, channel), !in, "hotsock.unsubscribed", "NOT_SUBSCRIBED") {
			a.subs = slices.DeleteFunc(a.subs, func(s string) bool { return s == channel })
		}
	case 4:
		a.ask(t, fmt.Sprintf(`"event":"m","channel":%q,"data":%d`, channel, a.ref), false, "hotsock.ack", "")
	case 5:
		a.ask(t, fmt.Sprintf(`"event":"hotsock.channelStorageSet","channel":%q,"key":"k","data":%d`, channel, a.rnd.IntN(3)), false, "hotsock.ack", "")
	case 6:
		a.ask(t, fmt.Sprintf(`"event":"hotsock.channelStorageGet","channel":%q,"key":"k"`, channel), false, "hotsock.channelStorageData", "")
	case 7:
		status := a.c.history(t, channel, `,"reverse":true`).status
		if want := map[bool]int{true: 200, false: 403}[in]; status != want {
			t.Errorf("listMessages of %q: %d, want %d", channel, status, want)
		}
	}
}

// ask sends a command and reads up to its answer, which must be the event, or
// if it must fail, the error. It returns whether it succeeded.
func (a *actor) ask(t *testing.T, command string, mustFail bool, event, code string) bool {
	t.Helper()
	a.ref++
	ref := fmt.Sprint(a.ref)
	a.c.send(fmt.Sprintf(`{%s,"ref":%q}`, command, ref))
	for !t.Failed() {
		frame := a.c.Next().Text
		var m struct {
			ID, Event, Channel, Ref string
			Error                   struct{ Code string }
		}
		if err := json.Unmarshal([]byte(frame), &m); err != nil {
			t.Fatalf("%v: %s", err, frame)
		}
		if m.Ref != ref {
			a.delivered(t, m.Channel, m.ID, frame)
			continue
		}
		if mustFail {
			event = "hotsock.error"
		}
		if m.Event != event || mustFail && m.Error.Code != code {
			t.Fatalf("to %s: %s, want %s %s", command, frame, event, code)
		}
		return !mustFail
	}
	return false
}

// delivered checks what came without being asked for.
func (a *actor) delivered(t *testing.T, channel, id, frame string) {
	t.Helper()
	if !slices.Contains(a.subs, channel) {
		// The subscription may have begun with the answer that is awaited, but
		// that comes first.
		t.Fatalf("delivered without a subscription: %s", frame)
	}
	if id == "" {
		return
	}
	if id <= a.last[channel] {
		t.Fatalf("%s came after %s: %s", id, a.last[channel], frame)
	}
	a.last[channel] = id
}
