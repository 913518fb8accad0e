package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// kept is the newest message as the history has it.
func (r *rig) kept() HistoryMessage {
	r.t.Helper()
	page, err := r.h.History(context.WithoutCancel(r.t.Context()), HistoryQuery{Channel: "room", Reverse: true, Limit: 1})
	if err != nil || len(page.Items) != 1 {
		r.t.Fatalf("the history: %+v, %v", page, err)
	}
	return page.Items[0]
}

// TestStreamUnanswered: nobody learns what became of some pieces, or of the end, which the
// store has. Nothing is doubled or missing, wherever in the data the text is.
func TestStreamUnanswered(t *testing.T) {
	for _, row := range []struct {
		why, want string
		data      any
	}{
		{"a string", `"Well, "`, "Well, "},
		{"the end of an object", `{"by":"model","text":"Well, "}`, json.RawMessage(`{"by":"model","text":"Well, "}`)},
		{"the beginning of one", `{"text":"Well, ","by":["model",{"text":""}]}`, json.RawMessage(`{"text":"Well, ","by":["model",{"text":""}]}`)},
		{"what is escaped in JSON", `"Well, "`, json.RawMessage(`"\u0057ell, "`)},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				c, s := r.watcher("Jim"), r.stream(Message{Data: row.data})
				const text = "\"👋\"\n"
				for range 3 {
					r.s.loseEdits(1)
					if _, err := s.WriteString(text); err != nil {
						t.Fatal(err)
					}
					if err := s.Flush(); err != nil {
						t.Fatal(err)
					}
				}
				r.s.loseEdits(1)
				if _, err := s.WriteString("the end"); err != nil { // in one edit with the state
					t.Fatal(err)
				}
				synctest.Wait() // What an edit without an answer was followed by is not urgent.
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				if err := s.Flush(); err != nil {
					t.Errorf("Flush: %v, though the store has all of it", err)
				}
				m := r.kept()
				want := strings.ReplaceAll(row.want, "Well, ", "Well, "+strings.Repeat(`\"👋\"\n`, 3)+"the end")
				if row.why == "what is escaped in JSON" {
					want = strings.Replace(want, "W", `\u0057`, 1)
				}
				if string(m.Data) != want || m.Stream.State != "complete" || m.Version != 5 {
					t.Errorf("the history has %s, %v, version %d; want %s", m.Data, m.Stream, m.Version, want)
				}
				c.Next() // the message
				offset := utf16Units("Well, ")
				for version := 2; version <= 5; version++ {
					var n struct {
						Offset, Version int
						Text            string
					}
					c.Next().Decode(t, &n)
					if n.Offset != offset || n.Version != version {
						t.Errorf("%+v is at %d, version %d", n, offset, version)
					}
					offset += utf16Units(n.Text)
				}
			})
		})
	}
}

// loseEdits has the next edits fail, though they are carried out.
func (s *faultyStore) loseEdits(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unansweredEdits = n
}

// TestStreamEndedElsewhere: whoever closes a stream learns that its message says something
// else, and the message keeps what it says.
func TestStreamEndedElsewhere(t *testing.T) {
	changed := func(t *testing.T, r *rig, s *Stream) {
		if _, err := r.h.UpdateMessage(t.Context(), MessageUpdate{Channel: "room", MessageID: s.ID(), Data: map[string]any{"text": "Hello, censored", "n": 1}}); err != nil {
			t.Fatal(err)
		}
	}
	lost := func(t *testing.T, r *rig, s *Stream) {
		if err := r.h.streams.markLost(t.Context(), &streamRecord{Channel: "room", Message: s.id}); err != nil {
			t.Fatal(err)
		}
	}
	const censored = `{"n":1,"text":"Hello, censored"}`
	for _, row := range []struct {
		why, data, state string
		do               func(t *testing.T, r *rig, s *Stream)
	}{
		{"another node has taken this one for dead", `"Hello"`, "lost", lost},
		{"a moderator has changed the message", censored, "aborted: changed", changed},
		{"changed, and changed again on the way", censored, "aborted: changed", func(t *testing.T, r *rig, s *Stream) {
			changed(t, r, s)
			changed(t, r, s)
		}},
		{"changed to what cannot grow", `1`, "aborted: changed", func(t *testing.T, r *rig, s *Stream) {
			if _, err := r.h.UpdateMessage(t.Context(), MessageUpdate{Channel: "room", MessageID: s.ID(), Data: 1}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		for _, more := range []string{"", "more"} {
			for _, end := range []string{"Close", "Abort"} {
				t.Run(row.why+"/"+end+more, func(t *testing.T) {
					inRig(t, Options{}, func(t *testing.T, r *rig) {
						s := r.stream(Message{Data: "Hello"})
						row.do(t, r, s)
						r.s.setDown(true) // What follows is written before anybody notices.
						if _, err := s.WriteString(more); err != nil {
							t.Fatal(err)
						}
						synctest.Wait()
						ended := make(chan error, 1)
						go func() {
							if end == "Abort" {
								ended <- s.Abort("changed")
								return
							}
							ended <- s.Close()
						}()
						synctest.Wait()
						r.s.setDown(false)
						if err := <-ended; !errors.Is(err, &Error{Code: CodeConflict}) {
							t.Errorf("%s: %v", end, err)
						}
						m := r.kept()
						state := streamState{m.Stream.State, m.Stream.Reason}
						if string(m.Data) != row.data || state.text() != row.state {
							t.Errorf("the history has %s, %s", m.Data, state.text())
						}
						if err := s.Close(); !errors.Is(err, &Error{Code: CodeConflict}) {
							t.Errorf("Close again: %v", err)
						}
						r.awaitRecords()
					})
				})
			}
		}
	}
}

// TestStreamRolledBack: the store has lost the newest pieces, as after a failover. They
// are written again.
func TestStreamRolledBack(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		s := r.stream(Message{Data: map[string]string{"text": "a"}})
		if _, err := s.WriteString("👋"); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		// No store forgets when it is told to: so the stream remembers more than there was.
		s.mu.Lock()
		s.text, s.sent = append(s.text, "cd"...), len(s.text)+2
		s.version, s.offset = s.version+2, s.offset+2
		s.mu.Unlock()
		if _, err := s.WriteString("e"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if m := r.kept(); string(m.Data) != `{"text":"a👋cde"}` || m.Stream.State != "complete" || m.Version != 3 {
			t.Errorf("the history has %s, %v, version %d", m.Data, m.Stream, m.Version)
		}
	})
}

// TestStreamCut: what somebody has taken from the text does not come back, though it is
// as if the store had lost it.
func TestStreamCut(t *testing.T) {
	for _, left := range []string{"", "Hel", "Hello"} {
		t.Run(left, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				s := r.stream(Message{Data: "Hello"})
				if _, err := s.WriteString(", world"); err != nil {
					t.Fatal(err)
				}
				if err := s.Flush(); err != nil {
					t.Fatal(err)
				}
				if _, err := r.h.UpdateMessage(t.Context(), MessageUpdate{Channel: "room", MessageID: s.ID(), Data: left}); err != nil {
					t.Fatal(err)
				}
				_, _ = s.WriteString("!")
				if err := s.Close(); !errors.Is(err, &Error{Code: CodeConflict}) {
					t.Errorf("Close: %v", err)
				}
				m := r.kept()
				if state := (streamState{m.Stream.State, m.Stream.Reason}); string(m.Data) != `"`+left+`"` || state.text() != "aborted: changed" {
					t.Errorf("the history has %s, %s", m.Data, state.text())
				}
			})
		})
	}
}

// TestAppendToOpenStream: nobody comes between the pieces of a stream.
func TestAppendToOpenStream(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		s := r.stream(Message{Data: "a"})
		for range 2 {
			_, err := r.h.AppendMessage(t.Context(), MessageAppend{Channel: "room", MessageID: s.ID(), Text: "x"})
			if !errors.Is(err, &Error{Code: CodeConflict}) {
				t.Errorf("appending to a stream: %v", err)
			}
			if _, err := s.WriteString("b"); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		version, err := r.h.AppendMessage(t.Context(), MessageAppend{Channel: "room", MessageID: s.ID(), Text: "x"})
		if text, state := r.historyText(); err != nil || version != 5 || text != "abbx" || state != "complete" {
			t.Errorf("appending after the end: version %d, %v; %s, %s", version, err, text, state)
		}
	})
}

// TestAppendOvertaken: others append between the reading of the message and the append.
func TestAppendOvertaken(t *testing.T) {
	for _, row := range []struct {
		why       string
		times     int // that somebody is faster
		ifVersion int64
		want      Code // "" if it comes in
	}{
		{why: "once", times: 1},
		{why: "as often as it is tried, but for one time", times: maxAppendTries - 1},
		{why: "always", times: maxAppendTries, want: CodeConflict},
		{why: "once, and it was to follow what it knows", times: 1, ifVersion: 1, want: CodeConflict},
	} {
		t.Run(row.why, func(t *testing.T) {
			w := newStoreWatch()
			inRig(t, Options{Observer: w}, func(t *testing.T, r *rig) {
				other := r.onSameStore()
				defer func() { _ = other.Close() }()
				m, err := r.h.Publish(t.Context(), Message{Channel: "room", Event: "e", Store: time.Hour, Data: "."})
				if err != nil {
					t.Fatal(err)
				}
				in := MessageAppend{Channel: "room", MessageID: m.ID, Text: "x"}
				var overtake func()
				left := row.times
				overtake = func() {
					if _, err := other.AppendMessage(context.Background(), in); err != nil {
						t.Error(err)
					}
					if left--; left > 0 {
						w.after["History"] = overtake
					}
				}
				w.after["History"] = overtake
				mine := in
				mine.Text, mine.IfVersion = "!", row.ifVersion
				version, err := r.h.AppendMessage(t.Context(), mine)
				want := "." + strings.Repeat("x", row.times)
				if row.want != "" {
					if !errors.Is(err, &Error{Code: row.want}) {
						t.Errorf("version %d, %v", version, err)
					}
				} else if want += "!"; err != nil || version != int64(row.times)+2 {
					t.Errorf("version %d, %v", version, err)
				}
				if m := r.kept(); string(m.Data) != `"`+want+`"` {
					t.Errorf("the history has %s, want %s", m.Data, want)
				}
			})
		})
	}
}
