package spectest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// serverErasures erases what cannot be erased now, and too much.
func serverErasures(t *testing.T, d *openDocument, async *asyncDocument) {
	s := newSite(t, async, nil)
	room := map[string]string{"name": "room"}
	calls := []call{
		{operation: "eraseChannel", path: room},
		{operation: "eraseUser", path: map[string]string{"name": "room", "uid": "Jim"}},
		{operation: "eraseStorage", path: room, query: map[string]string{"prefix": "topic"}},
	}
	set := call{operation: "publish", status: http.StatusAccepted, body: `{"channel":"room","event":"hotsock.channelStorageSet","key":"topic","data":1}`}
	s.do(t, d, set.keyed())
	s.store.stuck.Store(true)
	for _, c := range calls {
		c.status = http.StatusAccepted
		s.do(t, d, c.keyed())
	}
	s.do(t, d, call{operation: "listErasures", status: http.StatusOK}.keyed())
	s.store.stuck.Store(false)

	for _, c := range []call{
		{operation: "eraseChannel", path: map[string]string{"name": "a*b"}},
		{operation: "eraseUser", path: map[string]string{"name": "room", "uid": strings.Repeat("x", 129)}},
		{operation: "eraseStorage", path: room},
		{operation: "eraseStorage", path: room, query: map[string]string{"prefix": strings.Repeat("x", 129)}},
		{operation: "listErasures", query: map[string]string{"after": "x"}},
	} {
		c = c.keyed().not(http.StatusBadRequest, "INVALID_REQUEST")
		c.wrong = true
		s.do(t, d, c)
	}

	node, err := s.store.Store.Join(t.Context(), nil, store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 1, NodeTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Leave(t.Context()) })
	for i := range 10_000 {
		r := store.SetRequest{Channel: "#erasures", Key: fmt.Sprint(i), Value: []byte("1"), Digest: "1", Retention: time.Minute}
		if _, err := node.Set(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range calls {
		s.do(t, d, c.keyed().not(http.StatusTooManyRequests, "RATE_LIMITED"))
	}
}
