package wstest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A Frame is what a client is sent.
type Frame struct {
	ID, Event, Channel, Ref, Key string

	Data, Meta json.RawMessage
	Error      struct{ Code, Message string }
	// Text is the frame as it came.
	Text string `json:"-"`
}

func parse(text string) (Frame, error) {
	f := Frame{Text: text}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return f, fmt.Errorf("%w: %s", err, text)
	}
	return f, nil
}

// Name is the frame's event, or if it is an error its code.
func (f Frame) Name() string {
	if f.Error.Code != "" {
		return f.Error.Code
	}
	return f.Event
}

// Decode decodes the frame's data.
func (f Frame) Decode(t testing.TB, data any) {
	t.Helper()
	if err := json.Unmarshal(f.Data, data); err != nil {
		t.Fatalf("%v: %s", err, f.Text)
	}
}

// Value returns the frame's data as encoding/json makes it, nil if there is none.
func (f Frame) Value() any {
	var value any
	_ = json.Unmarshal(f.Data, &value)
	return value
}

// Member returns a member of the frame's data in the same way.
func (f Frame) Member(name string) any {
	members, _ := f.Value().(map[string]any)
	return members[name]
}

// Quote returns a string as JSON.
func Quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// received has the last frames of a connection, for the message of a failure.
type received struct {
	total int
	last  []string
}

// remembered is how many frames a failure shows, and shown how much of each.
const remembered, shown = 10, 500

func (r *received) add(frame string) {
	r.total++
	if len(r.last) == remembered {
		r.last = r.last[1:]
	}
	r.last = append(r.last, shorten(frame))
}

func (r *received) text() string {
	if r.total == 0 {
		return "\nreceived nothing"
	}
	return fmt.Sprintf("\nreceived %d, at last\n%s", r.total, strings.Join(r.last, "\n"))
}

func shorten(frame string) string {
	if len(frame) <= shown {
		return frame
	}
	return fmt.Sprintf("%s … (%d bytes)", frame[:shown], len(frame))
}
