package hotsock

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// TestStreamByteByByte: whoever writes single bytes costs viewers and the store no more
// than others.
func TestStreamByteByByte(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c, s := r.watcher("Jim"), r.stream(Message{})
		text := strings.Repeat("é👋\"\n.", 4000)
		for i := range len(text) {
			if n, err := s.Write([]byte{text[i]}); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		v := newStreamView()
		v.show(t, c, s.ID())
		v.want(t, s.ID(), text, "complete")
		if v.frames > 5 { // One byte, at most what may wait, and the rest.
			t.Errorf("%d frames", v.frames)
		}
	})
}

// TestStreamTooLong: what cannot fit is refused before it is copied, and nothing of it is
// sent; what only turns out to be too long is sent as far as it fits.
func TestStreamTooLong(t *testing.T) {
	const most = 1 << 20
	for _, row := range []struct {
		why   string
		begin int // bytes that are written before
		text  []byte
		n     int // bytes of it that are written
	}{
		{"100 MB", 10, make([]byte, 100<<20), 0},
		{"a byte too many", most - 102, bytes.Repeat([]byte("x"), 101), 0},
		{"what is longer as JSON", 10, bytes.Repeat([]byte{0}, most/4), (most - 12) / 6 / (maxStreamWaits / 8) * (maxStreamWaits / 8)},
		{"the end of a character whose beginning was just right", most - 4, []byte("👋"), 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				s := r.stream(Message{})
				if _, err := s.WriteString(strings.Repeat("x", row.begin)); err != nil {
					t.Fatal(err)
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				n, err := s.Write(row.text)
				runtime.ReadMemStats(&after)
				if n != row.n || !errors.Is(err, &Error{Code: CodePayloadTooLarge}) {
					t.Errorf("%d bytes, %v; want %d", n, err, row.n)
				}
				if took := after.TotalAlloc - before.TotalAlloc; took > 32*most {
					t.Errorf("it took %d bytes of memory", took)
				}
				if err := s.Close(); !errors.Is(err, &Error{Code: CodePayloadTooLarge}) {
					t.Errorf("Close: %v", err)
				}
				text, state := r.historyText()
				if want := strings.Repeat("x", row.begin) + string(row.text[:row.n]); text != want || state != "aborted" {
					t.Errorf("the history has %d bytes, %s; want %d", len(text), state, len(want))
				}
			})
		})
	}
}

// TestStreamJustFits: a text of exactly the greatest length is complete. The beginning of a
// character for whose replacement there is no room is left out.
func TestStreamJustFits(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{strings.Repeat("x", 98), strings.Repeat("x", 98)},
		{strings.Repeat("x", 95) + "\xf0\x9f", strings.Repeat("x", 95) + "\ufffd"},
		{strings.Repeat("x", 96) + "\xf0\x9f", strings.Repeat("x", 96)},
	} {
		inRig(t, Options{MaxDataSize: 100, MaxStreamSize: 100}, func(t *testing.T, r *rig) {
			s := r.stream(Message{})
			if n, err := s.WriteString(row.text); n != len(row.text) || err != nil {
				t.Fatal(n, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if text, state := r.historyText(); text != row.want || state != "complete" {
				t.Errorf("the history has %q, %s; want %q", text, state, row.want)
			}
		})
	}
}

// TestStreamEndsWrite: whatever ends a stream ends a Write that waits for the store, which
// says how much it has taken, and a Flush.
func TestStreamEndsWrite(t *testing.T) {
	gone := errors.New("the asker is gone")
	for _, row := range []struct {
		why   string
		do    func(s *Stream, cancel context.CancelCauseFunc)
		cause error
		state string
	}{
		{"Close", func(s *Stream, _ context.CancelCauseFunc) { _ = s.Close() }, ErrStreamEnded, "complete"},
		{"Abort", func(s *Stream, _ context.CancelCauseFunc) { _ = s.Abort("enough") }, ErrStreamEnded, "aborted"},
		{"its context", func(_ *Stream, cancel context.CancelCauseFunc) { cancel(gone) }, gone, "aborted"},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				s, err := r.h.Stream(ctx, Message{Channel: "room", Event: "answer", Store: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				r.s.setDown(true)
				if _, err := s.WriteString("\xf0\x9f"); err != nil { // of the character that follows
					t.Fatal(err)
				}
				rest := "\x91\x8b" + strings.Repeat("x", 2*maxStreamWaits)
				type written struct {
					n   int
					err error
				}
				wrote, flushed := make(chan written, 1), make(chan error, 1)
				go func() {
					n, err := s.WriteString(rest)
					wrote <- written{n, err}
				}()
				synctest.Wait()
				go func() { flushed <- s.Flush() }()
				synctest.Wait()
				go row.do(s, cancel)
				w := <-wrote
				if !errors.Is(w.err, row.cause) || w.n+2 < maxStreamWaits || w.n > maxStreamWaits*9/8 {
					t.Errorf("written: %+v", w)
				}
				r.s.setDown(false)
				_ = s.Close()
				if err := <-flushed; err != nil {
					t.Errorf("Flush: %v", err)
				}
				text, state := r.historyText()
				if want := ("\xf0\x9f" + rest)[:w.n+2]; text != want || state != row.state {
					t.Errorf("the history has %.20q…%q, %d bytes, %s; want %d", text, text[len(text)-5:], len(text), state, len(want))
				}
			})
		})
	}
}

// TestStreamAbortWithoutStore: an Abort that the store cannot be given says so in time, and
// is given to it later. What is written meanwhile is refused.
func TestStreamAbortWithoutStore(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		s := r.stream(Message{Data: "a"})
		r.s.setDown(true)
		if _, err := s.WriteString("b"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := s.Abort("no\x00way"); !errors.Is(err, &Error{Code: CodeUnavailable}) || time.Since(began) != streamEndWait {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if _, err := s.WriteString("c"); !errors.Is(err, ErrStreamEnded) {
			t.Errorf("writing: %v", err)
		}
		r.s.setDown(false)
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if m := r.kept(); string(m.Data) != `"ab"` || m.Stream.Reason != "no way" {
			t.Errorf("the history has %s, %+v", m.Data, m.Stream)
		}
	})
}

// TestStreamAllAtOnce: all methods may be called at the same time.
func TestStreamAllAtOnce(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		for range 20 {
			s := r.stream(Message{}, WhileHeard(time.Second))
			var calls sync.WaitGroup
			for range 4 {
				for _, call := range []func(){
					func() { _, _ = s.WriteString("tök") },
					func() { _ = s.Flush() },
					func() { _ = s.Close() },
					func() { _ = s.Abort("enough") },
					func() { _ = s.Listeners() },
					func() { _ = r.h.StopStream(t.Context(), "room", s.ID()) },
					func() {
						_, _ = r.h.AppendMessage(t.Context(), MessageAppend{Channel: "room", MessageID: s.ID(), Text: "x"})
					},
				} {
					calls.Go(call)
				}
			}
			calls.Wait()
			if _, state := r.historyText(); state == "open" {
				t.Error("it is open")
			}
		}
		r.awaitRecords()
	})
}

// TestStreamReloads: a viewer who loads the page again at every frame shows what one does
// who stays, at every moment.
func TestStreamReloads(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		stays, s := r.watcher("Jim"), r.stream(Message{})
		v := newStreamView()
		load := func() (*wstest.Conn, *streamView) {
			c := r.connect("Pam")
			c.Send(`{"event":"hotsock.subscribe","channel":"room","data":{"rewind":1}}`)
			shows := newStreamView()
			c.Next()
			if wrong := shows.apply([]byte(c.Next().Text)); wrong != "" {
				t.Fatal(wrong)
			}
			return c, shows
		}
		c, shows := load()
		for i := range 60 {
			if _, err := s.WriteString("tök👋 "); err != nil {
				t.Fatal(err)
			}
			if i == 59 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			} else if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			for v.frames <= i {
				if wrong := v.apply([]byte(stays.Next().Text)); wrong != "" {
					t.Fatal(wrong)
				}
			}
			if wrong := shows.apply([]byte(c.Next().Text)); wrong != "" {
				t.Fatal(wrong)
			}
			shows.want(t, s.ID(), string(v.text[s.ID()]), v.state[s.ID()])
			c.Cut()
			synctest.Wait()
			c, shows = load()
			shows.want(t, s.ID(), string(v.text[s.ID()]), v.state[s.ID()])
		}
		v.want(t, s.ID(), strings.Repeat("tök👋 ", 60), "complete")
	})
}
