package protocoltest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// claimsOf returns connect claims with one more member.
func claimsOf(more string) string { return `{"scope":"connect",` + more + `}` }

// inChannel returns connect claims with directives for the channel "room".
func inChannel(directives string) string { return user("", `{"room":{`+directives+`}}`) }

// A token that expires this moment is good, as clocks differ.
func TestConnectTokenOfThisMoment(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		text := sign(fmt.Sprintf(`{"scope":"connect","exp":%d}`, time.Now().Unix()))
		c, refused := e.dial(t, e.next(), "?token="+url.QueryEscape(text), nil)
		if refused != nil {
			t.Fatalf("refused: %d %s", refused.status, refused.body)
		}
		c.Greet()
	})
}

// Section 2: which tokens open a connection, and which are refused as a whole.
func TestConnectTokens(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		why   string
		token string
		ok    bool
	}{
		{"scope and exp are all that is needed", token(t, `{"scope":"connect"}`), true},
		{"further scopes and claims do no harm", token(t, `{"scope":"openid connect umd","jti":"1","iat":1,"sub":"x","other":{}}`), true},
		{"nothing at all", "", false},
		{"no JWT", "abc", false},
		{"signed with another key", signWith(`{"alg":"HS256","typ":"JWT"}`, `{"scope":"connect","exp":9999999999}`, "another secret"), false},
		{"not signed", signWith(`{"alg":"none","typ":"JWT"}`, `{"scope":"connect","exp":9999999999}`, signingSecret), false},
		{"the key's, but for another algorithm", signWith(`{"alg":"HS384","typ":"JWT"}`, `{"scope":"connect","exp":9999999999}`, signingSecret), false},
		{"any kid where the key has none", signWith(`{"alg":"HS256","typ":"JWT","kid":"x"}`, `{"scope":"connect","exp":9999999999}`, signingSecret), true},
		{"no exp", sign(`{"scope":"connect"}`), false},
		{"expired", sign(fmt.Sprintf(`{"scope":"connect","exp":%d}`, now.Add(-time.Minute).Unix())), false},
		{"of an issuer whose clock is ahead", token(t, claimsOf(fmt.Sprintf(`"nbf":%d,"iat":%[1]d`, now.Add(3*time.Second).Unix()))), true},
		{"of one that is far ahead", token(t, claimsOf(fmt.Sprintf(`"iat":%d`, now.Add(time.Hour).Unix()))), false},
		{"exp of the wrong type", sign(`{"scope":"connect","exp":"9999999999"}`), false},
		{"not yet good", token(t, claimsOf(fmt.Sprintf(`"nbf":%d`, now.Add(time.Minute).Unix()))), false},
		{"good since a moment", token(t, claimsOf(fmt.Sprintf(`"nbf":%d`, now.Add(-time.Second).Unix()))), true},
		{"no scope", token(t, `{"uid":"Jim"}`), false},
		{"only another scope", token(t, `{"scope":"subscribe","uid":"Jim"}`), false},
		{"a scope that begins with connect", token(t, `{"scope":"connected"}`), false},
		{"bound to a connection", token(t, claimsOf(`"connectionId":"x"`)), false},
		{"a uid of 128 characters", token(t, claimsOf(`"uid":"`+strings.Repeat("ä", 128)+`"`)), true},
		{"a uid of 129", token(t, claimsOf(`"uid":"`+strings.Repeat("x", 129)+`"`)), false},
		{"a uid of the wrong type", token(t, claimsOf(`"uid":1`)), false},
		{"umd of 1 KiB", token(t, claimsOf(`"umd":"`+strings.Repeat("x", 1022)+`"`)), true},
		{"umd of one byte more", token(t, claimsOf(`"umd":"`+strings.Repeat("x", 1023)+`"`)), false},
		{"singleUse needs a jti", token(t, claimsOf(`"singleUse":true`)), false},
		{"singleUse with one", token(t, claimsOf(`"singleUse":true,"jti":"a"`)), true},
		{"heartbeatTimeout 5", token(t, claimsOf(`"heartbeatTimeout":5`)), true},
		{"heartbeatTimeout 4", token(t, claimsOf(`"heartbeatTimeout":4`)), false},
		{"heartbeatTimeout 600", token(t, claimsOf(`"heartbeatTimeout":600`)), true},
		{"heartbeatTimeout 601", token(t, claimsOf(`"heartbeatTimeout":601`)), false},
		{"heartbeatTimeout 5.5", token(t, claimsOf(`"heartbeatTimeout":5.5`)), false},
		{"channels of the wrong type", token(t, claimsOf(`"channels":[]`)), false},
		{"the same channel twice", sign(`{"scope":"connect","exp":9999999999,"channels":{"a":{},"a":{}}}`), false},
		{"a regular expression", token(t, user("", `{"#regex:^room\\.[0-9]+$":{"subscribe":true}}`)), true},
		{"one that does not compile", token(t, user("", `{"#regex:(":{"subscribe":true}}`)), false},
		{"one among event keys", token(t, inChannel(`"messages":{"#regex:(":{}}`)), false},
		{"one among storage keys", token(t, inChannel(`"storage":{"#regex:(":{}}`)), false},
		{"an alias", token(t, inChannel(`"alias":"r"`)), true},
		{"an alias on a wildcard", token(t, user("", `{"room.*":{"alias":"r"}}`)), false},
		{"an alias on a regular expression", token(t, user("", `{"#regex:room":{"alias":"r"}}`)), false},
		{"an alias that is no channel name", token(t, inChannel(`"alias":"a b"`)), false},
		{"an alias that is a channel key", token(t, user("", `{"a":{"alias":"b"},"b":{}}`)), false},
		{"the same alias twice", token(t, user("", `{"a":{"alias":"c"},"b":{"alias":"c"}}`)), false},
		{"autoSubscribe on a wildcard", token(t, user("", `{"*":{"autoSubscribe":true}}`)), false},
		{"autoSubscribe on a regular expression", token(t, user("", `{"#regex:a":{"autoSubscribe":true}}`)), false},
		{"messages.store 0", token(t, inChannel(`"messages":{"e":{"store":0}}`)), true},
		{"messages.store -1", token(t, inChannel(`"messages":{"e":{"store":-1}}`)), true},
		{"messages.store -2", token(t, inChannel(`"messages":{"e":{"store":-2}}`)), false},
		{"messages.store at its maximum", token(t, inChannel(`"messages":{"e":{"store":3155695200}}`)), true},
		{"messages.store over it", token(t, inChannel(`"messages":{"e":{"store":3155695201}}`)), false},
		{"storage.store 0", token(t, inChannel(`"storage":{"k":{"store":0}}`)), false},
		{"storage.store 1", token(t, inChannel(`"storage":{"k":{"store":1}}`)), true},
		{"storage.store over its maximum", token(t, inChannel(`"storage":{"k":{"store":3155695201}}`)), false},
		{"react true", token(t, inChannel(`"messages":{"e":{"react":true}}`)), true},
		{"react a list", token(t, inChannel(`"messages":{"e":{"react":["👍"]}}`)), true},
		{"react a string", token(t, inChannel(`"messages":{"e":{"react":"👍"}}`)), false},
		{"a directive of the wrong type", token(t, inChannel(`"subscribe":"true"`)), false},
		{"8 KiB", longToken(t, 8<<10), true},
		{"one byte more", longToken(t, 8<<10+1), false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				c, refused := e.dial(t, e.next(), "?token="+url.QueryEscape(tt.token), nil)
				if tt.ok {
					if refused != nil {
						t.Fatalf("refused: %d %s", refused.status, refused.body)
					}
					c.Greet()
					return
				}
				if refused == nil {
					t.Fatal("was let in")
				}
				// The answer never says which part was wrong.
				refused.want(t, 401, `{"error":{"code":"UNAUTHORIZED","message":"the credentials are missing or invalid"}}`)
			})
		})
	}
}

// Whose token is good later may come back with it, unlike others.
func TestConnectTokensGoodLater(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		why, claims string
		later       bool
	}{
		{"not yet good", fmt.Sprintf(`{"scope":"connect","exp":9999999999,"nbf":%d}`, now.Add(time.Minute).Unix()), true},
		{"of an issuer whose clock is ahead", fmt.Sprintf(`{"scope":"connect","exp":9999999999,"iat":%d}`, now.Add(time.Minute).Unix()), true},
		{"expired", fmt.Sprintf(`{"scope":"connect","exp":%d}`, now.Add(-time.Minute).Unix()), false},
		{"for something else, and not yet good", fmt.Sprintf(`{"scope":"umd","exp":9999999999,"nbf":%d}`, now.Add(time.Minute).Unix()), false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				_, refused := e.dial(t, e.next(), "?token="+sign(tt.claims), nil)
				if refused == nil {
					t.Fatal("was let in")
				}
				refused.wantError(t, 401, "UNAUTHORIZED")
				if after := refused.header.Get("Retry-After"); (after == "1") != tt.later || !tt.later && after != "" {
					t.Errorf("Retry-After is %q", after)
				}
			})
		})
	}
}

// longToken makes a good token of a certain length.
func longToken(t *testing.T, length int) string {
	t.Helper()
	for n := length / 2; n < length; n++ {
		payload := `{"scope":"connect","exp":9999999999,"x":"` + strings.Repeat("x", n) + `"}`
		if s := sign(payload); len(s) == length {
			return s
		}
	}
	// Base64 does not have every length: a header that is one byte longer
	// moves it.
	for n := length / 2; n < length; n++ {
		payload := `{"scope":"connect","exp":9999999999,"x":"` + strings.Repeat("x", n) + `"}`
		if s := signWith(`{"alg":"HS256","typ":"JWT" }`, payload, signingSecret); len(s) == length {
			return s
		}
	}
	t.Fatalf("no token of %d bytes", length)
	return ""
}

// Audience, issuer, key ids and several keys are up to the host.
func TestTokenOptions(t *testing.T) {
	const second = "the second of the secrets, long enough too, also for HS512: so it is"
	set := func(o *hotsock.Options) {
		o.Audience, o.Issuer = "chat", "https://issuer.test"
		o.Keys = append(o.Keys, hotsock.Key{Algorithm: hotsock.HS512, ID: "k2", Secret: []byte(second)},
			hotsock.Key{Algorithm: hotsock.HS256, ID: "k3", Secret: []byte(second)})
	}
	payload := func(aud, iss string) string {
		return fmt.Sprintf(`{"scope":"connect","exp":9999999999,"aud":%s,"iss":%q}`, aud, iss)
	}
	good := payload(`"chat"`, "https://issuer.test")
	for _, tt := range []struct {
		why, token string
		ok         bool
	}{
		{"both as wanted", sign(good), true},
		{"the audience is among several", sign(payload(`["mail","chat"]`, "https://issuer.test")), true},
		{"another audience", sign(payload(`["mail","chats"]`, "https://issuer.test")), false},
		{"no audience", sign(payload(`null`, "https://issuer.test")), false},
		{"another issuer", sign(payload(`"chat"`, "https://issuer.test/")), false},
		{"the second key with its kid", signWith(`{"alg":"HS256","typ":"JWT","kid":"k3"}`, good, second), true},
		{"without its kid", signWith(`{"alg":"HS256","typ":"JWT"}`, good, second), false},
		{"with another kid", signWith(`{"alg":"HS256","typ":"JWT","kid":"k2"}`, good, second), false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, set, func(t *testing.T, e *env) {
				c, refused := e.dial(t, e.next(), "?token="+tt.token, nil)
				if (refused == nil) != tt.ok {
					t.Fatalf("let in: %v, want %v", c != nil, tt.ok)
				}
				if refused != nil {
					refused.wantError(t, 401, "UNAUTHORIZED")
				}
			})
		})
	}
}

// A single-use token is good once, on whichever node, also when many try at
// the same moment; trying too early does not use it up.
func TestSingleUseConnect(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const tries = 8
		tok := token(t, claimsOf(`"singleUse":true,"jti":"once"`))
		var wg sync.WaitGroup
		in := make(chan bool, tries)
		for n := range tries {
			wg.Go(func() {
				_, refused := e.dial(t, n%len(e.nodes), "?token="+tok, nil)
				in <- refused == nil
			})
		}
		wg.Wait()
		close(in)
		count := 0
		for ok := range in {
			if ok {
				count++
			}
		}
		if count != 1 {
			t.Errorf("%d of %d were let in", count, tries)
		}
		// Another token of the same id is the same token.
		_, refused := e.dial(t, e.next(), "?token="+token(t, claimsOf(`"singleUse":true,"jti":"once","uid":"other"`)), nil)
		if refused == nil {
			t.Fatal("a token with a used id was let in")
		}
		refused.wantError(t, 401, "UNAUTHORIZED")
	})
	t.Run("too early", func(t *testing.T) {
		inBubble(t, 2, nil, func(t *testing.T, e *env) {
			tok := token(t, claimsOf(fmt.Sprintf(`"singleUse":true,"jti":"once","nbf":%d`, time.Now().Add(time.Minute).Unix())))
			if _, refused := e.dial(t, 0, "?token="+tok, nil); refused == nil {
				t.Fatal("was let in too early")
			}
			time.Sleep(time.Minute)
			if _, refused := e.dial(t, 1, "?token="+tok, nil); refused != nil {
				t.Fatalf("refused: %d %s", refused.status, refused.body)
			}
			if _, refused := e.dial(t, 0, "?token="+tok, nil); refused == nil {
				t.Fatal("was let in twice")
			}
		})
	})
}

// A single-use subscribe token that two connections race for is good for one.
func TestSingleUseSubscribe(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		tok := token(t, `{"scope":"subscribe","uid":"Jim","jti":"once","singleUse":true,"channels":{"room":{"subscribe":true}}}`)
		var clients []*client
		for range 6 {
			clients = append(clients, e.connect(t, user("Jim", `{}`)))
		}
		for _, c := range clients {
			c.send(`{"event":"hotsock.subscribe","channel":"room","data":{"token":"` + tok + `"}}`)
		}
		in := 0
		for _, c := range clients {
			frame := c.Next().Text
			if e.match(`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null}}`, frame) == nil {
				in++
			} else if err := e.match(failure("room", "INVALID_SUBSCRIBE_TOKEN"), frame); err != nil {
				t.Error(err)
			}
		}
		if in != 1 {
			t.Errorf("%d subscribed, want 1", in)
		}
	})
}

// Section 2: the host's own authentication in the place of tokens.
func TestAuthenticate(t *testing.T) {
	set := func(o *hotsock.Options) {
		o.Authenticate = func(r *http.Request) (*hotsock.Claims, error) {
			switch r.Header.Get("Cookie") {
			case "session=jim":
				return &hotsock.Claims{UID: "Jim", UMD: []byte(`{ "a" : 1 }`), Channels: map[string]hotsock.ChannelClaims{
					"room": {Subscribe: hotsock.Allow, GetInfo: hotsock.Allow, Messages: map[string]hotsock.MessageClaims{"*": {Publish: hotsock.Allow, Echo: hotsock.Allow}}},
				}}, nil
			case "session=late":
				return nil, &hotsock.Error{Code: hotsock.CodeRateLimited, Message: "come back later"}
			case "session=bug":
				return &hotsock.Claims{UID: strings.Repeat("x", 1000)}, nil
			case "session=nobody":
				return nil, nil
			case "session=panic":
				panic("in the hook")
			}
			return nil, errors.New("a secret reason")
		}
	}
	everywhere(t, set, func(t *testing.T, e *env) {
		c, refused := e.dial(t, e.next(), "", http.Header{"Cookie": {"session=jim"}})
		if refused != nil {
			t.Fatalf("refused: %d %s", refused.status, refused.body)
		}
		c.expect(`{"event":"hotsock.connected","data":{"connectionId":"$cid","connectionExpiresAt":"$_","connectionSecret":"$secret"},"meta":{"uid":"Jim","umd":{"a":1}}}`)
		c.ID, c.Secret, c.node = e.get("cid"), e.get("secret"), 0
		c.Subscribe("room")
		c.do(`{"event":"hi","channel":"room"}`, `{"id":"$_","event":"hi","channel":"room","data":null,"meta":{"uid":"Jim","umd":{"a":1}}}`)
		for n := range e.nodes {
			e.request(t, n, "POST", "/connection/getChannelInfo"+c.credentials(), `{"channel":"room"}`).
				want(t, 200, `{"channel":"room","subscriptionsCount":1}`)
			e.request(t, n, "POST", "/connection/publishMessage"+c.credentials(), `{"channel":"room","event":"hi"}`).
				want(t, 202, `{"channel":"room","event":"hi"}`)
			c.expect(`{"id":"$_","event":"hi","channel":"room","data":null,"meta":{"uid":"Jim","umd":{"a":1}}}`)
		}
		for _, tt := range []struct {
			cookie string
			status int
			body   string
		}{
			{"", 401, `{"error":{"code":"UNAUTHORIZED","message":"the credentials are missing or invalid"}}`},
			{"session=nobody", 401, `{"error":{"code":"UNAUTHORIZED","message":"the credentials are missing or invalid"}}`},
			{"session=late", 429, `{"error":{"code":"RATE_LIMITED","message":"come back later"}}`},
			{"session=bug", 500, `{"error":{"code":"INTERNAL","message":"internal error"}}`},
			{"session=panic", 500, `{"error":{"code":"INTERNAL","message":"internal error"}}`},
		} {
			// A good token is of no use here.
			_, refused := e.dial(t, e.next(), "?token="+token(t, `{"scope":"connect"}`), http.Header{"Cookie": {tt.cookie}})
			if refused == nil {
				t.Fatalf("%q was let in", tt.cookie)
			}
			refused.want(t, tt.status, tt.body)
		}
	})
}

// Section 5: for whom a subscribe token must be. Its uid and umd are how the
// user appears on the channel.
func TestSubscribeTokens(t *testing.T) {
	const room = `,"channels":{"room":{"subscribe":true}}}`
	for _, tt := range []struct {
		why    string
		uid    string // of the connection
		claims string
		meta   string // or the code of an error
	}{
		{"for the connection", "", `{"scope":"subscribe","connectionId":"CID"` + room, `{"uid":null,"umd":null}`},
		{"for the connection, with a name there", "", `{"scope":"subscribe","connectionId":"CID","uid":"Guest 1","umd":[1]` + room, `{"uid":"Guest 1","umd":[1]}`},
		{"for the connection, with another name there", "Jim", `{"scope":"subscribe","connectionId":"CID","uid":"James"` + room, `{"uid":"James","umd":{"n":0}}`},
		{"for the user", "Jim", `{"scope":"connect subscribe","uid":"Jim","umd":{"n":1}` + room, `{"uid":"Jim","umd":{"n":1}}`},
		{"umd null is no umd", "Jim", `{"scope":"subscribe","uid":"Jim","umd":null` + room, `{"uid":"Jim","umd":{"n":0}}`},
		{"for another connection", "Jim", `{"scope":"subscribe","connectionId":"x","uid":"Jim"` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"for another user", "Jim", `{"scope":"subscribe","uid":"Pam"` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"for a user, where there is none", "", `{"scope":"subscribe","uid":"Jim"` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"for nobody", "", `{"scope":"subscribe"` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"for nobody, by an empty uid", "", `{"scope":"subscribe","uid":""` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"an empty connectionId", "Jim", `{"scope":"subscribe","connectionId":"","uid":"Jim"` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"for another purpose", "Jim", `{"scope":"connect umd","uid":"Jim"` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"expired", "Jim", `{"scope":"subscribe","uid":"Jim","exp":1` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"not yet good", "Jim", `{"scope":"subscribe","uid":"Jim","nbf":9999999998,"exp":9999999999` + room, "INVALID_SUBSCRIBE_TOKEN"},
		{"malformed", "Jim", `{"scope":"subscribe","uid":"Jim","channels":{"#regex:(":{}}}`, "INVALID_SUBSCRIBE_TOKEN"},
		{"without permission", "Jim", `{"scope":"subscribe","uid":"Jim","channels":{"rooms":{"subscribe":true}}}`, "SUBSCRIBE_PERMISSION_DENIED"},
		{"autoSubscribe means nothing in it", "Jim", `{"scope":"subscribe","uid":"Jim","channels":{"room":{"autoSubscribe":true}}}`, "SUBSCRIBE_PERMISSION_DENIED"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				claims := `{"scope":"connect","umd":{"n":0}}`
				if tt.uid == "" {
					claims = `{"scope":"connect"}`
				} else {
					claims = strings.TrimSuffix(claims, "}") + `,"uid":"` + tt.uid + `"}`
				}
				c := e.connect(t, claims)
				tok := token(t, strings.ReplaceAll(tt.claims, "CID", c.ID))
				want := `{"event":"hotsock.subscribed","channel":"room","data":{},"meta":` + tt.meta + `}`
				if !strings.HasPrefix(tt.meta, "{") {
					want = failure("room", tt.meta)
				}
				c.do(`{"event":"hotsock.subscribe","channel":"room","data":{"token":"`+tok+`"}}`, want)
			})
		})
	}
}
