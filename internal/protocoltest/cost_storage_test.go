//go:build !race

package protocoltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// What a client is shown of a channel's storage costs what it may see, and not
// what others have stored there: names are read, patterns looked for where they
// can match, and up to a bound.
func TestObserveAmongMany(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const bound = 10_000
		put := func(keys ...string) {
			t.Helper()
			for page := range slices.Chunk(keys, 1000) {
				var writes []string
				for _, key := range page {
					writes = append(writes, fmt.Sprintf(`{"channel":"room","event":"hotsock.channelStorageSet","key":%q,"data":1}`, key))
				}
				e.server(t, "POST", "/publish/batch", `{"messages":[`+strings.Join(writes, ",")+`]}`).want(t, 202, "")
			}
		}
		var others []string
		for i := range bound - 4 {
			others = append(others, fmt.Sprintf("o.%d", i))
		}
		put(others...)
		claims := func(key string) string {
			return user("Jim", fmt.Sprintf(`{"room":{"subscribe":true,"storage":{%q:{"observe":true,"get":true},"o.*":{"set":true}}}}`, key))
		}
		const list = `{"channel":"room"}`
		// As many as may be looked through.
		c := e.connect(t, claims("*.mine"))
		c.Subscribe("room")
		c.call(t, "channelStorageList", list).want(t, 200, `{"items":[]}`)
		put("a.mine", "b.mine", "p.1", "p.2")
		c.expect(stored("room", "a.mine", "1", noMeta), stored("room", "b.mine", "1", noMeta))
		for _, tt := range []struct {
			key   string
			shown []string
		}{
			{"o.77", []string{"o.77"}},
			{"o.none", nil},
			{"p.*", []string{"p.1", "p.2"}},
			{"#regex:^p\\.", []string{"p.1", "p.2"}},
			{"p.*2", []string{"p.2"}},
			{"q.*", nil},
		} {
			c := e.connect(t, claims(tt.key))
			frames := []string{`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null}}`}
			var items []string
			for _, key := range tt.shown {
				frames = append(frames, stored("room", key, "1", noMeta))
				items = append(items, fmt.Sprintf(`{"key":%q,"data":1,"meta":%s}`, key, noMeta))
			}
			c.do(`{"event":"hotsock.subscribe","channel":"room"}`, frames...)
			c.ExpectNothing()
			c.call(t, "channelStorageList", list).want(t, 200, `{"items":[`+strings.Join(items, ",")+`]}`)
		}
		// More, and it is said so.
		put("o.x", "o.y", "o.z")
		for _, key := range []string{"*.mine", "#regex:mine$"} {
			c := e.connect(t, claims(key))
			c.do(`{"event":"hotsock.subscribe","channel":"room"}`, failure("room", "PAYLOAD_TOO_LARGE"))
			c.call(t, "channelStorageList", list).want(t, 200,
				`{"items":[{"key":"a.mine","data":1,"meta":`+noMeta+`},{"key":"b.mine","data":1,"meta":`+noMeta+`}],"more":true}`)
			c.call(t, "channelStorageList", `{"channel":"room","after":"b.mine"}`).wantError(t, 413, "PAYLOAD_TOO_LARGE")
			c.call(t, "channelStorageList", `{"channel":"room","keys":["b.mine","o.1"],"after":"a"}`).want(t, 200,
				`{"items":[{"key":"b.mine","data":1,"meta":`+noMeta+`}]}`)
		}

		// The app reads all of it, by names or by pages.
		ctx, cancel := e.context()
		defer cancel()
		var missing []string
		for i := range bound + 1 {
			missing = append(missing, fmt.Sprint("none.", i))
		}
		for _, tt := range []struct {
			keys []string
			want int
		}{
			{nil, bound + 3},
			{append(others, "none"), len(others)},
			{missing, 0},
		} {
			var keys []string
			for q := (hotsock.StorageQuery{Channel: "room", Keys: tt.keys}); ; {
				page, err := e.anyNode().Storage(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, entry := range page.Items {
					keys = append(keys, entry.Key)
				}
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			if len(keys) != tt.want || !slices.IsSorted(keys) {
				t.Errorf("%d entries by %d names, want %d", len(keys), len(tt.keys), tt.want)
			}
		}
	})
}
