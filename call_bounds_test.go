package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// Results that a client does not read count as what waits for it, and it is
// disconnected before they are more than may.
func TestResultsThatNobodyReads(t *testing.T) {
	inCallRig(t, Options{MaxQueueSize: 1 << 20}, func(t *testing.T, r *rig) {
		r.h.Handle("long", func(context.Context, Call) (any, error) { return strings.Repeat("x", maxResult-2), nil })
		c := r.connect("Jim")
		for i := range 100 {
			if c.TrySend(call("long", fmt.Sprint(i))) != nil {
				break
			}
			synctest.Wait()
			if s := r.h.Stats(); s.QueuedBytes > 1<<20 {
				t.Fatalf("%d bytes wait for the client", s.QueuedBytes)
			}
			if r.h.Stats().Disconnected["slow"] > 0 {
				return
			}
		}
		t.Error("the client is still connected")
	})
}

// Whatever a client gives as parameters, it is told in a bounded text what is wrong.
func FuzzParams(f *testing.F) {
	for _, text := range []string{
		`{"n":1,"s":"x","list":[{"f":1.5}],"by":{"a":true}}`, `{"n":"1"}`, `{"list":[{"f":"x"}]}`, `{"by":{"` + strings.Repeat("k", 300) + `":1}}`, `[]`, `1e999`, `null`, `{"x":1}`,
	} {
		f.Add([]byte(text))
	}
	type params struct {
		N    int8                  `json:"n"`
		S    string                `json:"s"`
		List []struct{ F float64 } `json:"list"`
		By   map[string]bool       `json:"by"`
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) || !utf8.Valid(text) {
			return // refused before
		}
		var p params
		err := decodeParams(text, &p)
		if err == nil {
			return
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != CodeInvalidParams || !utf8.ValidString(e.Message) || len(e.Message) > maxParamName+200 {
			t.Errorf("%v", err)
		}
	})
}

// BenchmarkCall is a call over a WebSocket and its result, through the kernel.
func BenchmarkCall(b *testing.B) {
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) { return mayCall("Jim"), nil }})
	if err != nil {
		b.Fatal(err)
	}
	h.Handle("echo", func(_ context.Context, c Call) (any, error) { return c.Params, nil })
	server := httptest.NewServer(h)
	defer server.Close()
	defer func() { _ = h.Close() }()
	c := wstest.Connect(b, server.URL, wstest.Options{})
	b.ReportAllocs()
	for b.Loop() {
		c.Do(`{"event":"hotsock.call","data":{"method":"echo","params":{"n":1}},"ref":"r"}`, "hotsock.result")
	}
}
