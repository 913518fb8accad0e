package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the app on the test kit.
func start(t *testing.T, o hotsocktest.Options) *hotsocktest.Server {
	t.Helper()
	o.App = func(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
		a, err := newApp(o, map[string]string{"session-of-jim": "jim", "session-of-pam": "pam"})
		if err != nil {
			return nil, nil, err
		}
		return a.rt, a.routes(), nil
	}
	return hotsocktest.Start(t, o)
}

// session is how a browser with a session connects.
func session(id string) client.Options {
	return client.Options{Header: http.Header{"Cookie": {"session=" + id}}}
}

// connect connects a user who is logged in.
func connect(t *testing.T, s *hotsocktest.Server, user string) *hotsocktest.Client {
	t.Helper()
	return s.ConnectWith(t, session("session-of-"+user))
}

// call makes a request to the app and returns the status and the body.
func call(t *testing.T, s *hotsocktest.Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// ship has an order of Jim's shipped, and returns the status.
func ship(t *testing.T, s *hotsocktest.Server, order string) int {
	t.Helper()
	status, _ := call(t, s, http.MethodPost, "/orders/"+order+"/ship?customer=jim", "")
	return status
}

// about is what the messages about an order say.
func about(order string) map[string]any { return map[string]any{"order": order} }
