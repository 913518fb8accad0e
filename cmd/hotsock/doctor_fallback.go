package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/client"
)

// maxFirst is how much of an answer is read to find the first event, in bytes.
const maxFirst = 1 << 20

// fallback: a client that no WebSocket gets through for gets the first event at once, and
// not when a proxy has enough for a buffer. Those that have a WebSocket do without, so it
// only warns.
func (x *doctor) fallback(ctx context.Context) {
	const name = "fallback"
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	began := time.Now()
	res, err := x.requestFeed(ctx)
	if err == nil {
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
			x.noFeed(name, res)
			return
		}
		err = firstEvent(res.Body)
	}
	switch {
	case err == nil:
		x.ok(name, "without a WebSocket, the first event comes in %v", time.Since(began).Round(time.Millisecond))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		x.warn(name, fmt.Sprintf("Without a WebSocket, no event comes within %v: a proxy holds them back.", x.timeout),
			"Turn buffering off for GET "+shownURL(x.base.JoinPath("stream"))+`. nginx does so by itself, unless it is told to ignore that:
  proxy_buffering off;
  gzip off;
Until then, clients that no WebSocket gets through for cannot connect.`)
	default:
		x.warn(name, fmt.Sprintf("Without a WebSocket, there is no first event: %v.", err), "See the logs of the proxy and of the server.")
	}
}

// requestFeed asks for a connection without a WebSocket. The caller closes the body.
func (x *doctor) requestFeed(ctx context.Context) (*http.Response, error) {
	text, err := x.tokens(ctx)
	if err != nil {
		return nil, err
	}
	u := x.base.JoinPath("stream")
	if x.inURL {
		q := u.Query()
		q.Set("token", text)
		u.RawQuery = q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("the URL cannot be used")
	}
	if !x.inURL {
		req.Header.Set("Authorization", "Bearer "+text)
	}
	res, err := x.http.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL, which may have the token in it
	}
	return res, err
}

// firstEvent reads until the first event, which tells that there is a connection.
func firstEvent(body io.Reader) error {
	r := bufio.NewReader(io.LimitReader(body, maxFirst))
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return errors.New("the answer ends before")
		}
		if err != nil {
			return err
		}
		data, ok := strings.CutPrefix(line, "data:")
		if !ok {
			continue
		}
		var f frame
		if json.Unmarshal([]byte(data), &f) != nil || f.Event != "hotsock.connected" {
			return errors.New("another one comes")
		}
		return nil
	}
}

// noFeed says what an answer means that has no events.
func (x *doctor) noFeed(name string, res *http.Response) {
	code := refusalOf(res.Body)
	switch {
	case code == client.CodeNotFound:
		x.skip(name, "a server of 0.2 has none: it serves WebSockets only")
	case code == client.CodeUnauthorized && x.minted:
		x.warn(name, "Without a WebSocket, the server refuses the token.", "Have the proxy pass on the header Authorization.")
	case code == client.CodeUnauthorized:
		x.skip(name, "the server refuses the token the second time: it may be good for once")
	case code != "":
		x.warn(name, fmt.Sprintf("The handler refuses who has no WebSocket: %s (%d).", code, res.StatusCode), "docs/protocol.md has the codes, and the server's log has the reason.")
	default:
		x.warn(name, fmt.Sprintf("Something other than the handler answers the request for a connection without a WebSocket, with %d, %q.", res.StatusCode, res.Header.Get("Content-Type")),
			"Have the proxy pass on GET "+shownURL(x.base.JoinPath("stream"))+".")
	}
}

// refusalOf returns the code of an answer of the handler, "" if it is another one's.
func refusalOf(body io.Reader) client.Code {
	var answer struct {
		Error struct {
			Code client.Code `json:"code"`
		} `json:"error"`
	}
	_ = json.NewDecoder(io.LimitReader(body, maxLooked)).Decode(&answer) // No JSON has no code.
	return answer.Error.Code
}
