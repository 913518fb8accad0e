package protocoltest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// stored is the frame that observers get.
func stored(channel, key, data, meta string) string {
	return fmt.Sprintf(`{"event":"hotsock.channelStorageUpdated","channel":%q,"key":%q,"data":%s,"meta":%s}`, channel, key, data, meta)
}

// found is the answer to a get.
func found(channel, key, data, meta string) string {
	return fmt.Sprintf(`{"event":"hotsock.channelStorageData","channel":%q,"key":%q,"data":%s,"meta":%s}`, channel, key, data, meta)
}

// set is the command that writes an entry.
func set(channel, key, data string) string {
	return fmt.Sprintf(`{"event":"hotsock.channelStorageSet","channel":%q,"key":%q,"data":%s}`, channel, key, data)
}

// get is the command that reads one.
func get(channel, key string) string {
	return fmt.Sprintf(`{"event":"hotsock.channelStorageGet","channel":%q,"key":%q}`, channel, key)
}

const noMeta = `{"uid":null,"umd":null}`

// Section 8: what is told to whom.
func TestStorage(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const claims = `{"room":{"subscribe":true,"storage":{"*":{"get":true,"set":true},"a*":{"observe":true},"ab":{"observe":false}}}}`
		writer := e.connect(t, withUMD("Jim", `{"n":1}`, claims))
		observer := e.connect(t, user("Pam", claims))
		writer.Subscribe("room")
		observer.Subscribe("room")
		const jim, pam = `{"uid":"Jim","umd":{"n":1}}`, `{"uid":"Pam","umd":null}`
		both := []*client{writer, observer}
		told := func(frame string) {
			t.Helper()
			for _, c := range both {
				c.expect(frame)
			}
		}
		// Nothing is there.
		writer.do(get("room", "a"), `{"event":"hotsock.channelStorageData","channel":"room","key":"a","data":null,"meta":null}`)
		// A first value, and who set it. The writer is told too.
		writer.send(set("room", "a", `{"x": [1]}`))
		told(stored("room", "a", `{"x":[1]}`, jim))
		observer.do(get("room", "a"), found("room", "a", `{"x":[1]}`, jim))
		// An equal value, however it is written, tells nobody, but its writer
		// is remembered.
		observer.send(set("room", "a", `{ "x":[ 1.0 ] }`))
		observer.send(set("room", "a", `{ "\u0078":[1] }`))
		observer.send(set("room", "a", `{"x":[1]}`))
		observer.ExpectNothing()
		e.quiet(t, "room", both...)
		writer.do(get("room", "a"), found("room", "a", `{"x":[1]}`, pam))
		// Another value.
		observer.send(set("room", "a", `[]`))
		told(stored("room", "a", `[]`, pam))
		// Two ways of clearing, and clearing what is clear.
		writer.send(set("room", "a", ` { } `))
		told(stored("room", "a", `null`, jim))
		observer.do(get("room", "a"), `{"event":"hotsock.channelStorageData","channel":"room","key":"a","data":null,"meta":null}`)
		writer.send(set("room", "a", `null`))
		writer.send(`{"event":"hotsock.channelStorageSet","channel":"room","key":"a"}`)
		writer.ExpectNothing()
		e.quiet(t, "room", both...)
		for _, value := range []string{`false`, `0`, `""`, `[]`, `[{}]`} { // none of them is nothing
			writer.send(set("room", "a", value))
			told(stored("room", "a", value, jim))
		}
		// Keys that may not be observed.
		writer.send(set("room", "b", `1`))
		writer.send(set("room", "ab", `1`))
		writer.ExpectNothing()
		e.quiet(t, "room", both...)
		// Over HTTP, from a client and from the server.
		writer.call(t, "channelStorageSet", `{"channel":"room","key":"ac","data":"over HTTP"}`).
			want(t, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`)
		told(stored("room", "ac", `"over HTTP"`, jim))
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.channelStorageSet","key":"ac","data":2}`).
			want(t, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`)
		told(stored("room", "ac", `2`, noMeta))
		observer.do(get("room", "ac"), found("room", "ac", `2`, noMeta))
		observer.call(t, "channelStorageGet", `{"channel":"room","key":"ac"}`).want(t, 200, found("room", "ac", `2`, noMeta))
		e.quiet(t, "room", both...)
		// Who subscribes gets what is there, by key, and live changes then.
		late := e.connect(t, user("Al", claims))
		late.do(`{"event":"hotsock.subscribe","channel":"room"}`,
			`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Al","umd":null}}`,
			stored("room", "a", `[{}]`, jim), stored("room", "ac", `2`, noMeta))
		e.quiet(t, "room", late, writer, observer)
		// Who has left is told nothing; get and set go on.
		observer.do(`{"event":"hotsock.unsubscribe","channel":"room"}`, `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":`+pam+`}`)
		observer.send(set("room", "a", `"from outside"`))
		writer.expect(stored("room", "a", `"from outside"`, pam))
		observer.do(get("room", "a"), found("room", "a", `"from outside"`, pam))
	})
}

// Entries of one channel and key are those of no other.
func TestStorageKeys(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", everything))
		for _, tt := range []struct {
			why, key string
			ok       bool
		}{
			{"one character", "x", true},
			{"128 characters", strings.Repeat("é", 128), true},
			{"129 characters", strings.Repeat("x", 129), false},
			{"punctuation", `{}[]"'\/:;?&=%.-_`, true},
			{"the protocol's words", "hotsock.key", true},
			{"nothing", "", false},
			{"a space", "a b", false},
			{"a newline", "a\n", false},
			{"an asterisk", "a*", false},
			{"a number sign", "#a", false},
			{"a comma", "a,b", false},
			{"NUL", "\x00", false},
		} {
			t.Run(tt.why, func(t *testing.T) {
				e.set("key", quoteBody(tt.key))
				const (
					setIt = `{"event":"hotsock.channelStorageSet","channel":"room","key":"$key","data":1,"ref":"r"}`
					getIt = `{"event":"hotsock.channelStorageGet","channel":"room","key":"$key"}`
					it    = `{"event":"hotsock.channelStorageData","channel":"room","key":"$key","data":1,"meta":{"uid":null,"umd":null}}`
				)
				if tt.ok {
					c.do(setIt, `{"event":"hotsock.ack","channel":"room","data":{},"ref":"r"}`)
					c.do(getIt, it)
					c.call(t, "channelStorageGet", `{"channel":"room","key":"$key"}`).want(t, 200, it)
					c.call(t, "channelStorageList", `{"channel":"room","keys":["$key"]}`).
						want(t, 200, `{"items":[{"key":"$key","data":1,"meta":{"uid":null,"umd":null}}]}`)
					return
				}
				c.do(setIt, strings.TrimSuffix(failure("room", "INVALID_REQUEST"), "}")+`,"ref":"r"}`)
				c.do(getIt, failure("room", "INVALID_REQUEST"))
				for _, op := range []string{"channelStorageGet", "channelStorageSet"} {
					c.call(t, op, `{"channel":"room","key":"$key","data":1}`).wantError(t, 400, "INVALID_REQUEST")
				}
				c.call(t, "channelStorageList", `{"channel":"room","keys":["$key"]}`).wantError(t, 400, "INVALID_REQUEST")
				e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.channelStorageSet","key":"$key","data":1}`).wantError(t, 400, "INVALID_REQUEST")
			})
		}
		c.do(set("other", "x", `2`))
		c.do(get("room", "x"), found("room", "x", `1`, noMeta))
		c.do(get("other", "x"), found("other", "x", `2`, noMeta))
	})
}

// Lists come by key, in pages, and show only what may be read.
func TestStorageList(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room":{"storage":{"*":{"get":true,"set":true},"hidden*":{"get":false}}}}`))
		blind := e.connect(t, user("Jim", `{"room":{"storage":{"*":{"set":true}}}}`))
		c.call(t, "channelStorageList", `{"channel":"room"}`).want(t, 200, `{"items":[]}`)
		item := func(n int) string {
			return fmt.Sprintf(`{"key":"k%03d","data":%d,"meta":{"uid":"Jim","umd":null}}`, n, n)
		}
		var all []string
		for n := range 250 {
			// Hidden ones lie between them.
			for _, key := range []string{fmt.Sprintf("k%03d", n), fmt.Sprintf("hidden%03d", n)} {
				c.send(fmt.Sprintf(`{"event":"hotsock.channelStorageSet","channel":"room","key":%q,"data":%d}`, key, n))
			}
			all = append(all, item(n))
		}
		c.ExpectNothing()
		list := func(more string, items ...string) {
			t.Helper()
			c.call(t, "channelStorageList", `{"channel":"room"`+more+`}`).want(t, 200, `{"items":[`+strings.Join(items, ",")+`]}`)
		}
		list("", all[:100]...)
		list(`,"after":"k099"`, all[100:200]...)
		list(`,"after":"k199"`, all[200:]...)
		list(`,"after":"k249"`)
		list(`,"after":"k0995"`, all[100:200]...)
		list(`,"keys":[]`, all[:100]...)
		list(`,"keys":["k010","nothing","hidden001","k003","k010"]`, all[3], all[10])
		list(`,"keys":["k010","k003"],"after":"k003"`, all[10])
		keys := `"k000"` + strings.Repeat(`,"k001"`, 99)
		list(`,"keys":[`+keys+`]`, all[:2]...)
		c.call(t, "channelStorageList", `{"channel":"room","keys":[`+keys+`,"k002"]}`).wantError(t, 400, "INVALID_REQUEST")
		blind.call(t, "channelStorageList", `{"channel":"room"}`).want(t, 200, `{"items":[]}`)
		// The server sees all of them.
		e.server(t, "GET", "/channels/room/storage?keys=k010,hidden003", "").
			want(t, 200, `{"items":[{"key":"hidden003","data":3,"meta":{"uid":"Jim","umd":null}},`+all[10]+`]}`)
		e.server(t, "GET", "/channels/room/storage?after=k247", "").want(t, 200, `{"items":[`+all[248]+`,`+all[249]+`]}`)
		e.server(t, "GET", "/channels/room/storage?keys=a%20b", "").wantError(t, 400, "INVALID_REQUEST")
		e.server(t, "GET", "/channels/room/storage?keys=a,,b", "").wantError(t, 400, "INVALID_REQUEST")
		e.server(t, "GET", "/channels/room/storage?keys=x"+strings.Repeat(",x", 100), "").wantError(t, 400, "INVALID_REQUEST")
	})
}

// A page of big entries ends before 1 MB, and then says that there are more.
func TestStoragePageSize(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", `{"room":{"storage":{"*":{"get":true,"set":true}}}}`))
		data := `"` + strings.Repeat("x", 32<<10-2) + `"`
		for n := range 40 {
			c.send(set("room", fmt.Sprintf("k%02d", n), data))
		}
		c.ExpectNothing()
		seen, pages := 0, 0
		for more := true; more; pages++ {
			after := ""
			if seen > 0 {
				after = fmt.Sprintf(`,"after":"k%02d"`, seen-1)
			}
			a := c.call(t, "channelStorageList", `{"channel":"room"`+after+`}`)
			if a.status != 200 || len(a.body) > 1<<20 {
				t.Fatalf("%d, %d bytes", a.status, len(a.body))
			}
			seen += strings.Count(a.body, `{"key":`)
			more = strings.HasSuffix(a.body, `],"more":true}`)
			if !more && len(a.body) > 1<<20-32<<10 {
				t.Error("a full page does not say that there are more")
			}
		}
		if seen != 40 || pages != 2 {
			t.Errorf("got %d entries on %d pages", seen, pages)
		}
	})
}

// Entries expire without a word; a write renews the time, an equal one too.
func TestStorageExpires(t *testing.T) {
	inBubble(t, 2, nil, func(t *testing.T, e *env) {
		const claims = `{"room":{"subscribe":true,"storage":{"*":{"get":true,"set":true,"observe":true},"short":{"store":5}}}}`
		c := e.connect(t, user("Jim", claims))
		c.Subscribe("room")
		const jim = `{"uid":"Jim","umd":null}`
		c.do(set("room", "ever", `1`), stored("room", "ever", `1`, jim))
		c.do(set("room", "short", `1`), stored("room", "short", `1`, jim))
		time.Sleep(4 * time.Second)
		c.send(set("room", "short", `1.0`))
		c.ExpectNothing()
		time.Sleep(5*time.Second - time.Millisecond)
		c.do(get("room", "short"), found("room", "short", `1`, jim))
		time.Sleep(time.Millisecond)
		c.do(get("room", "short"), `{"event":"hotsock.channelStorageData","channel":"room","key":"short","data":null,"meta":null}`)
		c.call(t, "channelStorageList", `{"channel":"room"}`).want(t, 200, `{"items":[{"key":"ever","data":1,"meta":`+jim+`}]}`)
		time.Sleep(time.Minute)
		e.quiet(t, "room", c)
		// After that the same value is a change again.
		c.do(set("room", "short", `1`), stored("room", "short", `1`, jim))
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.channelStorageSet","key":"server","data":1,"store":2}`).want(t, 202, "")
		c.expect(stored("room", "server", `1`, noMeta))
		time.Sleep(2 * time.Second)
		c.do(get("room", "server"), `{"event":"hotsock.channelStorageData","channel":"room","key":"server","data":null,"meta":null}`)
	})
}
