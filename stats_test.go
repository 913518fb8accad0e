package hotsock

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// nonzero drops what counts nothing, so that tests say what does.
func nonzero(s Stats) Stats {
	for k, n := range s.Disconnected {
		if n == 0 {
			delete(s.Disconnected, k)
		}
	}
	for k, n := range s.Errors {
		if n == 0 {
			delete(s.Errors, k)
		}
	}
	if len(s.Disconnected) == 0 {
		s.Disconnected = nil
	}
	if len(s.Errors) == 0 {
		s.Errors = nil
	}
	return s
}

func TestStats(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		s := r.h.Stats()
		// All but reasonNone.
		if len(s.Disconnected) != len(closeReasons)-1 || len(s.Errors) != len(codes) {
			t.Errorf("%d reasons and %d codes: some are missing", len(s.Disconnected), len(s.Errors))
		}
		if d := cmp.Diff(Stats{StoreCalls: 6}, nonzero(s)); d != "" {
			t.Errorf("at first, with what is revoked, erased and streamed read (-want +got):\n%s", d)
		}

		jim, ann := r.connect("Jim"), r.connect("Ann")
		for _, c := range []*wstest.Conn{jim, ann} {
			c.Subscribe("room")
		}
		jim.Do(`{"event":"hotsock.subscribe","channel":"room"}`, "ALREADY_SUBSCRIBED")
		for range 3 {
			jim.Do(`{"event":"chat","channel":"room","data":"hi"}`, "chat")
			ann.Expect("chat")
		}
		if _, err := r.h.SetStorage(t.Context(), Entry{Channel: "room", Key: "k", Data: 1}); err != nil {
			t.Fatal(err)
		}
		jim.Expect("hotsock.channelStorageUpdated")
		ann.Expect("hotsock.channelStorageUpdated")
		if _, err := r.h.Publish(t.Context(), Message{Channel: "elsewhere", Event: "e", At: time.Now().Add(time.Second)}); err != nil {
			t.Fatal(err)
		}
		r.s.setDown(true)
		jim.Do(`{"event":"chat","channel":"room"}`, "UNAVAILABLE")
		r.s.setDown(false)
		ann.Cut()
		r.s.receiver.Lost("nowhere")
		r.s.receiver.Rejoin()
		time.Sleep(2 * time.Second)
		synctest.Wait()

		s = nonzero(r.h.Stats())
		if s.SentBytes == 0 || s.StoreCalls < 8 {
			t.Errorf("%d bytes sent, %d calls of the store", s.SentBytes, s.StoreCalls)
		}
		s.SentBytes, s.StoreCalls = 0, 0
		want := Stats{
			Connections: 1, Subscriptions: 1, Channels: 1,
			Connected: 2, Disconnected: map[string]uint64{"client": 1},
			Published: 3, Items: 4, Delivered: 8,
			Errors:           map[Code]uint64{CodeAlreadySubscribed: 1, CodeUnavailable: 1},
			StoreUnavailable: 1, Lost: 1, Rejoined: 1, SchedulesFired: 1,
		}
		if d := cmp.Diff(want, s); d != "" {
			t.Errorf("after all (-want +got):\n%s", d)
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err) // for expvar and the like
		}
	})
}

// Bytes wait while a client does not read, and are given up with it.
func TestStatsOfSlowClient(t *testing.T) {
	inRig(t, Options{MaxQueueSize: 64 << 10, WriteTimeout: time.Hour}, func(t *testing.T, r *rig) {
		c := r.connect("Slow")
		c.Subscribe("room")
		publish := func() {
			t.Helper()
			if _, err := r.h.Publish(t.Context(), Message{Channel: "room", Event: "e", Data: strings.Repeat("x", 20_000)}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		publish() // is being written, which counts
		publish()
		if q := r.h.Stats().QueuedBytes; q < 40_000 || q > 41_000 {
			t.Errorf("%d bytes are queued for a client that does not read", q)
		}
		for range 5 {
			publish()
		}
		c.Cut()
		synctest.Wait()
		if s := nonzero(r.h.Stats()); s.QueuedBytes != 0 || s.Connections != 0 || s.Disconnected["slow"] != 1 {
			t.Errorf("after it is gone: %+v", s)
		}
	})
}

func TestStatsOfEnds(t *testing.T) {
	ended := func(t *testing.T, r *rig, want string) {
		t.Helper()
		synctest.Wait()
		if s := nonzero(r.h.Stats()); s.Connections != 0 || s.Disconnected[want] != 1 || len(s.Disconnected) != 1 {
			t.Errorf("%d connections, ended %v, want %s", s.Connections, s.Disconnected, want)
		}
	}
	heartbeat := func(*http.Request) (*Claims, error) {
		c := everything("Jim")
		c.HeartbeatTimeout = 5 * time.Second
		return c, nil
	}
	for _, row := range []struct {
		want string
		o    Options
		do   func(r *rig)
	}{
		{"expired", Options{MaxConnectionDuration: time.Second}, func(*rig) { time.Sleep(2 * time.Second) }},
		{"idle", Options{IdleTimeout: time.Second}, func(*rig) { time.Sleep(2 * time.Second) }},
		{"heartbeat", Options{Authenticate: heartbeat}, func(*rig) { time.Sleep(10 * time.Second) }},
		{"host", Options{}, func(r *rig) { _, _ = r.h.DisconnectUser(context.Background(), "Jim") }},
		{"revoked", Options{}, func(r *rig) { r.revoke(Revocation{UID: "Jim"}, 1) }},
		{"shutdown", Options{}, func(r *rig) { _ = r.h.Shutdown(context.Background()) }},
	} {
		t.Run(row.want, func(t *testing.T) {
			inRig(t, row.o, func(t *testing.T, r *rig) {
				c := r.connect("Jim")
				go func() { _ = c.Drain() }() // the close must be answered
				row.do(r)
				ended(t, r, row.want)
			})
		})
	}
}

// An event sink that stands still loses events, which are counted.
func TestStatsOfDroppedEvents(t *testing.T) {
	const more = 100
	var hold chan struct{}
	inRig(t, Options{Events: EventSinkFunc(func(context.Context, Event) error { <-hold; return nil })}, func(t *testing.T, r *rig) {
		hold = make(chan struct{}) // of the bubble
		for range eventQueue + 1 + more {
			if _, err := r.h.Publish(t.Context(), Message{Channel: "c", Event: "e", EmitEvent: true}); err != nil {
				t.Fatal(err)
			}
			if r.h.Stats().EventsDropped == 0 {
				synctest.Wait()
			}
		}
		if n := r.h.Stats().EventsDropped; n != more {
			t.Errorf("%d events were dropped, want %d", n, more)
		}
		close(hold)
	})
}
