package hotsock

import (
	"errors"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/store"
)

// What fails because the store is away is not overtaken by what follows it.
func TestBatchWhileUnavailable(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.s.failing = map[string]int{"a": 2} // the second message
		batch := []Message{
			{Channel: "a", Event: "e", Data: 1},
			{Channel: "a", Event: "e", Data: 2},
			{Channel: "b", Event: "e", Data: 3},
			{Channel: "a", Event: "e", Data: 4},
			{Channel: "a b", Event: "e"},
		}
		sent, err := r.h.PublishBatch(t.Context(), batch)
		var be *BatchError
		if !errors.As(err, &be) || !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
		for i, want := range []Code{"", CodeUnavailable, "", CodeUnavailable, CodeInvalidRequest} {
			if (sent[i].ID != "") != (want == "") || (be.Errors[i] == nil) != (want == "") ||
				want != "" && !errors.Is(be.Errors[i], &Error{Code: want}) {
				t.Errorf("message %d: %+v, %v", i, sent[i], be.Errors[i])
			}
		}
		if n := r.s.published["a"]; n != 2 {
			t.Errorf("%d messages of a were tried", n)
		}
		if !strings.Contains(err.Error(), "3 of 5") {
			t.Error(err)
		}
	})
}
