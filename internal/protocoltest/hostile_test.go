package protocoltest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// Nothing that is small becomes large: bodies are not unpacked, and compression
// of frames is not agreed to unless the app wants it.
func TestNothingIsUnpacked(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.Compress = false }, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write([]byte(`{"channel":"room","event":"e","x":"` + strings.Repeat("x", 10<<20) + `"}`)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := "/connection/publishMessage" + c.credentials()
		for _, encoding := range []string{"gzip", "br", "identity", "deflate, gzip"} {
			e.request(t, e.next(), "POST", path, packed.String(), "Content-Encoding", encoding).wantError(t, 400, "INVALID_JSON")
		}
		// What the encoding is said to be does not matter.
		e.request(t, e.next(), "POST", path, `{"channel":"room","event":"e"}`, "Content-Encoding", "gzip", "Content-Type", "image/png").
			want(t, 202, `{"channel":"room","event":"e"}`)

		ctx, cancel := e.context()
		defer cancel()
		ws, res, err := websocket.Dial(ctx, e.nodes[0].base+"?token="+token(t, user("Jim", everything)), &websocket.DialOptions{
			HTTPClient: e.http, CompressionMode: websocket.CompressionContextTakeover,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer ws.CloseNow()
		if got := res.Header.Get("Sec-WebSocket-Extensions"); got != "" {
			t.Errorf("agreed to %q", got)
		}
	})
}

// A frame that says it is compressed, though nothing was agreed, ends the
// connection.
func TestCompressedFrame(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		u, err := url.Parse(e.nodes[0].base)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ctx, cancel := e.context()
		defer cancel()
		deadline, _ := ctx.Deadline()
		if err := conn.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, wstest.Request("/rt?token="+token(t, user("Jim", everything)))+
			"\xc1\x82\x00\x00\x00\x00{}") // final, RSV1, text, masked with zeros
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		_, _ = got.ReadFrom(conn) // until the server closes
		if !strings.Contains(got.String(), "101 Switching Protocols") || !bytes.Contains(got.Bytes(), []byte{0x88}) ||
			!bytes.Contains(got.Bytes(), []byte{0x03, 0xea}) { // 1002
			t.Errorf("got %q", got.String())
		}
	})
}

// Parameters that come twice, come in a strange form, or are enormous.
func TestStrangeQueries(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim, pam := e.connect(t, user("Jim", everything)), e.connect(t, user("Pam", everything))
		id := func(c *client) string { return "connectionId=" + url.QueryEscape(c.ID) }
		secret := func(c *client) string { return "connectionSecret=" + url.QueryEscape(c.Secret) }
		ask := func(query string) *answer {
			return e.request(t, e.next(), "POST", "/connection/getChannelInfo?"+query, `{"channel":"room"}`)
		}
		ask(id(jim)+"&"+secret(jim)).want(t, 200, "")
		ask(id(jim)+"&"+secret(jim)+"&"+id(pam)+"&"+secret(pam)).want(t, 200, "") // the first ones count
		for why, query := range map[string]string{
			"the first id and the second secret": id(jim) + "&" + secret(pam) + "&" + secret(jim),
			"nothing first":                      "connectionId=&connectionSecret=&" + id(jim) + "&" + secret(jim),
			"somebody else's secret":             id(jim) + "&" + secret(pam),
			"names in another case":              strings.ToLower(id(jim)) + "&" + strings.ToLower(secret(jim)),
			"semicolons":                         id(jim) + ";" + secret(jim),
			"an id as a list":                    "connectionId[]=" + jim.ID + "&" + secret(jim),
			"a long id":                          "connectionId=" + strings.Repeat("a", 100_000) + "&" + secret(jim),
			"a long secret":                      id(jim) + "&connectionSecret=" + strings.Repeat("a", 100_000),
			"many parameters":                    strings.Repeat("a&", 5000) + id(jim),
			"a NUL":                              id(jim) + "%00&" + secret(jim),
			"not an encoding":                    id(jim) + "%zz&" + secret(jim),
		} {
			if a := ask(query); a.status != 401 {
				t.Errorf("%s: %d %s", why, a.status, shorten(a.body))
			}
		}
		good := token(t, user("Jim", everything))
		for why, query := range map[string]string{
			"two in one": "?token=" + good + "," + good,
			"none":       "?Token=" + good,
		} {
			if _, refused := e.dial(t, 0, query, nil); refused == nil || refused.status != 401 {
				t.Errorf("%s: %+v", why, refused)
			}
		}
		// A token is taken from nowhere else.
		for _, h := range []http.Header{
			{"Authorization": {"Basic " + good}}, {"Cookie": {"token=" + good}}, {"Sec-Websocket-Protocol": {good}},
		} {
			if _, refused := e.dial(t, 0, "", h); refused == nil || refused.status != 401 {
				t.Errorf("%v: %+v", h, refused)
			}
		}
	})
}

// Both API keys, and the client's API, on all paths that are nearly right.
func TestPathTricks(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.APIKeys = apiKeys }, func(t *testing.T, e *env) {
		jim := e.connect(t, user("Jim", everything))
		for _, path := range []string{
			"/users/Jim%2Fconnections", "/users%2FJim%2Fconnections", "/users/Jim/connections/", "/users/Jim/connections//",
			"/USERS/Jim/connections", "/users/Jim/connections%00", "/users/Jim/connections;x", "/%75sers/Jim/connections",
			"/users/Jim/connections%20", "/users/Jim/.connections", "/x/../users/Jim/connections.json",
		} {
			a := e.server(t, "DELETE", path, "")
			if a.status/100 != 4 {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
		jim.ExpectNothing()
		// And without a key, nothing is done on any of them that is right.
		for _, path := range []string{"/users/Jim/connections", "/x/users/Jim/connections", "/channels/room/users/Jim", "/connections/" + jim.ID} {
			e.request(t, e.next(), "DELETE", path, "", "X-Original-URL", "/", "X-Forwarded-For", "127.0.0.1").wantError(t, 401, "UNAUTHORIZED")
		}
		jim.ExpectNothing()
	})
}
