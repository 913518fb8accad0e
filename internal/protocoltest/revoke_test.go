package protocoltest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

const (
	tokenRevoked = "Token revoked"
	mayAll       = `{"*":{"subscribe":true,"umdUpdate":true,"messages":{"*":{"publish":true}}}}`
)

// issued returns claims that say when the token was issued, and perhaps more.
func issued(scope, uid string, ago time.Duration, more string) string {
	at := float64(time.Now().Add(-ago).UnixMicro()) / 1e6
	return strings.TrimSuffix(as(scope, uid, mayAll), "}") + fmt.Sprintf(`,"iat":%f%s}`, at, more)
}

// until is a body's member: an hour from now.
func until() string {
	return fmt.Sprintf(`"until":%q`, time.Now().Add(time.Hour).Format(time.RFC3339))
}

// refused tries to connect to each node.
func (e *env) refused(t *testing.T, why, claims string) {
	t.Helper()
	for n := range e.nodes {
		if c, a := e.dial(t, n, "?token="+token(t, claims), nil); c != nil || a.status != http.StatusUnauthorized {
			t.Errorf("%s: connects to node %d", why, n)
		}
	}
}

// A user is revoked on one node, and signed out on all.
func TestRevokeUser(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		var jims []*client
		for n := range e.nodes {
			jims = append(jims, e.connectTo(t, n, issued("connect", "Jim", time.Second, "")))
		}
		without := e.connect(t, user("Jim", mayAll)) // nobody knows when it was issued
		pam := e.connect(t, issued("connect", "Pam", time.Second, ""))
		pam.Do(subscribeCommand("room", token(t, issued("subscribe", "Jim", time.Second, `,"connectionId":"`+pam.ID+`"`))), "hotsock.subscribed")
		pam.Do(subscribeCommand("hall", token(t, issued("subscribe", "", time.Second, `,"connectionId":"`+pam.ID+`"`))), "hotsock.subscribed")

		e.server(t, "POST", "/revocations", `{"uid":"Jim",`+until()+`}`).want(t, 200, fmt.Sprintf(`{"ended":%d}`, len(jims)+2))
		for _, jim := range append(jims, without) {
			jim.ExpectClose(websocket.StatusPolicyViolation, tokenRevoked)
			// The connection's secret is good for nothing, either, on any node.
			for n := range e.nodes {
				e.request(t, n, "POST", "/connection/publishMessage"+jim.credentials(), `{"channel":"room","event":"e"}`).wantError(t, 401, "UNAUTHORIZED")
			}
		}
		if f := pam.Expect("hotsock.unsubscribed"); f.Channel != "room" || !strings.Contains(f.Text, `"data":{"reason":"Token revoked"}`) {
			t.Errorf("got %s", f.Text)
		}
		pam.ExpectNothing()

		e.refused(t, "issued before", issued("connect", "Jim", time.Second, ""))
		e.refused(t, "without an iat", user("Jim", mayAll))
		e.refused(t, "in the same second, by the seconds", strings.Replace(user("Jim", mayAll), `{`, fmt.Sprintf(`{"iat":%d,`, time.Now().Add(-time.Second).Unix()), 1))
		fresh := e.connect(t, issued("connect", "Jim", 0, ""))
		for scope, do := range map[string]func(text string) (string, string){
			"subscribe": func(text string) (string, string) { return subscribeCommand("x", text), "INVALID_SUBSCRIBE_TOKEN" },
			"umd":       func(text string) (string, string) { return umdUpdate("", text), "INVALID_UMD_TOKEN" },
		} {
			for why, claims := range map[string]string{
				"the user's":          issued(scope, "Jim", time.Minute, ""),
				"for the connection":  issued(scope, "", time.Minute, `,"connectionId":"`+fresh.ID+`"`),
				"without a time":      as(scope, "Jim", mayAll),
				"the user's, for pam": issued(scope, "Jim", time.Minute, `,"connectionId":"`+pam.ID+`"`),
			} {
				c := fresh
				if strings.HasSuffix(why, "pam") {
					c = pam
				}
				command, code := do(token(t, claims))
				c.Do(command, code)
				if scope == "umd" {
					c.call(t, "umdUpdate", fmt.Sprintf(`{"token":%q}`, token(t, claims))).wantError(t, 401, code)
				}
			}
		}
		fresh.Do(subscribeCommand("x", token(t, issued("subscribe", "Jim", 0, ""))), "hotsock.subscribed")
		fresh.ExpectNothing()
		e.explainRevoked(t, fresh)
	})
}

// explainRevoked asks every node why.
func (e *env) explainRevoked(t *testing.T, c *client) {
	t.Helper()
	for _, n := range e.nodes {
		for _, row := range []struct {
			q    hotsock.ExplainRequest
			want string
		}{
			{hotsock.ExplainRequest{Action: hotsock.ActionConnect, Token: token(t, issued("connect", "Jim", time.Minute, ""))}, "the connect token is not valid: it was revoked"},
			{hotsock.ExplainRequest{
				Action: hotsock.ActionSubscribe, Channel: "x", Token: token(t, issued("connect", "Jim", 0, "")),
				CommandToken: token(t, issued("subscribe", "", time.Minute, `,"connectionId":"`+c.ID+`"`)),
			}, "the subscribe token is not valid: it was revoked"},
			{hotsock.ExplainRequest{Action: hotsock.ActionUpdateUMD, CommandToken: token(t, issued("umd", "Jim", time.Minute, ""))}, "the umd token is not valid: it was revoked"},
		} {
			x, err := n.Explain(t.Context(), row.q)
			if err != nil || x.Allowed || x.Reason != row.want {
				t.Errorf("%s: %v, %s", row.q.Action, err, x)
			}
		}
	}
}

// One token, or all of a session, are revoked by their id.
func TestRevokeTokenID(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		laptop := issued("connect", "Jim", time.Second, `,"jti":"laptop"`)
		a, b := e.connect(t, laptop), e.connect(t, laptop)
		phone := e.connect(t, issued("connect", "Jim", time.Second, `,"jti":"phone"`))
		phone.Do(subscribeCommand("room", token(t, issued("subscribe", "Jim", 0, `,"jti":"invitation"`))), "hotsock.subscribed")
		e.server(t, "POST", "/revocations", `{"jti":"laptop",`+until()+`}`).want(t, 200, `{"ended":2}`)
		a.ExpectClose(websocket.StatusPolicyViolation, tokenRevoked)
		b.ExpectClose(websocket.StatusPolicyViolation, tokenRevoked)
		phone.ExpectNothing()
		e.refused(t, "revoked", laptop)
		e.refused(t, "with the same id, later", issued("connect", "Jim", 0, `,"jti":"laptop"`))
		e.server(t, "POST", "/revocations", `{"jti":"invitation",`+until()+`}`).want(t, 200, `{"ended":1}`)
		phone.Expect("hotsock.unsubscribed")
		phone.Do(subscribeCommand("room", token(t, issued("subscribe", "Jim", 0, `,"jti":"invitation"`))), "INVALID_SUBSCRIBE_TOKEN")
		phone.ExpectNothing()
	})
}

// Everything that was issued before a time is revoked, as after a leak.
func TestRevokeEverybody(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxTokenLifetime = time.Hour }, func(t *testing.T, e *env) {
		old := []*client{
			e.connect(t, issued("connect", "Jim", time.Minute, "")), e.connect(t, issued("connect", "", time.Minute, "")), e.connect(t, user("Pam", mayAll)),
		}
		recent := e.connect(t, issued("connect", "Jim", time.Second, ""))
		before, err := json.Marshal(map[string]time.Time{"issuedBefore": time.Now().Add(-10 * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		e.server(t, "POST", "/revocations", string(before)).want(t, 200, `{"ended":3}`)
		for _, c := range old {
			c.ExpectClose(websocket.StatusPolicyViolation, tokenRevoked)
		}
		recent.ExpectNothing()
		e.refused(t, "before", issued("connect", "", time.Minute, ""))
		// Longer than is remembered, no token is good.
		e.refused(t, "too long", strings.Replace(issued("connect", "Jim", 0, ""), `{`, fmt.Sprintf(`{"exp":%d,`, time.Now().Add(2*time.Hour).Unix()), 1))
		e.connect(t, issued("connect", "Jim", time.Second, "")).ExpectNothing()
	})
}

func TestRevokeInvalid(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", mayAll))
		for _, body := range []string{
			`{}`, `{` + until() + `}`, `{"uid":"Jim"}`, `{"uid":"","jti":""}`, `{"uid":"Jim","jti":"1",` + until() + `}`,
			`{"uid":"Jim","until":"2001-01-01T00:00:00Z"}`, `{"issuedBefore":"2999-01-01T00:00:00Z",` + until() + `}`,
			`{"uid":"` + strings.Repeat("x", 129) + `",` + until() + `}`, `{"jti":"1","issuedBefore":"2020-01-01T00:00:00Z",` + until() + `}`,
		} {
			e.server(t, "POST", "/revocations", body).wantError(t, 400, "INVALID_REQUEST")
		}
		e.request(t, 0, "POST", "/revocations", `{"uid":"Jim",`+until()+`}`).wantError(t, 401, "UNAUTHORIZED")
		e.request(t, 0, "POST", "/revocations"+c.credentials(), `{"uid":"Jim",`+until()+`}`).wantError(t, 401, "UNAUTHORIZED")
		if a := e.server(t, "GET", "/revocations", ""); a.status != 405 {
			t.Errorf("GET: %d %s", a.status, a.body)
		}
		c.ExpectNothing()
	})
}

// Nobody can come near the channel that has the revocations.
func TestReservedChannel(t *testing.T) {
	const name, escaped = "#revocations", "%23revocations"
	everywhere(t, nil, func(t *testing.T, e *env) {
		e.server(t, "POST", "/revocations", `{"uid":"Pam",`+until()+`}`).want(t, 200, `{"ended":0}`)
		c := e.connect(t, user("Jim", everything))
		for _, command := range []string{
			`{"event":"hotsock.subscribe","channel":"` + name + `"}`,
			`{"event":"chat","channel":"` + name + `"}`,
			`{"event":"hotsock.channelStorageGet","channel":"` + name + `","data":{"key":"x"}}`,
			`{"event":"hotsock.channelStorageSet","channel":"` + name + `","key":"x","data":1}`,
		} {
			c.do(command, failure(name, "INVALID_REQUEST"))
		}
		for _, operation := range []string{"listMessages", "channelStorageList", "getChannelInfo", "listSchedules"} {
			c.call(t, operation, `{"channel":"`+name+`"}`).wantError(t, 400, "INVALID_REQUEST")
		}
		e.server(t, "GET", "/channels/"+escaped+"/storage", "").wantError(t, 400, "INVALID_REQUEST")
		e.server(t, "GET", "/channels/"+escaped, "").wantError(t, 400, "INVALID_REQUEST")
		e.server(t, "POST", "/publish", `{"channel":"`+name+`","event":"hotsock.channelStorageSet","key":"x","data":1}`).wantError(t, 400, "INVALID_REQUEST")
		c.Subscribe("room")
		e.server(t, "GET", "/channels", "").want(t, 200, `{"channels":[{"name":"room","subscriptionsCount":1}]}`)
		e.server(t, "GET", "/channels?prefix="+escaped, "").want(t, 200, `{"channels":[]}`)
		for _, n := range e.nodes {
			if s := n.Stats(); s.Channels > 1 || s.Revocations != 1 {
				t.Errorf("%d channels and %d revocations", s.Channels, s.Revocations)
			}
		}
	})
}

func subscribeCommand(channel, text string) string {
	return fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q,"data":{"token":%q}}`, channel, text)
}
