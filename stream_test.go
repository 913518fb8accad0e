package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

// A streamView is what a client shows of streamed messages, by their ids.
type streamView struct {
	text    map[string][]rune
	version map[string]int64
	state   map[string]string // "aborted: reason" has the reason, too
	frames  int               // notices
}

func newStreamView() *streamView {
	return &streamView{text: make(map[string][]rune), version: make(map[string]int64), state: make(map[string]string)}
}

// A streamFrame is a message, stored or as it is sent, or the notice of an append.
type streamFrame struct {
	ID, Event string
	Data      json.RawMessage
	Version   int64
	Stream    *streamState
}

type streamState struct{ State, Reason string }

func (s *streamState) text() string {
	if s.Reason != "" {
		return s.State + ": " + s.Reason
	}
	return s.State
}

// apply does what docs/protocol.md says of a frame. It returns what is wrong with it, "" if
// nothing is.
func (v *streamView) apply(frame []byte) string {
	var f streamFrame
	if err := json.Unmarshal(frame, &f); err != nil {
		return err.Error()
	}
	if f.Event != "hotsock.messageAppended" {
		var text string
		if f.Stream == nil || json.Unmarshal(f.Data, &text) != nil {
			return ""
		}
		version := max(f.Version, 1)
		if version >= v.version[f.ID] {
			v.text[f.ID], v.version[f.ID], v.state[f.ID] = []rune(text), version, f.Stream.text()
		}
		return ""
	}
	v.frames++
	var n struct {
		MessageID string
		Offset    int
		Version   int64
		Text      string
		Stream    *streamState
	}
	if err := json.Unmarshal(f.Data, &n); err != nil {
		return err.Error()
	}
	known, ok := v.version[n.MessageID]
	if !ok || n.Version <= known {
		return ""
	}
	if n.Version != known+1 {
		return fmt.Sprintf("version %d follows version %d", n.Version, known)
	}
	if units := utf16Units(string(v.text[n.MessageID])); n.Offset != units {
		return fmt.Sprintf("offset %d, and the text has %d", n.Offset, units)
	}
	v.text[n.MessageID], v.version[n.MessageID] = append(v.text[n.MessageID], []rune(n.Text)...), n.Version
	if n.Stream != nil {
		v.state[n.MessageID] = n.Stream.text()
	}
	return ""
}

func utf16Units(s string) (units int) {
	for _, r := range s {
		if units++; r > 0xFFFF {
			units++
		}
	}
	return units
}

// show applies frames until the stream of a message has ended.
func (v *streamView) show(t *testing.T, c *wstest.Conn, id string) {
	t.Helper()
	for v.state[id] == "" || v.state[id] == "open" {
		if wrong := v.apply([]byte(c.Next().Text)); wrong != "" {
			t.Fatal(wrong)
		}
	}
}

func (v *streamView) want(t *testing.T, id, text, state string) {
	t.Helper()
	if got := string(v.text[id]); got != text || v.state[id] != state {
		t.Errorf("the client shows %q, %s; want %q, %s", got, v.state[id], text, state)
	}
}

func (r *rig) stream(m Message, options ...StreamOption) *Stream {
	r.t.Helper()
	m.Channel, m.Event, m.Store = "room", "answer", time.Hour
	s, err := r.h.Stream(r.t.Context(), m, options...)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) watcher(uid string) *wstest.Conn {
	c := r.connect(uid)
	c.Send(`{"event":"hotsock.subscribe","channel":"room","ref":"s"}`)
	c.Next()
	return c
}

// TestStream writes tokens with characters of all lengths, split anywhere.
func TestStream(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.watcher("Jim")
		s := r.stream(Message{})
		const text = "Hällo 👋, \"world\"!\n\u2028\x00 Und so weiter…"
		for i := range 50 {
			for _, b := range []byte(text) {
				if n, err := s.Write([]byte{b}); n != 1 || err != nil {
					t.Fatal(n, err)
				}
			}
			if time.Sleep(20 * time.Millisecond); i == 25 && s.Listeners() != 1 {
				t.Errorf("%d listeners, want 1", s.Listeners())
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		v := newStreamView()
		v.show(t, c, s.ID())
		v.want(t, s.ID(), strings.Repeat(text, 50), "complete")
		if v.frames < 8 || v.frames > 11 {
			t.Errorf("%d frames in a second", v.frames)
		}
		if _, err := s.WriteString("more"); !errors.Is(err, ErrStreamEnded) || !errors.Is(context.Cause(s.Context()), ErrStreamEnded) {
			t.Errorf("writing after the end: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
		page, err := r.h.History(t.Context(), HistoryQuery{Channel: "room"})
		if err != nil || len(page.Items) != 1 || page.Items[0].Version != v.version[s.ID()] {
			t.Errorf("the history has %+v, %v", page, err)
		}
	})
}

// TestStreamFlush: what is flushed is there at once, and at most 25 times a second.
func TestStreamFlush(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.watcher("Jim")
		s := r.stream(Message{Data: map[string]any{"by": "model", "text": "Well, "}})
		began := time.Now()
		for i := range 26 {
			if _, err := fmt.Fprint(s, i, " "); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 900*time.Millisecond || took > 1100*time.Millisecond {
			t.Errorf("26 frames took %v", took)
		}
		if err := s.Abort("no\tmore " + strings.Repeat("é", 100)); err != nil {
			t.Fatal(err)
		}
		for range 27 {
			c.Next()
		}
		last := c.Next().Text
		if want := `"stream":{"state":"aborted","reason":"no more ` + strings.Repeat("é", 57) + `"},"text":""`; !strings.Contains(last, want) {
			t.Errorf("the last frame is %s", last)
		}
		page, err := r.h.History(t.Context(), HistoryQuery{Channel: "room"})
		if err != nil || !strings.HasSuffix(string(page.Items[0].Data), `"text":"Well, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 "}`) {
			t.Errorf("the history has %s, %v", page.Items[0].Data, err)
		}
	})
}

// TestStreamEnds: the context of a stream ends when it is of no use to write more, and
// says why, and the message says it to those who read it.
func TestStreamEnds(t *testing.T) {
	gone := errors.New("the asker is gone")
	tests := []struct {
		why   string
		do    func(t *testing.T, r *rig, s *Stream, cancel context.CancelCauseFunc)
		cause error
		state string
	}{
		{"stopped by the app", func(t *testing.T, r *rig, s *Stream, _ context.CancelCauseFunc) {
			if err := r.h.StopStream(t.Context(), "room", s.ID()); err != nil {
				t.Error(err)
			}
		}, ErrStreamStopped, "aborted: stopped"},
		{"its own context ends", func(_ *testing.T, _ *rig, _ *Stream, cancel context.CancelCauseFunc) { cancel(gone) }, gone, "aborted: canceled"},
		{"deleted", func(t *testing.T, r *rig, s *Stream, _ context.CancelCauseFunc) {
			if err := r.h.DeleteMessage(t.Context(), MessageDeletion{Channel: "room", MessageID: s.ID()}); err != nil {
				t.Error(err)
			}
			_, _ = s.WriteString("more")
		}, &Error{Code: CodeMessageNotFound}, "open"},
		{"updated", func(t *testing.T, r *rig, s *Stream, _ context.CancelCauseFunc) {
			if _, err := r.h.UpdateMessage(t.Context(), MessageUpdate{Channel: "room", MessageID: s.ID(), Data: "censored"}); err != nil {
				t.Error(err)
			}
			_, _ = s.WriteString("more")
		}, &Error{Code: CodeConflict}, "aborted: changed"},
		{"too long", func(t *testing.T, _ *rig, s *Stream, _ context.CancelCauseFunc) {
			if _, err := s.WriteString(strings.Repeat("x", 1000)); !errors.Is(err, &Error{Code: CodePayloadTooLarge}) {
				t.Errorf("writing too much: %v", err)
			}
		}, &Error{Code: CodePayloadTooLarge}, "aborted: too long"},
		{"nobody listens", func(_ *testing.T, _ *rig, _ *Stream, _ context.CancelCauseFunc) { time.Sleep(2 * time.Second) }, ErrUnheard, "aborted: unheard"},
		{"the handler shuts down", func(t *testing.T, r *rig, _ *Stream, _ context.CancelCauseFunc) {
			if err := r.h.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}, &Error{Code: CodeUnavailable}, "aborted: shutdown"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			inRig(t, Options{MaxDataSize: 100, MaxStreamSize: 500}, func(t *testing.T, r *rig) {
				reader, err := New(Options{Store: r.s.Store, Authenticate: func(*http.Request) (*Claims, error) { return nil, nil }})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = reader.Close() }()
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				s, err := r.h.Stream(ctx, Message{Channel: "room", Event: "answer", Store: time.Hour}, WhileHeard(time.Second))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.WriteString("Hello"); err != nil {
					t.Fatal(err)
				}
				if err := s.Flush(); err != nil {
					t.Fatal(err)
				}
				tt.do(t, r, s, cancel)
				<-s.Context().Done()
				if cause := context.Cause(s.Context()); !errors.Is(cause, tt.cause) {
					t.Errorf("the cause is %v, want %v", cause, tt.cause)
				}
				if err := s.Close(); !errors.Is(err, tt.cause) {
					t.Errorf("Close: %v", err)
				}
				if _, err := s.WriteString("more"); !errors.Is(err, tt.cause) {
					t.Errorf("writing: %v", err)
				}
				page, err := reader.node.History(t.Context(), store.HistoryRequest{Channel: "room", Limit: 10, MaxBytes: 1 << 20})
				if err != nil {
					t.Fatal(err)
				}
				if tt.why == "deleted" {
					if len(page.Messages) != 0 {
						t.Errorf("the history has %s", page.Messages[0].Data)
					}
					return
				}
				var state streamState
				if err := json.Unmarshal(page.Messages[0].Stream, &state); err != nil || state.text() != tt.state {
					t.Errorf("the state is %s, want %s", page.Messages[0].Stream, tt.state)
				}
			})
		})
	}
}

func TestStreamRefused(t *testing.T) {
	inRig(t, Options{MaxDataSize: 100, MaxStreamSize: 100}, func(t *testing.T, r *rig) {
		for _, row := range []struct {
			why  string
			m    Message
			code Code
		}{
			{"not stored", Message{Channel: "room", Event: "e"}, CodeInvalidRequest},
			{"never stored", Message{Channel: "room", Event: "e", Store: Never}, CodeInvalidRequest},
			{"a number", Message{Channel: "room", Event: "e", Store: time.Hour, Data: 1}, CodeInvalidRequest},
			{"no text", Message{Channel: "room", Event: "e", Store: time.Hour, Data: map[string]int{"text": 1}}, CodeInvalidRequest},
			{"a schedule", Message{Channel: "room", Event: "e", Store: time.Hour, At: time.Now().Add(time.Hour)}, CodeInvalidRequest},
			{"a deduplication id", Message{Channel: "room", Event: "e", Store: time.Hour, DeduplicationID: "1"}, CodeInvalidRequest},
			{"no channel", Message{Event: "e", Store: time.Hour}, CodeInvalidRequest},
			{"a reserved event", Message{Channel: "room", Event: "hotsock.x", Store: time.Hour}, CodeInvalidRequest},
			{"too long", Message{Channel: "room", Event: "e", Store: time.Hour, Data: strings.Repeat("x", 100)}, CodePayloadTooLarge},
		} {
			if _, err := r.h.Stream(t.Context(), row.m); !errors.Is(err, &Error{Code: row.code}) {
				t.Errorf("%s: %v", row.why, err)
			}
		}
		synctest.Wait()
		if keys, err := r.h.node.Keys(t.Context(), store.KeysRequest{Channel: streamChannel, Limit: 10}); err != nil || len(keys.Keys) != 0 {
			t.Errorf("records are left: %v, %v", keys.Keys, err)
		}
	})
}
