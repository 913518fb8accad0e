package protocoltest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// Section 7: a write with ifVersion is done only if the entry has that version. Whoever
// is in the way is told, unless the client may not read it.
func TestSetIfVersion(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connectTo(t, 0, withUMD("Jim", `{"n":1}`, everything))
		other := e.connectTo(t, len(e.nodes)-1, user("Pam", everything))
		blind := e.connect(t, user("Pam", `{"room":{"storage":{"k":{"set":true}}}}`))
		const pam, jim = `{"uid":"Pam","umd":null}`, `{"uid":"Jim","umd":{"n":1}}`
		write := func(data, condition string) string {
			return e.expand(fmt.Sprintf(`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":%s,"ifVersion":%s,"ref":"r"}`, data, condition))
		}
		written := func(version string) string {
			return `{"event":"hotsock.ack","channel":"room","data":{"version":` + version + `},"ref":"r"}`
		}
		conflict := func(version, data, meta string) string {
			return `{"event":"hotsock.error","channel":"room","error":{"code":"CONFLICT","message":"$_","current":` +
				`{"version":` + version + `,"data":` + data + `,"meta":` + meta + `}},"ref":"r"}`
		}
		read := func(version, data, meta string) {
			t.Helper()
			other.do(`{"event":"hotsock.channelStorageGet","channel":"room","key":"k","version":true}`,
				`{"event":"hotsock.channelStorageData","channel":"room","key":"k","data":`+data+`,"meta":`+meta+`,"version":`+version+`}`)
		}
		read(`null`, `null`, `null`)
		c.do(write(`1`, `"01JA3HVNF6E89HDT1ABRFWJ8C8"`), conflict(`null`, `null`, `null`))
		c.do(write(`1`, `null`), written(`"$v1"`))
		read(`"$v1"`, `1`, jim)
		c.do(write(`2`, `null`), conflict(`"$v1"`, `1`, jim))
		other.do(write(`2`, `"$v1"`), written(`"$v2"`))
		c.do(write(`3`, `"$v1"`), conflict(`"$v2"`, `2`, pam))
		// Who may not read it is told that there is something.
		blind.do(write(`3`, `null`), `{"event":"hotsock.error","channel":"room","error":{"code":"CONFLICT","message":"$_"},"ref":"r"}`)
		// An equal value is the same version, and only its writer is another.
		c.do(write(` 2 `, `"$v2"`), written(`"$v2"`))
		read(`"$v2"`, `2`, jim)

		// Over HTTP, and without a condition nothing tells of versions.
		body := func(data, condition string) string {
			return `{"channel":"room","key":"k","data":` + data + condition + `}`
		}
		c.call(t, "channelStorageSet", body(`4`, `,"ifVersion":"$v1"`)).
			want(t, 409, `{"error":{"code":"CONFLICT","message":"$_","current":{"version":"$v2","data":2,"meta":`+jim+`}}}`)
		c.call(t, "channelStorageSet", body(`4`, `,"ifVersion":"$v2"`)).
			want(t, 202, `{"channel":"room","event":"hotsock.channelStorageSet","version":"$v3"}`)
		c.call(t, "channelStorageSet", body(`5`, ``)).want(t, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`)
		c.call(t, "channelStorageGet", `{"channel":"room","key":"k","version":true}`).
			want(t, 200, `{"event":"hotsock.channelStorageData","channel":"room","key":"k","data":5,"meta":`+jim+`,"version":"$v4"}`)

		// Clearing has a condition, too, and after it there is no version.
		c.do(write(`null`, `"$v3"`), conflict(`"$v4"`, `5`, jim))
		c.do(write(`null`, `"$v4"`), written(`null`))
		read(`null`, `null`, `null`)
		c.do(write(`{}`, `null`), written(`null`))

		for _, wrong := range []string{`""`, `1`, `"x"`, `true`, `"00000000000000000000000000"`} {
			c.bothWays(t, `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1,"ifVersion":`+wrong+`}`, "channelStorageSet", "INVALID_REQUEST", 400)
		}
		c.bothWays(t, `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1,"ifVersion":null,"scheduleExpression":"at(2200-01-01T00:00)"}`,
			"channelStorageSet", "INVALID_REQUEST", 400)
	})
}

// Section 7: additions are all counted, whoever adds.
func TestStorageAdd(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		blind := e.connect(t, user("Pam", `{"room":{"storage":{"k":{"set":true}}}}`))
		add := func(data string) string {
			return `{"event":"hotsock.channelStorageAdd","channel":"room","key":"k","data":` + data + `,"ref":"r"}`
		}
		summed := func(data string) string {
			return `{"event":"hotsock.ack","channel":"room","data":{"version":"$_","data":` + data + `},"ref":"r"}`
		}
		watcher := e.connect(t, user("Ann", everything))
		watcher.Subscribe("room")
		told := func(data, uid string) {
			t.Helper()
			watcher.expect(stored("room", "k", data, `{"uid":"`+uid+`","umd":null}`))
		}
		for _, row := range [][2]string{{`5`, `5`}, {`-7`, `-2`}, {`0.5`, `-1.5`}, {`1e3`, `998.5`}, {`0.1`, `998.6`}} {
			c.do(add(row[0]), summed(row[1]))
			told(row[1], "Jim")
		}
		blind.do(add(`1`), `{"event":"hotsock.ack","channel":"room","data":{"version":"$_"},"ref":"r"}`)
		told(`999.6`, "Pam")
		c.call(t, "channelStorageAdd", `{"channel":"room","key":"k","data":0.4}`).
			want(t, 202, `{"channel":"room","event":"hotsock.channelStorageAdd","version":"$_","data":1000}`)
		told(`1000`, "Jim")
		e.server(t, "POST", "/publish", `{"event":"hotsock.channelStorageAdd","channel":"room","key":"k","data":1}`).
			want(t, 202, `{"channel":"room","event":"hotsock.channelStorageAdd","version":"$_","data":1001}`)
		watcher.expect(stored("room", "k", `1001`, noMeta))

		for _, wrong := range []string{`"1"`, `null`, `[1]`, `true`, `{}`} {
			c.bothWays(t, `{"event":"hotsock.channelStorageAdd","channel":"room","key":"k","data":`+wrong+`}`, "channelStorageAdd", "INVALID_REQUEST", 400)
		}
		c.bothWays(t, `{"event":"hotsock.channelStorageAdd","channel":"room","key":"k"}`, "channelStorageAdd", "INVALID_REQUEST", 400)
		c.bothWays(t, `{"event":"hotsock.channelStorageAdd","channel":"room","key":"k","data":1,"scheduleExpression":"at(2200-01-01T00:00)"}`,
			"channelStorageAdd", "INVALID_REQUEST", 400)
		c.bothWays(t, `{"event":"hotsock.channelStorageAdd","channel":"room","key":"k","data":1,"ifVersion":null}`, "channelStorageAdd", "INVALID_REQUEST", 400)
		none := e.connect(t, user("Pam", `{"room":{"storage":{"k":{"get":true}}}}`))
		none.bothWays(t, `{"event":"hotsock.channelStorageAdd","channel":"room","key":"k","data":1}`, "channelStorageAdd", "STORAGE_PERMISSION_DENIED", 403)

		const accepted = `{"event":"hotsock.ack","channel":"room","data":{},"ref":"r"}`
		c.do(`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":"text","ref":"r"}`, accepted)
		c.do(add(`1`), `{"event":"hotsock.error","channel":"room","error":{"code":"CONFLICT","message":"$_","current":`+
			`{"version":"$_","data":"text","meta":{"uid":"Jim","umd":null}}},"ref":"r"}`)
		blind.do(add(`1`), `{"event":"hotsock.error","channel":"room","error":{"code":"CONFLICT","message":"$_"},"ref":"r"}`)
		c.do(`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1e308,"ref":"r"}`, accepted)
		c.bothWays(t, `{"event":"hotsock.channelStorageAdd","channel":"room","key":"k","data":1.7e308}`, "channelStorageAdd", "INVALID_REQUEST", 400)
	})
}

// However many add at once, on whichever node, the sum is that of all.
func TestStorageAddTogether(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const writers, times = 8, 10
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				ctx, cancel := e.context()
				defer cancel()
				for range times {
					if _, err := e.nodes[i%len(e.nodes)].AddStorage(ctx, hotsock.Entry{Channel: "room", Key: "k", Data: 1}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		ctx, cancel := e.context()
		defer cancel()
		page, err := e.anyNode().Storage(ctx, hotsock.StorageQuery{Channel: "room"})
		if err != nil || len(page.Items) != 1 || string(page.Items[0].Data) != fmt.Sprint(writers*times) {
			t.Errorf("got %+v, %v", page.Items, err)
		}
	})
}

// The app's own writes have conditions, too.
func TestEntryIfVersion(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		h := e.anyNode()
		set := func(data any, version *string) (hotsock.SetResult, hotsock.Code) {
			t.Helper()
			r, err := h.SetStorage(ctx, hotsock.Entry{Channel: "room", Key: "k", Data: data, IfVersion: version})
			refused, _ := errors.AsType[*hotsock.Error](err)
			if refused == nil {
				return r, ""
			}
			return r, refused.Code
		}
		if r, code := set(1, nil); code != "" || r.Current != nil {
			t.Errorf("without a condition: %+v, %s", r, code)
		}
		r, code := set(2, new(""))
		if code != hotsock.CodeConflict || r.Current == nil || string(r.Current.Data) != "1" || r.Current.Version == "" {
			t.Fatalf("an entry that must not be there: %+v, %s", r.Current, code)
		}
		first := r.Current.Version
		if r, code = set(2, &first); code != "" || string(r.Current.Data) != "2" || r.Current.Version <= first {
			t.Errorf("its version: %+v, %s", r.Current, code)
		}
		if r, code = set(3, &first); code != hotsock.CodeConflict || string(r.Current.Data) != "2" {
			t.Errorf("a version of before: %+v, %s", r.Current, code)
		}
		if r, code = set(nil, &r.Current.Version); code != "" || r.Current.Data != nil || r.Current.Version != "" {
			t.Errorf("clearing: %+v, %s", r.Current, code)
		}
		if r, code = set(3, &first); code != hotsock.CodeConflict || r.Current == nil || r.Current.Version != "" {
			t.Errorf("a version where there is none: %+v, %s", r.Current, code)
		}
		if _, code = set(3, new("x")); code != hotsock.CodeInvalidRequest {
			t.Errorf("no version: %s", code)
		}
		e.server(t, "POST", "/publish", `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":4,"ifVersion":null}`).
			want(t, 202, `{"channel":"room","event":"hotsock.channelStorageSet","version":"$v"}`)
		e.server(t, "POST", "/publish", `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":5,"ifVersion":null}`).
			want(t, 409, `{"error":{"code":"CONFLICT","message":"$_","current":{"version":"$v","data":4,"meta":`+noMeta+`}}}`)
		e.server(t, "POST", "/publish/batch", `{"messages":[{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":5,"ifVersion":"$v"}]}`).
			want(t, 202, `{"results":[{"channel":"room","event":"hotsock.channelStorageSet","version":"$_"}]}`)
	})
}
