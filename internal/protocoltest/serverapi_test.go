package protocoltest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// Section 12: the server's HTTP API.
func TestServerAPI(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		c.Subscribe("room")
		for _, tt := range []struct {
			why, body       string
			status          int
			want, delivered string
		}{
			{"publish", `{"channel":"room","event":"e","data":[1]}`, 202, `{"channel":"room","event":"e"}`, `{"id":"$_","event":"e","channel":"room","data":[1]}`},
			{"with an id", `{"channel":"room","event":"e","eagerIdGeneration":true}`, 202, `{"channel":"room","event":"e","id":"$id1"}`, `{"id":"$id1","event":"e","channel":"room","data":null}`},
			{"kept for ever", `{"channel":"room","event":"kept","store":-1,"eagerIdGeneration":true}`, 202, `{"channel":"room","event":"kept","id":"$id2"}`, `{"id":"$id2","event":"kept","channel":"room","data":null}`},
			{"kept for as long as possible", `{"channel":"room","event":"e","store":3155695200}`, 202, `{"channel":"room","event":"e"}`, `{"id":"$_","event":"e","channel":"room","data":null}`},
			{"kept for longer", `{"channel":"room","event":"e","store":3155695201}`, 400, `{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, ""},
			{"kept for less than nothing", `{"channel":"room","event":"e","store":-2}`, 400, `{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, ""},
			{"kept for half a second", `{"channel":"room","event":"e","store":0.5}`, 400, `{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, ""},
			{"storage", `{"channel":"room","event":"hotsock.channelStorageSet","key":"k","data":1}`, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`, stored("room", "k", "1", noMeta)},
			{"storage for a time", `{"channel":"room","event":"hotsock.channelStorageSet","key":"k","data":2,"store":60}`, 202, `{"channel":"room","event":"hotsock.channelStorageSet"}`, stored("room", "k", "2", noMeta)},
			{"storage for no time", `{"channel":"room","event":"hotsock.channelStorageSet","key":"k","data":3,"store":0}`, 400, `{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, ""},
			{"storage without a key", `{"channel":"room","event":"hotsock.channelStorageSet","data":3}`, 400, `{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, ""},
			{"an event of the protocol", `{"channel":"room","event":"hotsock.memberAdded"}`, 400, `{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, ""},
			{"a schedule in the past", `{"channel":"room","event":"e","scheduleExpression":"at(2001-01-01T00:00:00)"}`, 400, `{"error":{"code":"INVALID_SCHEDULE_EXPRESSION","message":"$_"}}`, ""},
			{"without a channel", `{"event":"e"}`, 400, `{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, ""},
			{"without an event", `{"channel":"room"}`, 400, `{"error":{"code":"INVALID_REQUEST","message":"$_"}}`, ""},
			{"not JSON", `channel=room`, 400, `{"error":{"code":"INVALID_JSON","message":"$_"}}`, ""},
		} {
			e.server(t, "POST", "/publish", tt.body).want(t, tt.status, tt.want)
			if tt.delivered != "" {
				c.expect(tt.delivered)
			}
			e.quiet(t, "room", c)
		}
		c.history(t, "room", `,"after":"$id1"`).want(t, 200, `{"messages":[{"id":"$id2","event":"kept","channel":"room","data":null,"meta":{"uid":null,"umd":null}},`+
			`{"id":"$_","event":"e","channel":"room","data":null,"meta":{"uid":null,"umd":null}}]}`)
		e.server(t, "GET", "/channels/room/storage", "").want(t, 200, `{"items":[{"key":"k","data":2,"meta":{"uid":null,"umd":null}}]}`)
	})
}

// Its routes need a key, and do not exist where none was configured.
func TestAPIKeys(t *testing.T) {
	routes := [][3]string{
		{"POST", "/publish", `{"channel":"room","event":"e"}`},
		{"POST", "/publish/batch", `{"messages":[]}`},
		{"GET", "/channels/room"},
		{"GET", "/channels/room/storage"},
		{"DELETE", "/channels/room/users/Jim"},
		{"DELETE", "/users/Jim/connections"},
		{"DELETE", "/connections/x"},
		{"GET", "/schedules"},
		{"DELETE", "/schedules/x/y"},
		{"PATCH", "/schedules/x/y", `{"scheduleExpression":"at(2040-01-01T00:00:00)"}`},
	}
	everywhere(t, nil, func(t *testing.T, e *env) {
		for header, status := range map[string]int{
			"":                                     401,
			"Bearer":                               401,
			"Bearer ":                              401,
			"Bearer wrong":                         401,
			"Bearer " + apiKeys[0] + "x":           401,
			"Bearer " + apiKeys[0][1:]:             401,
			apiKeys[0]:                             401,
			"Basic " + apiKeys[0]:                  401,
			"Bearer " + strings.Join(apiKeys, " "): 401,
			"Bearer " + apiKeys[0]:                 200,
			"Bearer " + apiKeys[1]:                 200,
			"bearer " + apiKeys[1]:                 200, // schemes have no case
		} {
			for _, r := range routes {
				a := e.request(t, e.next(), r[0], r[1], r[2], "Authorization", header)
				switch {
				case status == 401:
					a.wantError(t, 401, "UNAUTHORIZED")
				case r[1] == "/schedules/x/y":
					a.wantError(t, 404, "SCHEDULE_NOT_FOUND")
				case a.status/100 != 2:
					t.Errorf("%q: %d %s", header, a.status, a.body)
				}
			}
		}
		c := e.connect(t, user("Jim", everything))
		e.request(t, e.next(), "POST", "/publish"+c.credentials(), `{"channel":"room","event":"e"}`).wantError(t, 401, "UNAUTHORIZED")
		e.request(t, e.next(), "POST", "/publish?key="+apiKeys[0], `{"channel":"room","event":"e"}`).wantError(t, 401, "UNAUTHORIZED")
	})
	t.Run("none", func(t *testing.T) {
		everywhere(t, func(o *hotsock.Options) { o.APIKeys = nil }, func(t *testing.T, e *env) {
			for _, r := range routes {
				for _, header := range []string{"", "Bearer ", "Bearer " + apiKeys[0]} {
					e.request(t, e.next(), r[0], r[1], "", "Authorization", header).wantError(t, http.StatusNotFound, "NOT_FOUND")
				}
			}
		})
	})
}
