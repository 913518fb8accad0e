package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newSilentLog() *log.Logger { return log.New(io.Discard, "", 0) }

func status(codes ...int) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, _ *http.Request, n int) {
		w.WriteHeader(codes[min(n, len(codes))-1])
	}
}

// The pauses between attempts grow, up to five minutes, each half longer or
// shorter at the most; then the event is given up.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &inbox{answer: status(500)}
		s := fakeSink(t, b, Options{MaxAttempts: 12})
		handle(t, s, "1")
		time.Sleep(10 * time.Hour)
		got := b.requests()
		if len(got) != 12 {
			t.Fatalf("%d attempts", len(got))
		}
		varied := false
		for i, r := range got[1:] {
			want := min(time.Second<<i, maxBackoff)
			pause := r.at.Sub(got[i].at)
			// From the fifth failure on the endpoint's rest counts if it is longer.
			longest := want * 3 / 2
			if pause < want/2 || pause > longest {
				t.Errorf("attempt %d came after %v, want about %v", i+2, pause, want)
			}
			varied = varied || pause != want
			if err := Verify(r.header, r.body, key(t, secret)); !errors.Is(err, ErrTimestamp) {
				t.Errorf("attempt %d: %v", i+2, err) // correctly signed, and hours ago
			}
		}
		if !varied {
			t.Error("the pauses do not vary")
		}
		if stamps := got[0].header.Get(headerTimestamp); stamps == got[11].header.Get(headerTimestamp) {
			t.Error("each attempt should have its own time")
		}
		if diff := cmp.Diff([]Stats{{GivenUp: 1}}, s.Stats()); diff != "" {
			t.Error(diff)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// An endpoint that asks for a pause gets it, for all events, and not for longer
// than an hour.
func TestRetryAfter(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every bubble
	for text, want := range map[string]time.Duration{
		"120":    2 * time.Minute,
		"100000": time.Hour,
		start.Add(200 * time.Second).Format(http.TimeFormat): 200 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &inbox{answer: func(w http.ResponseWriter, _ *http.Request, n int) {
				if n == 1 {
					w.Header().Set("Retry-After", text)
					w.WriteHeader(http.StatusTooManyRequests)
				}
			}}
			s := fakeSink(t, b, Options{})
			handle(t, s, "1")
			synctest.Wait()
			handle(t, s, "2", "3")
			time.Sleep(want - time.Second)
			if n := len(b.requests()); n != 1 {
				t.Errorf("%s: %d requests in the pause", text, n)
			}
			time.Sleep(5 * time.Second)
			got := b.ids()
			slices.Sort(got)
			if diff := cmp.Diff([]string{"1", "1", "2", "3"}, got); diff != "" {
				t.Errorf("%s: %s", text, diff)
			}
			_ = s.Shutdown(t.Context())
		})
	}
	for _, text := range []string{"", "-5", "soon", "0", "99999999999999999999", start.Format(http.TimeFormat)} {
		h := http.Header{}
		h.Set("Retry-After", text)
		if d := retryAfter(h); d != 0 {
			t.Errorf("%q: %v", text, d)
		}
	}
}

// An endpoint that is down is not asked again for every event.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		b := &inbox{answer: func(w http.ResponseWriter, _ *http.Request, _ int) {
			if !up.Load() {
				w.WriteHeader(http.StatusBadGateway)
			}
		}}
		s := fakeSink(t, b, Options{Concurrency: 1, MaxAttempts: 100})
		for i := range 3600 / 6 {
			handle(t, s, strconv.Itoa(i))
			time.Sleep(6 * time.Second)
		}
		// 600 events in an hour, and after the first minutes a request every five.
		if n := len(b.requests()); n > 40 {
			t.Errorf("%d requests within an hour", n)
		}
		up.Store(true)
		time.Sleep(time.Hour)
		if diff := cmp.Diff([]Stats{{Delivered: 600}}, s.Stats()); diff != "" {
			t.Error(diff)
		}
		_ = s.Shutdown(t.Context())
	})
}

// 410 Gone ends it.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBook
		b := &inbox{answer: status(200, 500, 410, 200)}
		s := fakeSink(t, b, Options{Concurrency: 1, Logger: log.logger()})
		handle(t, s, "1", "2", "3", "4")
		synctest.Wait()
		handle(t, s, "5")
		time.Sleep(time.Hour)
		if got := fmt.Sprint(b.ids()); got != "[1 2 3]" {
			t.Errorf("received %v", got)
		}
		if diff := cmp.Diff([]Stats{{Delivered: 1, GivenUp: 1, Dropped: 3, Disabled: true}}, s.Stats()); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(log.String(), "receiver.example") {
			t.Errorf("the log has only %s", log.String())
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// The queue has a bound in events and one in bytes; what does not fit is counted
// and logged, and never waited for.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBook
		wait := make(chan struct{})
		b := &inbox{answer: func(http.ResponseWriter, *http.Request, int) { <-wait }}
		s := fakeSink(t, b, Options{QueueSize: 10, Concurrency: 3, Logger: log.logger()})
		for i := range 25 {
			handle(t, s, fmt.Sprintf("%02d", i))
		}
		synctest.Wait()
		if diff := cmp.Diff([]Stats{{Dropped: 15, Waiting: 10}}, s.Stats()); diff != "" {
			t.Error(diff)
		}
		if n := len(b.requests()); n != 3 {
			t.Errorf("%d requests at the same time", n)
		}
		close(wait)
		synctest.Wait()
		handle(t, s, "last")
		if !strings.Contains(log.String(), "dropped=15") {
			t.Errorf("the log has only %s", log.String())
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]Stats{{Dropped: 15, Delivered: 11}}, s.Stats()); diff != "" {
			t.Error(diff)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := fakeSink(t, &inbox{answer: status(500)}, Options{QueueSize: 1 << 20})
		big := event("1")
		big.Metadata.Channel = strings.Repeat("x", maxQueueBytes/10)
		for i := range 20 {
			big.ID = strconv.Itoa(i)
			if err := s.HandleEvent(t.Context(), big); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]Stats{{Dropped: 11, Waiting: 9}}, s.Stats()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(24 * time.Hour) // All are given up, and their room is free again.
		for i := range 9 {
			big.ID = strconv.Itoa(i)
			_ = s.HandleEvent(t.Context(), big)
		}
		if got := s.Stats()[0]; got.Dropped != 11 || got.GivenUp != 9 {
			t.Errorf("%+v", got)
		}
		_ = s.Shutdown(ended())
	})
}

// A shutdown waits for what will be tried again, for as long as it may.
func TestShutdownWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &inbox{answer: status(500, 500, 200)}
		s := fakeSink(t, b, Options{})
		handle(t, s, "1")
		if err := s.Shutdown(t.Context()); err != nil || s.Stats()[0].Delivered != 1 {
			t.Errorf("err = %v, %+v", err, s.Stats())
		}

		s = fakeSink(t, &inbox{answer: status(500)}, Options{})
		handle(t, s, "1", "2")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		err := s.Shutdown(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 events") || time.Since(start) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// With one request at a time, events come in their order.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(inbox)
		s := fakeSink(t, b, Options{Concurrency: 1})
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprintf("%03d", i))
		}
		handle(t, s, want...)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.ids()); diff != "" {
			t.Error(diff)
		}
	})
}
