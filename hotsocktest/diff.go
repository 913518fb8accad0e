package hotsocktest

import (
	"encoding/json"
	"fmt"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock/internal/appdata"
)

// Any stands for data that may be anything.
type Any struct{}

// A message is what diffs show of one.
type message struct {
	Event string
	Data  any
}

// diffMessage returns how a message differs from what is wanted, "" if it does
// not.
func diffMessage(event string, data any, gotEvent string, gotData json.RawMessage) string {
	want, got := message{Event: event}, message{Event: gotEvent}
	var err error
	if got.Data, err = generic(gotData); err != nil {
		return fmt.Sprintf("the data is not JSON: %s", gotData)
	}
	if _, ok := data.(Any); ok {
		want.Data = got.Data
	} else if want.Data, err = generic(data); err != nil {
		return fmt.Sprintf("the data wanted cannot be compared: %v", err)
	}
	return cmp.Diff(want, got)
}

// generic returns the value as it is after a way over the wire.
func generic(value any) (any, error) {
	if raw, ok := value.(json.RawMessage); ok && len(raw) == 0 {
		return nil, nil
	}
	text, err := appdata.Marshal(value)
	if err != nil {
		return nil, err
	}
	var v any
	err = json.Unmarshal(text, &v)
	return v, err
}

// only returns what of got the wanted value speaks of: objects lose the
// members that it does not name.
func only(got, want any) any {
	w, ok := want.(map[string]any)
	g, ok2 := got.(map[string]any)
	if !ok || !ok2 {
		return got
	}
	kept := make(map[string]any)
	for name, value := range w {
		if v, ok := g[name]; ok {
			kept[name] = only(v, value)
		}
	}
	return kept
}
