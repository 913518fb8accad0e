package hotsock

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

// catchUp subscribes with the id of a message, and returns the events that
// follow what it was told.
func catchUp(t *testing.T, c *wstest.Conn, channel, after string) (recovered any, missed []string) {
	t.Helper()
	c.Send(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q,"data":{"after":%q}}`, channel, after))
	recovered = c.Expect("hotsock.subscribed").Member("recovered")
	c.Send(`{"event":"hotsock.ping"}`)
	before, _ := c.Until("hotsock.pong")
	for _, f := range before {
		missed = append(missed, f.Name())
	}
	return recovered, missed
}

func (r *rig) publish(channel, event string, data any, keep time.Duration) string {
	r.t.Helper()
	p, err := r.h.Publish(r.t.Context(), Message{Channel: channel, Event: event, Data: data, Store: keep})
	if err != nil {
		r.t.Fatal(err)
	}
	return p.ID
}

// Who may see the past from some time on cannot go on from a message of before,
// whether it is kept or not.
func TestCatchUpFromBeforeTheHistory(t *testing.T) {
	var start time.Time // zero for none
	o := Options{Authenticate: func(*http.Request) (*Claims, error) {
		return &Claims{Channels: map[string]ChannelClaims{"*": {Subscribe: Allow, HistoryStart: start}}}, nil
	}}
	for _, keep := range []time.Duration{0, time.Hour, Forever} {
		inRig(t, o, func(t *testing.T, r *rig) {
			old := r.publish("a", "old", nil, keep)
			time.Sleep(10 * time.Second)
			since := time.Now()
			time.Sleep(10 * time.Second)
			seen := r.publish("a", "seen", nil, keep)
			last := r.publish("a", "last", nil, keep)
			for _, row := range []struct {
				why       string
				start     time.Time
				after     string
				recovered bool
				missed    string
			}{
				{"from before the history", since, old, false, ""},
				{"from within it", since, seen, true, "last"},
				{"all of it may be seen", time.Unix(0, 0), old, true, "seen last"},
				{"none of it may be seen", time.Time{}, seen, false, ""},
				{"none of it, and nothing has happened since", time.Time{}, last, true, ""},
			} {
				start = row.start
				recovered, missed := catchUp(t, r.connect(""), "a", row.after)
				if recovered != row.recovered || strings.Join(missed, " ") != row.missed {
					t.Errorf("kept for %v, %s: recovered is %v, and it was sent %v", keep, row.why, recovered, missed)
				}
			}
			start = time.Time{}
		})
	}
}

// What was missed is read in pages, and sent whole or not at all.
func TestCatchUpInPages(t *testing.T) {
	const queue = 1 << 20
	inRig(t, Options{MaxQueueSize: queue}, func(t *testing.T, r *rig) {
		first := r.publish("a", "first", nil, 0)
		for range 30 {
			r.publish("a", "much", strings.Repeat("x", 30_000), 0)
		}
		c := r.connect("ann")
		if recovered, missed := catchUp(t, c, "a", first); recovered != true || len(missed) != 30 {
			t.Errorf("recovered is %v, with %d messages", recovered, len(missed))
		}
		if got := r.s.takeReplays(); got < 2 || got > 8 {
			t.Errorf("it was read in %d pages", got)
		}

		for range 10 {
			r.publish("a", "much", strings.Repeat("x", 30_000), 0)
			c.Expect("much")
		}
		d := r.connect("bob")
		if recovered, missed := catchUp(t, d, "a", first); recovered != false || len(missed) != 0 {
			t.Errorf("recovered is %v, with %d messages, more than may wait", recovered, len(missed))
		}
		if got := r.s.takeReplays(); got > 8 {
			t.Errorf("it was read in %d pages", got)
		}
		// That is known now.
		if recovered, _ := catchUp(t, d, "a", first); recovered != false || r.s.takeReplays() != 0 {
			t.Error("it was read again though it is too much")
		}
	})
}

// takeReplays returns how many pages were read since it was called last.
func (s *faultyStore) takeReplays() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.replays
	s.replays = 0
	return n
}

// What takes too long to be read is answered, once, and not tried again for the
// client.
func TestCatchUpTakesTooLong(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		id := map[string]string{"a": r.publish("a", "e", nil, 0), "b": r.publish("b", "e", nil, 0)}
		r.publish("a", "missed", nil, 0)
		r.s.mu.Lock()
		r.s.replaysHang = true
		r.s.mu.Unlock()
		c := r.connect("ann")
		for _, channel := range []string{"a", "a", "b"} {
			if recovered, missed := catchUp(t, c, channel, id[channel]); recovered != false || len(missed) != 0 {
				t.Errorf("%s: recovered is %v, and it was sent %v", channel, recovered, missed)
			}
		}
		time.Sleep(time.Minute)
		if got := r.s.takeReplays(); got != 1 {
			t.Errorf("it was read %d times", got)
		}
		r.publish("a", "live", nil, 0)
		c.Expect("live")
	})
}

// A subscribe waits for the store, and less and less often asks it.
func TestWaitingSubscribeBacksOff(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		r.s.setDown(true)
		before := r.h.Stats().StoreUnavailable
		c.Do(`{"event":"hotsock.subscribe","channel":"a"}`, "UNAVAILABLE")
		time.Sleep(time.Minute)
		if tries := r.h.Stats().StoreUnavailable - before; tries < 15 || tries > 50 {
			t.Errorf("the store was asked %d times in a minute", tries)
		}
		r.s.setDown(false)
		back := time.Now()
		c.Expect("hotsock.subscribed")
		if took := time.Since(back); took > 2*maxRetryInterval {
			t.Errorf("subscribed %v after the store was back", took)
		}
	})
}

// Of a channel on which more is sent while somebody subscribes than may wait for
// a client, that one gets no part: it is told to come back. Nobody else notices.
func TestTooMuchWhileSubscribing(t *testing.T) {
	inRig(t, Options{MaxQueueSize: 100_000}, func(t *testing.T, r *rig) {
		other := r.connect("bob")
		other.Subscribe("a")
		c := r.connect("ann")
		release := r.s.hold("a")
		c.Send(`{"event":"hotsock.subscribe","channel":"a"}`)
		time.Sleep(time.Millisecond)
		var last ulid.ULID
		for i := range 6 {
			last = ulid.MustNew(ulid.Now()+uint64(i)+1, ulid.DefaultEntropy())
			r.s.receiver.Deliver(&store.Item{ID: last, Channel: "a", Message: &store.Message{
				ID: last, Channel: "a", Event: fmt.Sprint(i), Data: []byte(`"` + strings.Repeat("x", 30_000) + `"`),
			}})
			other.Expect(fmt.Sprint(i))
		}
		release(nil)
		for {
			f, err := c.TryNext()
			if websocket.CloseStatus(err) == websocket.StatusTryAgainLater {
				break
			}
			if err != nil {
				t.Fatalf("closed with %v", err)
			}
			if f.Event != "hotsock.subscribed" {
				t.Fatalf("sent %.100s", f.Text)
			}
		}
	})
}

func TestReplayLimitIsBounded(t *testing.T) {
	for limit, ok := range map[int]bool{-1: false, 1: true, 10_000: true, maxReplayLimit: true, maxReplayLimit + 1: false} {
		h, err := New(Options{ReplayLimit: limit, Keys: []Key{{Algorithm: HS256, Secret: []byte(strings.Repeat("s", 32))}}})
		if (err == nil) != ok {
			t.Errorf("ReplayLimit %d: %v", limit, err)
		}
		if h != nil {
			_ = h.Close()
		}
	}
}

// A message that was updated while somebody waits for its frame has another one.
func TestCatchUpAfterUpdate(t *testing.T) {
	r := newCatchUpReader()
	m := store.Message{ID: ulid.Make(), Channel: "c", Event: "e", Data: []byte("1")}
	waiting := r.appendFrames(nil, []*store.Message{&m})
	edited := m
	edited.Data, edited.Updates, edited.Updated = []byte("22"), 1, ulid.Make()
	again := r.appendFrames(r.appendFrames(nil, []*store.Message{&edited}), []*store.Message{&m})
	if again[0].Len() <= waiting[0].Len() || again[1].Len() != waiting[0].Len() {
		t.Errorf("frames of %d bytes, and after an update of %d", waiting[0].Len(), again[0].Len())
	}
}
