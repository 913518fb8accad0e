//go:build !race

package client

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// A program can read the longest messages that a server keeps, as they are sent and from the
// history, one after the other.
func TestStreamOfGreatestLength(t *testing.T) {
	const most = 8 << 20
	s := newSiteWith(t, hotsock.Options{MaxDataSize: most, MaxStreamSize: most, MaxQueueSize: 2 * most})
	sub := subscribe(t, s.client("Jim", nil), "room", nil)
	text := strings.Repeat("x", most-2) // and the quotes
	st := s.stream(text[10:])
	r := read(soon(t), t, sub, st.ID())
	r.until(text[10:])
	if _, err := st.WriteString(text[:10]); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	r.until(text)
	if err := r.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if m := next[Message](t, sub); len(m.Data) != most-10 {
		t.Errorf("%d bytes were sent", len(m.Data))
	}
	s.publish("room", "kept", text, time.Hour)
	lengths := []int{}
	for m, err := range sub.History(soon(t), nil) {
		if err != nil {
			t.Fatal(err)
		}
		lengths = append(lengths, len(m.Data))
	}
	if fmt.Sprint(lengths) != fmt.Sprint([]int{most, most}) {
		t.Errorf("the history has %v", lengths)
	}
}
