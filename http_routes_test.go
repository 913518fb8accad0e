package hotsock

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// Where the host mounts the handler, and how it calls its channels and users,
// may look like a route. Then it must still be clear which is meant.
func TestRoutesThatLookLikeOthers(t *testing.T) {
	for _, tt := range []struct {
		request string
		route   string // its tail and the open segments, or what Allow says
	}{
		{"GET /rt/channels/publish", "channels/* publish"},
		{"GET /rt/channels/schedules", "channels/* schedules"},
		{"GET /rt/channels/storage", "channels/* storage"},
		{"GET /rt/channels/channels/storage", "channels/*/storage channels"},
		{"GET /rt/channels/users", "channels/* users"},
		{"DELETE /rt/channels/users/users/connections", "channels/*/users/* users connections"},
		{"DELETE /rt/channels/schedules/users/batch", "channels/*/users/* schedules batch"},
		{"DELETE /rt/users/connections/connections", "users/*/connections connections"},
		{"DELETE /rt/users/channels/connections", "users/*/connections channels"},
		{"DELETE /rt/users/connection/connections", "users/*/connections connection"},
		{"DELETE /rt/connections/publish", "connections/* publish"},
		{"DELETE /rt/schedules/publish/batch", "schedules/*/* publish batch"},
		{"DELETE /channels//users/", "channels/*/users/*  "},
		// A prefix that ends like a route.
		{"POST /schedules/publish", "publish"},
		{"POST /connections/publish", "publish"},
		{"POST /channels/publish", "publish"},
		{"POST /channels/x/users/publish", "publish"},
		{"POST /schedules/x/publish/batch", "publish/batch"},
		{"GET /schedules/channels/room", "channels/* room"},
		{"GET /users/channels/room", "channels/* room"},
		{"DELETE /schedules/connections/x", "schedules/*/* connections x"}, // which cannot be both
		{"GET /publish/schedules", "schedules"},
		// And nothing else.
		{"GET /", ""},
		{"GET /rt/", ""},
		{"GET /rt/publish", "Allow: POST"},
		{"PUT /rt/schedules/g/id", "Allow: DELETE, PATCH"},
		{"HEAD /rt/channels/room", "Allow: GET, DELETE"},
		{"DELETE /rt/channels/room/users/jim/messages", "channels/*/users/*/messages room jim"},
		{"DELETE /rt/channels/users/users/messages", "channels/*/users/* users messages"},
		{"DELETE /rt/channels/room/storage", "channels/*/storage room"},
		{"GET /rt/channels/room/", ""},
		{"GET /rt/publish/", ""},
		{"GET /rt/Channels/room", ""},
		{"GET /rt/%63hannels/room", ""},
	} {
		name, path, _ := strings.Cut(tt.request, " ")
		do, args, allow := findRoute(name, strings.Split(path[1:], "/"))
		got := ""
		for i := range routes {
			for _, m := range routes[i].methods {
				if do != nil && m.name == name && sameEndpoint(m.do, do) {
					got = strings.Join(append([]string{strings.Join(routes[i].tail, "/")}, args...), " ")
				}
			}
		}
		if do == nil && allow != "" {
			got = "Allow: " + allow
		}
		if got != tt.route {
			t.Errorf("%s: got %q, want %q", tt.request, got, tt.route)
		}
	}
}

func sameEndpoint(a, b endpoint) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// The socket and the client's API are found wherever they are mounted.
func TestMountedLikeARoute(t *testing.T) {
	h, err := New(Options{APIKeys: []string{"k"}, Authenticate: func(*http.Request) (*Claims, error) {
		return nil, &Error{Code: CodePresenceUserIDRequired, Message: "the hook was asked"}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, prefix := range []string{"", "/rt", "/schedules", "/users", "/publish", "/channels", "/connections", "/connection", "/publish/batch", "/channels/x/users"} {
		r := httptest.NewRequest(http.MethodGet, prefix+"/?token=x", nil)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		for _, path := range []string{prefix, prefix + "/"} {
			if path == "" {
				continue
			}
			r.URL.Path = path
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "the hook was asked") {
				t.Errorf("a socket at %s: %d %s", path, w.Code, w.Body)
			}
		}
		for method, want := range map[string]int{http.MethodPost: http.StatusUnauthorized, http.MethodOptions: http.StatusNoContent} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, prefix+"/connection/publishMessage", strings.NewReader("{}")))
			if w.Code != want {
				t.Errorf("%s of an operation below %q: %d %s", method, prefix, w.Code, w.Body)
			}
		}
	}
}
