package wstest

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
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// A link carries messages to the server and back.
type link interface {
	read(ctx context.Context) (websocket.MessageType, []byte, error)
	write(ctx context.Context, text string) error
	close(code websocket.StatusCode) error
	cut()
}

// A socketLink is a WebSocket.
type socketLink struct{ ws *websocket.Conn }

func (l socketLink) read(ctx context.Context) (websocket.MessageType, []byte, error) {
	return l.ws.Read(ctx)
}

func (l socketLink) write(ctx context.Context, text string) error {
	return l.ws.Write(ctx, websocket.MessageText, []byte(text))
}

func (l socketLink) close(code websocket.StatusCode) error { return l.ws.Close(code, "") }

func (l socketLink) cut() { _ = l.ws.CloseNow() }

// A feedLink is a feed: it receives events, and posts.
type feedLink struct {
	client *http.Client
	post   func() string // the URL of a handler that takes the next request
	body   io.ReadCloser
	lines  *bufio.Reader
	end    context.CancelFunc
	lastID string // of the events

	mu      sync.Mutex  // held until the first frame is read
	greeted atomic.Bool // it is
	// id and secret are those of the first frame, which may wait in ahead.
	id, secret string
	ahead      []byte
}

// dialFeed opens a feed.
func dialFeed(ctx context.Context, address string, o Options) (*feedLink, *http.Response, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, nil, err
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	base := *u
	base.RawQuery = ""
	l := &feedLink{client: o.HTTPClient, post: o.Post}
	if l.client == nil {
		l.client = http.DefaultClient
	}
	if l.post == nil {
		l.post = base.String
	}
	var while context.Context
	while, l.end = context.WithCancel(context.WithoutCancel(ctx))
	early := context.AfterFunc(ctx, l.end)
	req, err := http.NewRequestWithContext(while, http.MethodGet, u.JoinPath("stream").String(), nil)
	if err != nil {
		return nil, nil, err
	}
	if o.Header != nil {
		req.Header = o.Header.Clone()
	}
	res, err := l.client.Do(req)
	early()
	if err != nil {
		l.end()
		return nil, nil, err
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		_ = res.Body.Close()
		l.end()
		res.Body = io.NopCloser(strings.NewReader(string(text)))
		return nil, res, fmt.Errorf("answered %s %s", res.Status, text)
	}
	l.body, l.lines = res.Body, bufio.NewReader(res.Body)
	return l, res, nil
}

func (l *feedLink) read(ctx context.Context) (websocket.MessageType, []byte, error) {
	if err := l.greet(ctx); err != nil {
		return 0, nil, err
	}
	if text := l.ahead; text != nil {
		l.ahead = nil
		return websocket.MessageText, text, nil
	}
	text, err := l.next(ctx)
	return websocket.MessageText, text, err
}

// greet reads the first frame ahead, which says in whose name to post.
func (l *feedLink) greet(ctx context.Context) error {
	if l.greeted.Load() {
		return nil // Somebody may be reading.
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.greeted.Load() {
		return nil
	}
	text, err := l.next(ctx)
	if err != nil {
		return err
	}
	var first struct {
		Data struct{ ConnectionID, ConnectionSecret string }
	}
	if err := json.Unmarshal(text, &first); err != nil {
		return err
	}
	l.id, l.secret, l.ahead = first.Data.ConnectionID, first.Data.ConnectionSecret, text
	l.greeted.Store(true)
	return nil
}

// next reads the next frame.
func (l *feedLink) next(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, l.end)()
	name, data, id := "", "", l.lastID
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			data += value
			continue
		case "event":
			name = value
			continue
		case "id":
			id = value
			continue
		case "retry":
			continue
		case "":
			if line != "\n" {
				continue // a comment
			}
		default:
			return nil, errors.New("not a line of an event: " + line)
		}
		l.lastID = id
		switch name {
		case "":
			return []byte(data), nil
		case "close":
			var end struct {
				Code   websocket.StatusCode
				Reason string
			}
			if err := json.Unmarshal([]byte(data), &end); err != nil {
				return nil, err
			}
			return nil, websocket.CloseError{Code: end.Code, Reason: end.Reason}
		}
		return nil, errors.New("an event of the name " + name)
	}
}

func (l *feedLink) write(ctx context.Context, text string) error {
	if strings.HasPrefix(text, "[") {
		text = "[" + text + "]"
	}
	return l.send(ctx, "send", text)
}

// send makes a request for the connection, and repeats it while that is behind, as a
// WebSocket waits.
func (l *feedLink) send(ctx context.Context, operation, body string) error {
	for {
		err := l.try(ctx, operation, body)
		if err == nil || !strings.Contains(err.Error(), "too much waits") {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (l *feedLink) try(ctx context.Context, operation, body string) error {
	if err := l.greet(ctx); err != nil {
		return err
	}
	q := url.Values{"connectionId": {l.id}, "connectionSecret": {l.secret}}
	address := l.post() + "/connection/" + operation + "?" + q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	res, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("answered %s %s", res.Status, answer)
	}
	return err
}

func (l *feedLink) close(code websocket.StatusCode) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	body := fmt.Sprintf(`{"code":%d}`, code)
	if code == websocket.StatusNoStatusRcvd {
		body = "{}"
	}
	if err := l.send(ctx, "close", body); err != nil {
		return err
	}
	for {
		_, _, err := l.read(ctx)
		if end, ok := errors.AsType[websocket.CloseError](err); ok && end.Code == code {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *feedLink) cut() {
	l.end()
	_ = l.body.Close()
}
