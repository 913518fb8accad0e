package browsertest

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestClientOptions: numbers and addresses that cannot be meant are refused.
func TestClientOptions(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	got := run[string](p, `
		const make = (options) => {
			try {
				new hotsock.Client(options);
				return "";
			} catch (error) {
				return error.name;
			}
		};
		const numbers = ["30s", "30000", null, NaN, -1, Infinity, 2 ** 31, 0.5, 5n];
		return JSON.stringify([
			numbers.map((heartbeat) => make({ heartbeat })), numbers.map((timeout) => make({ timeout })),
			[make({ heartbeat: 30 }), make({ heartbeat: 0 }), make({ heartbeat: 2 ** 31 - 1 }), make({ timeout: 0 })],
			["ftp://a/", "file:///rt", "http://", "wss://a/rt#x", "ws://a", "/rt a?b c"].map((url) => make({ url })),
		]);
	`)
	want(t, "refused", got, `[
		["TypeError", "TypeError", "TypeError", "RangeError", "RangeError", "RangeError", "RangeError", "RangeError", "TypeError"],
		["TypeError", "TypeError", "TypeError", "RangeError", "RangeError", "RangeError", "RangeError", "RangeError", "TypeError"],
		["RangeError", "", "", "RangeError"],
		["TypeError", "TypeError", "TypeError", "", "", ""]
	]`)
}

// TestClientQuery: the query of the address goes with every request.
func TestClientQuery(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{testKey.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	var mu sync.Mutex
	asked := make(map[string]url.Values)
	s := &site{t: t}
	s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path] = r.URL.Query()
		mu.Unlock()
		rt.ServeHTTP(w, r)
	}))
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	run[any](p, `
		const client = new hotsock.Client({ url: "/rt?tenant=7&name=a b&tenant=8#part", token: args[0] });
		client.connect();
		await client.channel("room").info();
	`, signed(t, "connect", claimsOf("Jim", "room")))
	mu.Lock()
	defer mu.Unlock()
	for _, path := range []string{"/rt/", "/rt/connection/getChannelInfo"} {
		q := asked[path]
		if len(q["tenant"]) != 2 || q.Get("tenant") != "7" || q.Get("name") != "a b" {
			t.Errorf("%s was asked for with %v", path, q)
		}
	}
}

// TestClientTokenPlace: the token is not in the URL, unless it has to be.
func TestClientTokenPlace(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{testKey.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	asked := make(chan *http.Request, 2)
	s := &site{t: t}
	s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			asked <- r.Clone(r.Context())
		}
		rt.ServeHTTP(w, r)
	}))
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	token := signed(t, "connect", claimsOf("Jim", "room"))
	for _, row := range []struct {
		why, options, query, protocol string
	}{
		{"a subprotocol", `{ token: args[0] }`, "", "hotsock, hotsock.token." + token},
		{"a server that needs it", `{ token: args[0], tokenInURL: true }`, "token=" + token, ""},
	} {
		run[any](p, `
			const client = new hotsock.Client(`+row.options+`);
			client.connect();
			await until(() => client.state === "open");
			client.close();
		`, token)
		r := <-asked
		if got := r.Header.Get("Sec-WebSocket-Protocol"); r.URL.RawQuery != row.query || got != row.protocol {
			t.Errorf("%s: the query is %q, the protocol %q", row.why, r.URL.RawQuery, got)
		}
	}
}
