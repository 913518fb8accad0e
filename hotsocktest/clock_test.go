package hotsocktest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// Everything that is a matter of time follows the bubble's clock. Each row
// tells whether something still is as it was; it must be just before its time,
// and not just after.
func TestAdvanceDrives(t *testing.T) {
	for _, tt := range []struct {
		why   string
		after time.Duration
		early time.Duration // by which it may be over before
		begin func(t *testing.T, s *Server) (still func() bool)
	}{
		{"the deduplication window", 5 * time.Minute, 0, func(t *testing.T, s *Server) func() bool {
			m := hotsock.Message{Channel: "room", Event: "once", DeduplicationID: "1"}
			publish(t, s, m)
			s.Published.Expect("room", "once", nil)
			return func() bool {
				publish(t, s, m)
				return len(s.Published.left(func(Publication) bool { return true })) == 0
			}
		}},
		{"the history", time.Hour, 0, func(t *testing.T, s *Server) func() bool {
			publish(t, s, hotsock.Message{Channel: "room", Event: "kept", Store: time.Hour})
			return func() bool {
				history, err := s.Handler().History(t.Context(), hotsock.HistoryQuery{Channel: "room"})
				return err == nil && len(history.Items) == 1
			}
		}},
		{"the storage", time.Hour, 0, func(t *testing.T, s *Server) func() bool {
			_, err := s.Handler().SetStorage(t.Context(), hotsock.Entry{Channel: "room", Key: "k", Data: 1, Store: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			return func() bool {
				entries, err := s.Handler().Storage(t.Context(), hotsock.StorageQuery{Channel: "room"})
				return err == nil && len(entries.Items) == 1
			}
		}},
		{"a schedule", time.Hour, 0, func(t *testing.T, s *Server) func() bool {
			publish(t, s, hotsock.Message{Channel: "room", Event: "later", At: time.Now().Add(time.Hour)})
			return func() bool {
				schedules, err := s.Handler().Schedules(t.Context(), hotsock.ScheduleQuery{Channel: "room"})
				return err == nil && len(schedules.Items) == 1
			}
		}},
		{"the idle timeout", 10 * time.Minute, 0, func(t *testing.T, s *Server) func() bool {
			s.Dial(t, Everything("ann"))
			return connected(s)
		}},
		{"the heartbeat timeout", 30 * time.Second, 0, func(t *testing.T, s *Server) func() bool {
			claims := Everything("ann")
			claims.HeartbeatTimeout = 30 * time.Second
			s.Dial(t, claims)
			return connected(s)
		}},
		{"the age of a connection", 2 * time.Hour, 12 * time.Minute, func(t *testing.T, s *Server) func() bool {
			s.Connect(t, Everything("ann")) // It pings, so it is not idle.
			return connected(s)
		}},
		{"a token", time.Minute, 0, func(t *testing.T, s *Server) func() bool {
			claims := Everything("ann")
			claims.Expires = time.Now().Add(time.Minute)
			token := s.Token(claims)
			return func() bool {
				c, _, err := wstest.Try(t, s.URL+"/rt?token="+token, wstest.Options{HTTPClient: s.HTTPClient()})
				if err == nil {
					c.Cut()
				}
				return err == nil
			}
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := Start(t, Options{})
				still := tt.begin(t, s)
				s.Advance(tt.after - tt.early - time.Second)
				if !still() {
					t.Error("it is over too early")
				}
				s.Advance(tt.early + 12*time.Second) // Sockets do not read, so they do not answer a close.
				if still() {
					t.Error("it is not over")
				}
			})
		})
	}
}

// connected tells whether a connection has not ended.
func connected(s *Server) func() bool {
	return func() bool {
		return len(s.Events.left(func(e hotsock.Event) bool { return e.Type == hotsock.EventDisconnected })) == 0
	}
}
