package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// An actor plays a server, to say what the real one would say rarely or never.
type actor struct {
	t *testing.T
	// answer returns what is sent for a frame of the client, $ref standing for
	// its ref.
	answer func(event string) []string
}

func (a *actor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	play(a.t, w, r, greeting, func(_ *websocket.Conn, f heardFrame) ([]string, bool) {
		return a.answer(f.Event), true
	})
}

// openActor opens the page with a client whose server is the actor.
func (b *browser) openActor(a *actor) *page {
	b.t.Helper()
	s := &site{t: b.t}
	s.serve(clientOr(a))
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	run[any](p, `
		globalThis.client = new hotsock.Client();
		globalThis.errors = record(client, "error");
		globalThis.room = client.channel("room");
		globalThis.seen = record(room, "message", "subscribed", "unsubscribed", "members", "storage", "info", "reaction");
		client.connect();
	`)
	return p
}

// TestClientHostileServer: whatever comes, nothing breaks, and what is right
// among it arrives.
func TestClientHostileServer(t *testing.T) {
	t.Parallel()
	junk := []string{
		"", "null", "1", "[]", "{", `"text"`, "\x00binary", "{}", `{"event":1}`, `{"event":null,"channel":"room"}`,
		strings.Repeat("[", 20_000), `{"event":"chat","channel":"room","data":` + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000) + `}`,
		`{"event":"hotsock.connected"}`, greeting, `{"event":"hotsock.connected","data":5}`,
		`{"event":"hotsock.subscribed"}`, `{"event":"hotsock.subscribed","channel":1}`, `{"event":"hotsock.subscribed","channel":{"toString":1}}`,
		`{"event":"hotsock.subscribed","channel":"__proto__","data":null,"meta":7}`,
		`{"event":"hotsock.unsubscribed","channel":"nobody's"}`, `{"event":"hotsock.unsubscribed"}`,
		`{"event":"hotsock.error"}`, `{"event":"hotsock.error","error":null}`, `{"event":"hotsock.error","error":{"code":{"a":1},"message":[1]}}`,
		`{"event":"hotsock.error","ref":{"a":1},"error":{"code":"INTERNAL"}}`, `{"event":"hotsock.error","ref":"999","error":5}`,
		`{"event":"hotsock.ack","ref":"998"}`, `{"event":"hotsock.ack","ref":[],"channel":[],"data":"x"}`, `{"event":"hotsock.pong","ref":null}`,
		`{"event":"hotsock.somethingNew","channel":"room","data":{}}`, `{"event":"hotsock.memberAdded","channel":"room"}`,
		`{"event":"hotsock.memberAdded","channel":"room","data":{"members":5,"member":null}}`,
		`{"event":"hotsock.memberRemoved","channel":"room","data":[{"members":{"length":3}}]}`,
		`{"event":"hotsock.members","channel":"room","data":{"members":[1]}}`, `{"event":"hotsock.members","channel":"room","data":5}`,
		`{"event":"hotsock.membersChanged","channel":"room"}`, `{"event":"hotsock.membersChanged","channel":"room","data":[]}`,
		`{"event":"hotsock.membersChanged","channel":"room","data":{"added":5,"removed":{},"updated":[null,{"uid":1}]}}`,
		`{"event":"hotsock.channelStorageUpdated","channel":"room"}`, `{"event":"hotsock.channelStorageUpdated","channel":"room","key":5,"data":1}`,
		`{"event":"hotsock.channelInfo","channel":"room"}`, `{"event":"hotsock.channelInfo","channel":"room","data":{"subscriptionsCount":"5"}}`,
		`{"event":"chat","channel":"room","data":1}`, `{"event":"chat","channel":"room","id":5}`, `{"event":"chat","channel":"room","id":"zzz"}`,
		`{"event":"chat","channel":["room"],"id":"01JA3HVNF6E89HDT1ABRFWJ8C8"}`,
	}
	right := []string{
		`{"event":"hotsock.channelStorageUpdated","channel":"room","key":"__proto__","data":{"a":1}}`,
		`{"event":"hotsock.messageReactionAdded","id":"01JA3HVNF6E89HDT1ABRFWJ8C7","channel":"room","data":null,"meta":null}`,
		`{"event":"__proto__","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C8","data":"__proto__"}`,
		`{"event":"again","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C8","data":"twice"}`,
		`{"event":"old","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C0","data":"late"}`,
	}
	subscribed := `{"event":"hotsock.subscribed","channel":"room","data":{"lastId":null},"meta":{"uid":null,"umd":null},"ref":"$ref"}`
	b := startBrowser(t)
	p := b.openActor(&actor{t: t, answer: func(event string) []string {
		switch event {
		case "hotsock.subscribe":
			all := append([]string{}, junk...)
			all = append(all, subscribed)
			return append(append(all, junk...), right...)
		case "hotsock.channelStorageSet":
			return []string{`{"event":"hotsock.ack","channel":"room","data":{},"ref":"$ref"}`}
		}
		return nil
	}})
	got := run[string](p, `
		await room.subscribe();
		await until(() => seen.length === 4);
		const { state } = client;
		return JSON.stringify([state, room.active, await room.set("k", 1), seen, errors.every(([, code]) => typeof code === "string"), errors.length > 10]);
	`)
	want(t, "what came", got, `["open", true, {}, [
		["subscribed", {"recovered": null, "after": null}],
		["storage", {"key": "__proto__", "data": {"a": 1}, "meta": null}],
		["reaction", {"id": "01JA3HVNF6E89HDT1ABRFWJ8C7", "meta": {}}],
		["message", {"id": "01JA3HVNF6E89HDT1ABRFWJ8C8", "event": "__proto__", "channel": "room", "data": "__proto__", "meta": null}]
	], true, true]`)
}

// TestClientLostContinuity: the server says in the middle of a connection that
// something may be missing. What comes then is new again.
// A list of members comes in pages, and then what has changed, applied in its order.
func TestClientMembersChanged(t *testing.T) {
	const frame = `{"event":"hotsock.%s","channel":"presence.x","data":%s,"meta":{"uid":"a","umd":null}%s}`
	b := startBrowser(t)
	p := b.openActor(&actor{t: t, answer: func(event string) []string {
		if event != "hotsock.subscribe" {
			return nil
		}
		return []string{
			fmt.Sprintf(frame, "subscribed", `{"members":[{"uid":"a","umd":1},{"uid":"b","umd":1}],"more":true}`, `,"ref":"$ref"`),
			fmt.Sprintf(frame, "members", `{"members":[{"uid":"c","umd":1}],"more":true}`, ""),
			fmt.Sprintf(frame, "members", `{"members":[{"uid":"d","umd":1}],"more":false}`, ""),
			fmt.Sprintf(frame, "membersChanged", `{"removed":["b","a","nobody"],"updated":[{"uid":"c","umd":2},{"uid":"nobody","umd":2}],`+
				`"added":[{"uid":"a","umd":1},{"uid":"e","umd":1}],"count":4}`, ""),
		}
	}})
	got := run[string](p, `
		const channel = client.channel("presence.x"), seen = [];
		channel.on("members", (members, { kind, member }) => seen.push([kind, member?.uid ?? null, members.map(({ uid, umd }) => uid + umd).join()]));
		await channel.subscribe();
		await until(() => seen.length === 4);
		return JSON.stringify(seen);
	`)
	want(t, "what came", got, `[["all", null, "a1,b1,c1,d1"], ["removed", "b", "c2,d1,a1,e1"], ["updated", "c", "c2,d1,a1,e1"], ["added", "e", "c2,d1,a1,e1"]]`)
}

func TestClientLostContinuity(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.openActor(&actor{t: t, answer: func(event string) []string {
		switch event {
		case "hotsock.subscribe":
			return []string{
				`{"event":"hotsock.subscribed","channel":"room","data":{"lastId":"01JA3HVNF6E89HDT1ABRFWJ8C0"},"meta":{"uid":null,"umd":null},"ref":"$ref"}`,
				`{"event":"hotsock.channelStorageUpdated","channel":"room","key":"kept","data":1,"meta":null}`,
				`{"event":"hotsock.channelStorageUpdated","channel":"room","key":"gone","data":1,"meta":null}`,
				`{"event":"n","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C1","data":1}`,
				`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":false,"lastId":"01JA3HVNF6E89HDT1ABRFWJ8C5"},"meta":{"uid":null,"umd":null}}`,
				`{"event":"hotsock.channelStorageUpdated","channel":"room","key":"kept","data":2,"meta":null}`,
				`{"event":"n","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C6","data":6}`,
			}
		case "hotsock.ping":
			return []string{`{"event":"hotsock.pong","data":{},"ref":"$ref"}`}
		}
		return nil
	}})
	got := run[string](p, `
		await room.subscribe();
		await until(() => seen.length === 8);
		return JSON.stringify([seen.map(([type, e]) => [type, e.key ?? e.recovered, e.data ?? e.after]), room.lastId, [...room.storage.keys()]]);
	`)
	want(t, "what came", got, `[[
		["subscribed", null, null], ["storage", "kept", 1], ["storage", "gone", 1], ["message", null, 1],
		["subscribed", false, "01JA3HVNF6E89HDT1ABRFWJ8C1"], ["storage", "kept", 2], ["message", null, 6], ["storage", "gone", null]
	], "01JA3HVNF6E89HDT1ABRFWJ8C6", ["kept"]]`)
}

// TestClientBusyServer: a subscribe that the server cannot carry out yet is not
// over, and one that is too much is tried again.
func TestClientBusyServer(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	subscribes := 0
	p := b.openActor(&actor{t: t, answer: func(event string) []string {
		if event != "hotsock.subscribe" {
			return nil
		}
		subscribes++
		if subscribes == 1 {
			return []string{`{"event":"hotsock.error","channel":"room","error":{"code":"RATE_LIMITED","message":""},"ref":"$ref"}`}
		}
		return []string{
			`{"event":"hotsock.error","channel":"room","error":{"code":"UNAVAILABLE","message":""},"ref":"$ref"}`,
			`{"event":"hotsock.subscribed","channel":"room","data":{"lastId":null},"meta":{"uid":null,"umd":null},"ref":"$ref"}`,
		}
	}})
	got := run[string](p, `
		await room.subscribe();
		return JSON.stringify([seen, errors]);
	`)
	want(t, "what came", got, `[[["subscribed", {"recovered": null, "after": null}]], []]`)
	if subscribes != 2 {
		t.Errorf("it subscribed %d times, want 2", subscribes)
	}
}
