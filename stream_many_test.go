//go:build !race

package hotsock

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// TestManyStreams: a node writes many streams at once. Each costs a goroutine, little memory
// besides its text, and one record that all nodes read; and a shutdown ends all in time.
func TestManyStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: takes 2 seconds")
	}
	const streams, most = 10_000, 14 << 10 // bytes
	s := storememory.New()
	node := func() *Handler {
		h, err := New(Options{Store: s, Authenticate: func(*http.Request) (*Claims, error) { return nil, nil }})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	h, other := node(), node()
	defer func() { _ = other.Close() }()
	memory := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapInuse + m.StackInuse)
	}
	before, goroutines := memory(), runtime.NumGoroutine()
	all := make([]*Stream, streams)
	for i := range all {
		st, err := h.Stream(t.Context(), Message{Channel: fmt.Sprint("room", i), Event: "answer", Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := st.WriteString("Hello"); err != nil {
			t.Fatal(err)
		}
		all[i] = st
	}
	for _, st := range all {
		if err := st.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	each := (memory() - before) / streams
	t.Logf("each stream takes %d bytes on both nodes and in the store, and %.2f goroutines", each, float64(runtime.NumGoroutine()-goroutines)/streams)
	if each > most {
		t.Errorf("each stream takes %d bytes, want at most %d", each, most)
	}
	if n := runtime.NumGoroutine() - goroutines; n > streams+100 {
		t.Errorf("%d goroutines", n)
	}
	began := time.Now()
	if err := h.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	took := time.Since(began)
	t.Logf("the shutdown took %v", took)
	if took > 10*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
	for i, st := range all {
		page, err := other.History(t.Context(), HistoryQuery{Channel: fmt.Sprint("room", i)})
		if err != nil || page.Items[0].Stream.Reason != "shutdown" {
			t.Fatalf("stream %d is %+v, %v", i, page.Items, err)
		}
		if st.Context().Err() == nil {
			t.Fatalf("stream %d goes on", i)
		}
	}
	other.streams.mu.Lock()
	defer other.streams.mu.Unlock()
	if n := len(other.streams.others); n != 0 {
		t.Errorf("%d streams are looked after that have ended", n)
	}
}
