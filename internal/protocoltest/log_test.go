package protocoltest

import (
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// At no level do tokens, secrets, contents or metadata get into the log,
// whatever clients and the host do right and wrong.
func TestLogKeepsSecrets(t *testing.T) {
	for name, feed := range map[string]bool{"as usual": *feeds, "over a feed": true} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) { e.keepsSecrets(t, feed) })
		})
	}
}

func (e *env) keepsSecrets(t *testing.T, feed bool) {
	const everything = `{"room":{"subscribe":true,"historyStart":0,` +
		`"messages":{"*":{"publish":true,"store":60,"react":true,"scheduleBefore":4000000000}},` +
		`"storage":{"*":{"get":true,"set":true,"observe":true}}},"private":{"subscribe":false}}`
	tok := token(t, `{"scope":"connect","uid":"Jim","umd":"marked metadata","umdUpdate":true,"channels":`+everything+`}`)
	bad := token(t, `{"scope":"subscribe","uid":"Somebody else"}`)
	umd := token(t, `{"scope":"umd","uid":"Jim","umdUpdate":true,"umd":"marked metadata"}`)
	c, _ := e.dialBy(t, feed, e.next(), "?token="+tok, nil)
	c.Greet()
	c.Subscribe("room")
	for _, command := range []string{
		`{"event":"hotsock.subscribe","channel":"room","data":{"token":"` + bad + `"}}`,
		`{"event":"hotsock.subscribe","channel":"private"}`,
		`{"event":"hotsock.umdUpdate","data":{"token":"` + bad + `"}}`,
		`{"event":"hotsock.umdUpdate","data":{"token":"` + umd + `"}}`,
		`{"event":"e","channel":"room","data":"marked content"}`,
		`{"event":"e","channel":"room","data":"marked content","scheduleExpression":"at(marked content)"}`,
		`{"event":"e","channel":"private","data":"marked content"}`,
		`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":"marked content"}`,
		`{"event":"hotsock.messageReaction","channel":"room","data":{"messageId":"marked content","reaction":"x","action":"add"}}`,
		`{"event":"hotsock.marked content","channel":"room"}`,
		`{"event":"e","channel":"room","data":"marked content"`,
	} {
		c.send(command)
	}
	c.send(`{"event":"hotsock.ping"}`)
	c.until(`{"event":"hotsock.pong","data":{}}`)
	for _, suffix := range []string{"?token=" + bad, "?token=" + tok + "x", "?token="} {
		_, _ = e.dial(t, e.next(), suffix, nil)
	}
	c.call(t, "publishMessage", `{"channel":"room","event":"e","data":"marked content"}`)
	c.call(t, "umdUpdate", `{"token":"`+umd+`"}`)
	c.call(t, "channelStorageSet", `{"channel":"room","key":"k","data":"marked content`)
	e.request(t, e.next(), "POST", "/connection/publishMessage?connectionId="+c.ID+"&connectionSecret=marked-secret", `{}`)
	var told strings.Builder
	for _, body := range []string{`["marked content`, `[[]]`, `{"code":1}`, "[]"} {
		for _, operation := range []string{"send", "close"} {
			told.WriteString(c.call(t, operation, body).body)
		}
		told.WriteString(e.request(t, e.next(), "POST", "/connection/send?connectionId="+c.ID+"&connectionSecret=marked-secret", body).body)
	}
	e.request(t, e.next(), "POST", "/publish", `{}`, "Authorization", "Bearer marked-key")
	e.server(t, "POST", "/publish", `{"channel":"room","event":"e","data":"marked content","store":-7}`)
	e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: "marked content", At: time.Now().Add(time.Hour)})
	c.Close()

	logged := e.logs.String()
	if !strings.Contains(logged, c.ID) || !strings.Contains(logged, "token refused") {
		t.Error("the log does not know the connection: this test would find nothing")
	}
	for _, secret := range []string{
		tok, bad, umd, strings.Split(tok, ".")[1], strings.Split(bad, ".")[2], c.Secret, "marked", apiKeys[0],
	} {
		if strings.Contains(logged, secret) {
			t.Errorf("the log has %q", secret)
		}
		if strings.Contains(told.String(), secret) {
			t.Errorf("an answer has %q", secret)
		}
	}
}

// What a proxy has taken from a request is told in the log: the client learns no
// more than that it is refused.
func TestLogTellsOfProxies(t *testing.T) {
	for _, tt := range []struct {
		why    string
		header []string
		status int
		code   string
		logged string
	}{
		{
			"it sets another Host", []string{
				"Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13",
				"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Origin", "https://app.example.com:8443",
			}, 403, "ORIGIN_DENIED", `msg="hotsock: origin refused" origin=https://app.example.com:8443 host=127.0.0.1:`,
		},
		{
			"it drops the upgrade",
			[]string{"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="},
			404, "NOT_FOUND", `msg="hotsock: handshake failed" path=/rt/ err="the request has no Upgrade header: a proxy must pass on Upgrade and Connection"`,
		},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				a := e.request(t, e.next(), "GET", "/?token="+token(t, `{"scope":"connect"}`), "", tt.header...)
				a.wantError(t, tt.status, tt.code)
				if logged := e.logs.String(); !strings.Contains(logged, tt.logged) {
					t.Errorf("the log has no %s:\n%s", tt.logged, logged)
				}
			})
		})
	}
}
