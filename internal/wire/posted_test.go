package wire

import (
	"strings"
	"testing"
)

// A short frame in a long body does not keep the body in memory.
func TestPostedFramesStandAlone(t *testing.T) {
	body := []byte("[" + strings.Repeat(" ", 10_000) + `{"event":"e"}]`)
	frames, err := DecodePosted(body)
	if err != nil || len(frames) != 1 {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	clear(body)
	if string(frames[0]) != `{"event":"e"}` || cap(frames[0]) > 100 {
		t.Errorf("the frame is %q, with %d bytes behind it", frames[0], cap(frames[0]))
	}
}
