package protocoltest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// Section 2: where the token may be, and what is answered to several of them. The
// token itself is in no answer and in no log.
func TestPlacesOfTheToken(t *testing.T) {
	good := token(t, user("Jim", "{}"))
	other := token(t, user("Pam", "{}"))
	bearer := "Bearer " + good
	for _, tt := range []struct {
		why           string
		query         []string
		protocols     []string
		authorization []string
		status        int
		selected      string
	}{
		{why: "in the query, as hotsock-js does", query: []string{good}},
		{why: "in a subprotocol", protocols: []string{"hotsock", "hotsock.token." + good}, selected: "hotsock"},
		{why: "in any order", protocols: []string{"hotsock.token." + good, "hotsock"}, selected: "hotsock"},
		{why: "beside other protocols", protocols: []string{"mqtt", "hotsock", "graphql-ws", "hotsock.token." + good}, selected: "hotsock"},
		{why: "without the protocol itself, none is selected", protocols: []string{"hotsock.token." + good}},
		{why: "the protocol, and the token in the query", query: []string{good}, protocols: []string{"hotsock"}, selected: "hotsock"},
		{why: "another protocol only", query: []string{good}, protocols: []string{"mqtt"}},
		{why: "protocols have a case", query: []string{good}, protocols: []string{"Hotsock"}},
		{why: "in a header", authorization: []string{bearer}},
		{why: "schemes have no case", authorization: []string{"bearer  " + good}},
		{why: "a gateway's own, beside the query", query: []string{good}, authorization: []string{"Bearer gateway"}},
		{why: "a gateway's own, beside the subprotocol", protocols: []string{"hotsock", "hotsock.token." + good}, authorization: []string{"Bearer gateway"}, selected: "hotsock"},
		{why: "another scheme beside it", authorization: []string{"Basic eDp5", bearer}},
		{why: "empty ones are none", query: []string{""}, protocols: []string{"hotsock", "hotsock.token."}, authorization: []string{bearer}, selected: "hotsock"},

		{why: "nowhere", protocols: []string{"hotsock"}, status: 401},
		{why: "empty everywhere", query: []string{""}, protocols: []string{"hotsock.token."}, authorization: []string{"Bearer "}, status: 401},
		{why: "with another scheme", authorization: []string{"Basic " + good}, status: 401},
		{why: "in a protocol of another case", protocols: []string{"hotsock.TOKEN." + good}, status: 401},
		{why: "cut off", protocols: []string{"hotsock", "hotsock.token." + good[:len(good)-2]}, status: 401},
		{why: "too long, in a header", authorization: []string{"Bearer " + longToken(t, 8<<10+1)}, status: 401},
		{why: "huge", protocols: []string{"hotsock", "hotsock.token." + strings.Repeat("x", 500_000)}, status: 401},
		{why: "a huge list", protocols: []string{strings.Repeat("hotsock,", 60_000) + "x"}, status: 401},

		{why: "twice in the query", query: []string{good, good}, status: 400},
		{why: "twice in subprotocols", protocols: []string{"hotsock.token." + good, "hotsock.token." + other}, status: 400},
		{why: "in the query and a subprotocol", query: []string{good}, protocols: []string{"hotsock", "hotsock.token." + other}, status: 400},
		{why: "twice in headers", authorization: []string{bearer, "Bearer " + other}, status: 400},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				header := http.Header{}
				for _, value := range tt.authorization {
					header.Add("Authorization", value)
				}
				c, res, err := wstest.Try(t, e.anyNode().base+"?"+url.Values{"token": tt.query}.Encode(), wstest.Options{
					HTTPClient: e.http, Header: header, Subprotocols: tt.protocols, Patience: e.patience,
				})
				switch {
				case res == nil:
					t.Fatal(err)
				case tt.status == 0 && err != nil:
					t.Fatalf("refused: %v", err)
				case tt.status != 0 && res.StatusCode != tt.status:
					t.Fatalf("answered %s, want %d", res.Status, tt.status)
				}
				if got := res.Header.Get("Sec-WebSocket-Protocol"); got != tt.selected {
					t.Errorf("the protocol selected is %q, want %q", got, tt.selected)
				}
				for name, values := range res.Header {
					if strings.Contains(strings.Join(values, ","), good) {
						t.Errorf("the token is in the answer's %s", name)
					}
				}
				if c != nil {
					c.Greet()
				}
				if logs := e.logs.String(); strings.Contains(logs, good) || strings.Contains(logs, other) {
					t.Errorf("the token is in the log: %s", logs)
				}
			})
		})
	}
}

// An app with tokens of its own finds them in all places.
func TestRequestTokenInAuthenticate(t *testing.T) {
	set := func(o *hotsock.Options) {
		o.Authenticate = func(r *http.Request) (*hotsock.Claims, error) {
			own, err := hotsock.RequestToken(r)
			if own != "of-jim" || err != nil {
				return nil, err
			}
			return &hotsock.Claims{UID: "Jim"}, nil
		}
	}
	everywhere(t, set, func(t *testing.T, e *env) {
		for why, tt := range map[string]struct {
			query, protocol string
			status          int
		}{
			"in the query":   {"?token=of-jim", "hotsock", 101},
			"in a protocol":  {"", "hotsock.token.of-jim", 101},
			"another one":    {"", "hotsock.token.of-pam", 401},
			"in both places": {"?token=of-jim", "hotsock.token.of-jim", 400},
		} {
			_, res, err := wstest.Try(t, e.anyNode().base+tt.query, wstest.Options{
				HTTPClient: e.http, Subprotocols: []string{tt.protocol}, Patience: e.patience,
			})
			if res == nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status {
				t.Errorf("%s: %s, want %d", why, res.Status, tt.status)
			}
		}
	})
}
