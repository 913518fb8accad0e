package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	// feedRoom is how many bytes of frames go into one request, if no frame is longer.
	feedRoom = 64 << 10
	// feedRest is how long a server is left alone that has enough to do.
	feedRest = 500 * time.Millisecond
	// lineRoom is how much longer than a frame a line may be.
	lineRoom = 1 << 10
)

// A feed is a connection without a WebSocket: the server's frames are events of one long
// answer, and what the client sends are other requests, one after the other.
type feed struct {
	c     *Client
	body  io.ReadCloser
	lines *bufio.Reader

	ctx context.Context // of the answer
	end context.CancelFunc

	mu       sync.Mutex   // held by a request
	received atomic.Int64 // bytes of the answer
	written  atomic.Int64 // bytes of the requests' bodies, and their answers
	waiting  atomic.Bool  // a request is under way, or to be repeated
}

// dialFeed begins a feed. ctx bounds that; the feed lasts for longer.
func (c *Client) dialFeed(ctx context.Context, u *url.URL, protocols []string) (link, error) {
	f := &feed{c: c}
	f.ctx, f.end = context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, f.end)()
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, u.JoinPath("stream").String(), nil)
	if err != nil {
		f.end()
		return nil, errUnusableURL
	}
	if c.opts.Header != nil {
		req.Header = c.opts.Header.Clone()
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Accept-Encoding", "identity") // Who compresses may hold back.
	switch {
	case protocols == nil:
	case req.Header.Get("Authorization") == "":
		req.Header.Set("Authorization", "Bearer "+strings.TrimPrefix(protocols[1], tokenProtocol))
	default: // The app needs that header.
		req.Header.Set("Sec-WebSocket-Protocol", strings.Join(protocols, ", "))
	}
	unbounded := *c.http
	unbounded.Timeout = 0
	res, err := unbounded.Do(req)
	if err != nil {
		err = fmt.Errorf("hotsock: cannot connect without a WebSocket: %w", withoutURL(err))
	} else if err = f.accept(res); err == nil {
		return f, nil
	}
	f.end()
	if ctx.Err() != nil {
		err = fmt.Errorf("hotsock: cannot connect without a WebSocket: %w", context.Cause(ctx))
	}
	return nil, err
}

// accept takes the answer, unless it is no feed.
func (f *feed) accept(res *http.Response) error {
	if typ, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); res.StatusCode == http.StatusOK && typ == "text/event-stream" {
		f.body = res.Body
		f.lines = bufio.NewReader(io.TeeReader(res.Body, (*counter)(&f.received)))
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	_ = res.Body.Close()
	return answerError(res, text)
}

// A counter counts what is written to it.
type counter atomic.Int64

func (c *counter) Write(b []byte) (int, error) {
	(*atomic.Int64)(c).Add(int64(len(b)))
	return len(b), nil
}

func (f *feed) read(ctx context.Context) ([]byte, error) {
	defer context.AfterFunc(ctx, f.end)()
	b, err := f.next()
	if err == nil {
		return b, nil
	}
	f.end() // for close
	if ctx.Err() != nil {
		return nil, fmt.Errorf("hotsock: no event came, as if something on the way held it back: %w", context.Cause(ctx))
	}
	return nil, disconnected(err)
}

// next reads the next frame, or how the server closes the connection.
func (f *feed) next() ([]byte, error) {
	var name string
	var data []byte
	for limit := f.c.opts.MaxFrameSize + lineRoom; ; {
		line, err := f.line(limit - len(data))
		if err != nil {
			return nil, err
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(data) > f.c.opts.MaxFrameSize:
			return nil, f.tooLong()
		case len(line) == 0 && len(data) > 0 && name == "":
			return data, nil
		case len(line) == 0 && name == "close":
			return nil, closedBy(data)
		case len(line) == 0: // of a later version
			name, data = "", nil
		case string(field) == "event":
			name = string(value)
		case string(field) == "data" && data == nil:
			data = value
		case string(field) == "data":
			data = append(append(data, '\n'), value...)
		}
	}
}

// line reads a line. What it returns is the caller's.
func (f *feed) line(limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := f.lines.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, f.tooLong()
		}
		line = append(line, part...)
		if err == nil {
			return bytes.TrimRight(line, "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

func (f *feed) tooLong() error {
	return fmt.Errorf("the server sent a frame of more than %d bytes", f.c.opts.MaxFrameSize)
}

// closedBy is the error that a close frame would be.
func closedBy(data []byte) error {
	var end struct {
		Code   websocket.StatusCode `json:"code"`
		Reason string               `json:"reason"`
	}
	if err := decode(data, &end); err != nil {
		return err
	}
	return websocket.CloseError{Code: end.Code, Reason: end.Reason}
}

func (f *feed) room() int { return feedRoom }

func (f *feed) write(n *conn, frames [][]byte) error {
	body := frames[0]
	if len(frames) > 1 {
		body = append(append([]byte("["), bytes.Join(frames, []byte(","))...), ']')
	}
	err := f.post(n, "send", body)
	for errors.Is(err, &Error{Code: CodeRateLimited}) { // which has taken nothing
		if !sleep(n.ctx, feedRest) {
			break
		}
		err = f.post(n, "send", body)
	}
	f.waiting.Store(false)
	if errors.Is(err, &Error{Code: CodePayloadTooLarge}) {
		err = &closedError{websocket.CloseError{Code: websocket.StatusMessageTooBig, Reason: err.Error()}}
	}
	if err != nil {
		sleep(n.ctx, grace) // The reader may learn why.
	}
	return err
}

func (f *feed) post(n *conn, operation string, body []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting.Store(true)
	err := f.c.post(n.ctx, n, operation, &countedBody{body, &f.written}, new(struct{}))
	f.written.Add(1)
	return err
}

// close waits for the server's last event, behind all answers.
func (f *feed) close(n *conn) {
	if f.post(n, "close", []byte(`{"code":1000}`)) == nil {
		select {
		case <-f.ctx.Done():
		case <-n.ctx.Done():
		}
	}
}

func (f *feed) cut() {
	f.end()
	_ = f.body.Close()
}

func (f *feed) progress() progress {
	return progress{f.received.Load(), f.written.Load(), f.waiting.Load()}
}
