package spectest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/routers"
)

// request makes the request of a call.
func (s *site) request(t *testing.T, route *routers.Route, c call) *http.Request {
	t.Helper()
	path := route.Path
	for name, value := range c.path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	query := url.Values{}
	for name, value := range c.query {
		query.Set(name, value)
	}
	address := s.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(t.Context(), route.Method, address, bodyOf(c.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range c.header {
		request.Header.Set(name, value)
	}
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return request
}

func bodyOf(text string) io.ReadCloser {
	if text == "" {
		return http.NoBody
	}
	return io.NopCloser(strings.NewReader(text))
}

// by makes the call one of a client's connection.
func (c call) by(k *socket) call {
	c.query = map[string]string{"connectionId": k.ID, "connectionSecret": k.Secret}
	return c
}

// keyed makes the call one of the app's server.
func (c call) keyed() call {
	c.header = map[string]string{"Authorization": "Bearer " + apiKey}
	return c
}

// not is the call with another end.
func (c call) not(status int, code string) call {
	c.status, c.code = status, code
	return c
}

// with is the call with another body, which the document must refuse.
func (c call) with(body string) call {
	c.body, c.wrong = body, true
	return c
}
