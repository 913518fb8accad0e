package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// historyText is the text of the newest message, and its state.
func (r *rig) historyText() (text, state string) {
	r.t.Helper()
	page, err := r.h.History(context.WithoutCancel(r.t.Context()), HistoryQuery{Channel: "room", Reverse: true, Limit: 1})
	if err != nil || len(page.Items) != 1 {
		r.t.Fatalf("the history: %+v, %v", page, err)
	}
	if err := json.Unmarshal(page.Items[0].Data, &text); err != nil {
		r.t.Fatal(err)
	}
	return text, page.Items[0].Stream.State
}

// TestStreamInvalidText: a model may write any bytes, split anywhere. What is no character
// becomes U+FFFD, and the rest stays.
func TestStreamInvalidText(t *testing.T) {
	for _, row := range []struct {
		why    string
		pieces []string
	}{
		{"two beginnings of characters", []string{"\xe2\xe2", "."}},
		{"the beginning of one before that of another", []string{"a\xf0\x9f\xf0\x9f", "."}},
		{"much of it, over the bounds of what is sent at once", []string{strings.Repeat("\xe2", maxStreamWaits/4+1), "."}},
		{"ends of characters only", []string{"\x80\x80\x80\x80", "\x80."}},
		{"no UTF-8 at all", []string{"\xff\xfe", "\xc0\xaf."}},
		{"half of a surrogate pair", []string{"\xed\xa0\xbd", "\xed\xb8\x80."}},
		{"what JavaScript or JSON takes for something else", []string{"\x00\u2028", "\u2029\ufeff\x7f\\\"</script>."}},
		{"a character at every bound", []string{strings.Repeat("x", maxStreamWaits/8-1) + strings.Repeat("👋", maxStreamWaits/16), "."}},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				c, s := r.watcher("Jim"), r.stream(Message{})
				for _, piece := range row.pieces {
					if n, err := s.WriteString(piece); n != len(piece) || err != nil {
						t.Fatal(n, err)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				want := string([]rune(strings.Join(row.pieces, "")))
				v := newStreamView()
				v.show(t, c, s.ID())
				v.want(t, s.ID(), want, "complete")
				if got, _ := r.historyText(); got != want {
					t.Errorf("the history has %q, want %q", got, want)
				}
			})
		})
	}
}

// TestStreamWriters: writes of many goroutines come in whole, also if they have to wait.
func TestStreamWriters(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		s := r.stream(Message{})
		r.s.setDown(true)
		const each = maxStreamWaits * 3 / 2
		var writers sync.WaitGroup
		for i := range 6 {
			writers.Go(func() {
				if n, err := s.WriteString(strings.Repeat(string(rune('a'+i)), each) + "é"[:1]); n != each+1 || err != nil {
					t.Error(n, err)
				}
			})
		}
		synctest.Wait() // Some of them wait for the store.
		r.s.setDown(false)
		writers.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		got, _ := r.historyText()
		parts := strings.Split(got, "\ufffd")
		if len(parts) != 7 || parts[6] != "" {
			t.Fatalf("%d parts", len(parts))
		}
		for _, part := range parts[:6] {
			if part != strings.Repeat(part[:1], each) {
				t.Errorf("what others wrote came in between: %.100q", part)
			}
		}
	})
}

// TestStreamUnknown: nobody knows whether the message of a stream was published, which the
// app is told. Then nothing is left open, and no record.
func TestStreamUnknown(t *testing.T) {
	for _, published := range []bool{true, false} {
		t.Run(fmt.Sprint(published), func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				first := map[string]int{"room": 1}
				if r.s.failing = first; published {
					r.s.failing, r.s.unanswered = nil, first
				}
				m := Message{Channel: "room", Event: "answer", Store: time.Hour}
				if _, err := r.h.Stream(t.Context(), m); !errors.Is(err, &Error{Code: CodeUnavailable}) {
					t.Fatal(err)
				}
				r.awaitRecords()
				page, err := r.h.History(t.Context(), HistoryQuery{Channel: "room"})
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page.Items {
					if m.Stream.State == "open" {
						t.Error("the message is open for ever")
					}
				}
				if published != (len(page.Items) == 1) {
					t.Errorf("%d messages", len(page.Items))
				}
			})
		})
	}
}

// TestStreamOfDeadContext: a context that has ended begins nothing.
func TestStreamOfDeadContext(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.h.Stream(ctx, Message{Channel: "room", Event: "answer", Store: time.Hour}); err == nil {
			t.Error("it is begun")
		}
		r.awaitRecords()
		if page, err := r.h.History(t.Context(), HistoryQuery{Channel: "room"}); err != nil || len(page.Items) != 0 {
			t.Errorf("%+v, %v", page, err)
		}
	})
}

// TestWhileHeard: nobody must have listened for all of the time, whether or not something
// is written.
func TestWhileHeard(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		const patience = 10 * time.Second
		first, s := r.watcher("Jim"), r.stream(Message{}, WhileHeard(patience))
		write := func() {
			t.Helper()
			if _, err := s.WriteString("x"); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		write()
		first.Next()
		first.Next()
		time.Sleep(6 * patience) // The model thinks, and somebody listens.
		first.Cut()
		synctest.Wait()
		write() // while the page is loaded again
		time.Sleep(patience / 2)
		second := r.watcher("Jim")
		time.Sleep(patience)
		write()
		if second.Next(); s.Listeners() != 1 {
			t.Errorf("%d listeners", s.Listeners())
		}
		time.Sleep(patience * 4 / 10)
		second.Cut()
		gone := time.Now()
		synctest.Wait()
		write() // to nobody, who may have gone just now
		<-s.Context().Done()
		if cause := context.Cause(s.Context()); cause != ErrUnheard {
			t.Errorf("the cause is %v", cause)
		}
		if took := time.Since(gone); took < patience-time.Second || took > 2*patience+time.Second {
			t.Errorf("it ended after %v", took)
		}
	})
}

// TestStreamChanged: the end of a stream whose message somebody has changed fits to what
// the message has now.
func TestStreamChanged(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c, s := r.watcher("Jim"), r.stream(Message{Data: "before"})
		if _, err := r.h.UpdateMessage(t.Context(), MessageUpdate{Channel: "room", MessageID: s.ID(), Data: map[string]string{"text": "cut 👋 off"}}); err != nil {
			t.Fatal(err)
		}
		_, _ = s.WriteString("more")
		<-s.Context().Done()
		_ = s.Close()
		c.Next()
		c.Next()
		if last := c.Next().Text; !strings.Contains(last, `"offset":10,"version":3,"stream":{"state":"aborted","reason":"changed"}`) {
			t.Errorf("the end is %s", last)
		}
	})
}

// TestAppendWhere: it is clear where the text is, for all programs.
func TestAppendWhere(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		for _, row := range []struct{ why, data, want string }{
			{"two texts, which cannot be published", `{"text":"a","text":"bc"}`, ""},
			{"among others of that name", `{"x":{"text":"d"},"text":"a","y":[{"text":"b"}]}`, `{"x":{"text":"d"},"text":"a!","y":[{"text":"b"}]}`},
			{"in what it has", `{"x":{"text":"a"}}`, ""},
			{"another case", `{"Text":"a"}`, ""},
			{"written otherwise", `{"te\u0078t":"a"}`, `{"te\u0078t":"a!"}`},
			{"half of a surrogate pair, which cannot be published", `"a\ud83d"`, ""},
			{"a list", `["text"]`, ""},
		} {
			out, err := r.h.Publish(t.Context(), Message{Channel: "room", Event: "e", Store: time.Hour, Data: json.RawMessage(row.data)})
			if refused := errors.Is(err, &Error{Code: CodeInvalidJSON}); refused != strings.Contains(row.why, "cannot be published") {
				t.Errorf("%s: %v", row.why, err)
			}
			if err != nil {
				continue
			}
			_, err = r.h.AppendMessage(t.Context(), MessageAppend{Channel: "room", MessageID: out.ID, Text: "!"})
			if row.want == "" {
				if !errors.Is(err, &Error{Code: CodeInvalidRequest}) {
					t.Errorf("%s: %v", row.why, err)
				}
				continue
			}
			page, err := r.h.History(t.Context(), HistoryQuery{Channel: "room", Reverse: true, Limit: 1})
			if err != nil || string(page.Items[0].Data) != row.want {
				t.Errorf("%s: %s, %v", row.why, page.Items[0].Data, err)
			}
		}
	})
}
