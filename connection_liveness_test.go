package hotsock

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// leaves returns a channel that gets the moment at which the watcher, who reads
// from now on, is told that somebody has left.
func leaves(watcher *wstest.Conn) <-chan time.Time {
	left := make(chan time.Time, 1)
	go func() {
		for {
			f, err := watcher.TryNext()
			if err != nil {
				return
			}
			if f.Event == "hotsock.memberRemoved" {
				left <- time.Now()
			}
		}
	}()
	return left
}

// publishEvery publishes until the returned function is called.
func publishEvery(t *testing.T, h *Handler, pause time.Duration, channel string) (stop func()) {
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-time.After(pause):
				if _, err := h.Publish(t.Context(), Message{Channel: channel, Event: "e", Data: "something"}); err != nil {
					t.Error(err)
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-over }
}

// A client that is still connected and says nothing is gone for the others in time,
// however much it is sent. One that answers pings stays, and one that is sent
// nothing and sends nothing is idle.
func TestUnresponsiveClient(t *testing.T) {
	const atMost = 36 * time.Second // 25 and 10, and the time between two looks
	for name, pause := range map[string]time.Duration{"silent": time.Hour, "busy": 500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			inRig(t, Options{PingInterval: 25 * time.Second}, func(t *testing.T, r *rig) {
				bob, ann := r.connect("bob"), r.connect("ann")
				bob.Subscribe("presence.room")
				ann.Subscribe("presence.room")
				left := leaves(bob)
				read := make(chan error, 1)
				go func() { read <- ann.Drain() }()
				stop := publishEvery(t, r.h, pause, "presence.room")
				defer stop()
				time.Sleep(5 * time.Minute)
				if len(left) != 0 {
					t.Fatal("a client is gone that answers pings")
				}

				cat := r.connect("cat")
				cat.Subscribe("presence.room")
				silent := time.Now()
				closed := make(chan time.Time, 1)
				go func() { // past what would answer
					var last time.Time
					for b := make([]byte, 512); ; last = time.Now() {
						if _, err := cat.Under.Read(b); err != nil {
							closed <- last
							return
						}
					}
				}()
				at := <-left
				if d := at.Sub(silent); d < 10*time.Second || d > atMost {
					t.Errorf("gone after %v", d)
				}
				time.Sleep(time.Minute)
				if last := <-closed; !last.Equal(at) {
					t.Errorf("the others are told %v after the client is closed", at.Sub(last))
				}
				if s := nonzero(r.h.Stats()); s.Disconnected["unresponsive"] != 1 || len(s.Disconnected) != 1 || s.Connections != 2 {
					t.Errorf("%d connections, ended %v", s.Connections, s.Disconnected)
				}
				ann.Cut()
				if err := <-read; err == nil {
					t.Error("reading ends without an error")
				}
			})
		})
	}
}

// Pings keep nobody from being idle, and without them the server says nothing of
// its own accord.
func TestPingsAreNoMessages(t *testing.T) {
	for name, interval := range map[string]time.Duration{"pinged": 5 * time.Second, "not pinged": -1} {
		t.Run(name, func(t *testing.T) {
			inRig(t, Options{PingInterval: interval, IdleTimeout: time.Minute}, func(t *testing.T, r *rig) {
				c := r.connect("ann")
				start := time.Now()
				c.ExpectClose(websocket.StatusGoingAway, "Idle timeout")
				if d := time.Since(start); d < time.Minute || d > 61*time.Second {
					t.Errorf("closed after %v", d)
				}
			})
		})
	}
}

// Answers to pings do not count for the rate limit, however low it is.
func TestPongsAreNotLimited(t *testing.T) {
	inRig(t, Options{
		PingInterval: time.Second, IdleTimeout: time.Hour,
		ConnectionRateLimit: RateLimit{PerSecond: 0.001, Burst: 1},
	}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		ended := make(chan error, 1)
		go func() { ended <- c.Drain() }()
		time.Sleep(10 * time.Minute)
		if len(ended) != 0 {
			t.Errorf("disconnected: %v", <-ended)
		}
		c.Cut()
		if err := <-ended; err == nil {
			t.Error("reading ends without an error")
		}
	})
}

// Whoever does not read, or was thrown out, is gone for the others at once,
// although the close handshake takes long; who reads on is told why.
func TestGoneAtOnce(t *testing.T) {
	for _, row := range []struct {
		reason string
		code   websocket.StatusCode
		end    func(t *testing.T, r *rig)
	}{
		{"slow", websocket.StatusTryAgainLater, func(t *testing.T, r *rig) {
			for range 20 {
				if _, err := r.h.Publish(t.Context(), Message{Channel: "other", Event: "e", Data: strings.Repeat("x", 20_000)}); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"host", websocket.StatusServiceRestart, func(t *testing.T, r *rig) {
			if n, err := r.h.DisconnectUser(t.Context(), "cat"); err != nil || n != 1 {
				t.Fatal(n, err)
			}
		}},
	} {
		t.Run(row.reason, func(t *testing.T) {
			inRig(t, Options{MaxQueueSize: 64 << 10}, func(t *testing.T, r *rig) {
				bob := r.connect("bob")
				bob.Subscribe("presence.room")
				cat := r.connect("cat")
				cat.Subscribe("presence.room", "other")
				left := leaves(bob)
				// cat reads nothing: this waits in the pipe.
				if _, err := r.h.Publish(t.Context(), Message{Channel: "other", Event: "e", Data: strings.Repeat("x", 20_000)}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				start := time.Now()
				row.end(t, r)
				synctest.Wait()
				if len(left) != 1 || !(<-left).Equal(start) {
					t.Error("the others have not been told")
				}
				if s := r.h.Stats(); s.Connections != 1 || s.Disconnected[row.reason] != 1 {
					t.Errorf("%d connections, ended %v", s.Connections, s.Disconnected)
				}
				wantCounts(r, map[string]int{"presence.room": 1, "other": 0})
				time.Sleep(time.Second)
				if err := cat.Drain(); websocket.CloseStatus(err) != row.code {
					t.Errorf("closed with %v", err)
				}
			})
		})
	}
}

// A command that is being carried out when the connection ends makes nothing that
// stays, and neither do those behind it.
func TestCommandsBehindTheEnd(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		c := r.connect("ann")
		release := r.s.hold("a")
		c.Send(subscribeA)
		synctest.Wait()
		conn := r.h.conns.get(onlyConnection(r))
		conn.close(reasonHost)
		letOthersRun()
		release(nil)
		synctest.Wait()
		conn.command([]byte(`{"event":"hotsock.subscribe","channel":"b"}`))
		conn.autoSubscribe("c")
		wantCounts(r, map[string]int{"a": 0, "b": 0, "c": 0})
		c.Cut()
	})
}

// A connection ends while an unsubscribe fails that has begun before: the store is
// told in the end.
func TestEndBehindAFailedUnsubscribe(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Do(subscribeA, "hotsock.subscribed")
		conn := r.h.conns.get(onlyConnection(r))
		conn.ops.Lock()
		over := started(func() bool { conn.close(reasonHost); conn.end(nil); return true })
		if !conn.hasEnded() {
			t.Fatal("the end is not under way")
		}
		r.s.setDown(true)
		conn.endSubscription(conn.subscription("a"))
		r.s.setDown(false)
		conn.ops.Unlock()
		<-over
		wantCounts(r, map[string]int{"a": 0})
		c.Cut()
	})
}
