package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	jsonv2 "github.com/go-json-experiment/json"
)

// ask makes a request to the client's HTTP API that changes nothing, and so is
// repeated if the connection that it is made for ends meanwhile.
func (c *Client) ask(ctx context.Context, channel, operation string, body, answer any) error {
	for {
		n, err := c.ready(ctx, channel)
		if err != nil {
			return err
		}
		err = c.request(ctx, n, operation, body, answer)
		if e, ok := errors.AsType[*noAnswer](err); ok {
			err = e.cause
		} else if !errors.Is(err, &Error{Code: CodeUnauthorized}) {
			return err
		}
		if ctx.Err() != nil || n.stands(ctx) {
			return err
		}
	}
}

// stands finds out whether the connection has ended without the client having
// noticed.
func (n *conn) stands(ctx context.Context) bool {
	_, err := n.call(ctx, command{Event: "hotsock.ping"})
	return err == nil || ctx.Err() != nil
}

// noAnswer is why a request was not answered.
type noAnswer struct{ cause error }

func (e *noAnswer) Error() string { return e.cause.Error() }

// request makes one request. The error is an *Error if the server refused, and
// a *noAnswer if nothing came.
func (c *Client) request(ctx context.Context, n *conn, operation string, body, answer any) error {
	b, err := jsonv2.Marshal(body)
	if err != nil {
		return fmt.Errorf("hotsock: cannot be sent: %w", err)
	}
	caller := ctx
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(caller))
	defer cancel(nil)
	defer context.AfterFunc(n.ctx, func() { cancel(context.Cause(n.ctx)) })()
	defer context.AfterFunc(caller, func() {
		select {
		case <-lastLook(caller):
		case <-ctx.Done():
		}
		cancel(caller.Err())
	})()

	return c.post(ctx, n, operation, &countedBody{b, new(atomic.Int64)}, answer)
}

// A countedBody is the body of a request, and counts what is read of it.
type countedBody struct {
	b    []byte
	read *atomic.Int64
}

func (b *countedBody) reader() io.ReadCloser {
	return io.NopCloser(io.TeeReader(bytes.NewReader(b.b), (*counter)(b.read)))
}

// post makes a request to the client's HTTP API for a connection. Errors are those of
// request.
func (c *Client) post(ctx context.Context, n *conn, operation string, body *countedBody, answer any) error {
	u := c.base.JoinPath("connection", operation)
	q := u.Query()
	q.Set("connectionId", n.id)
	q.Set("connectionSecret", n.secret)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body.reader())
	if err != nil {
		return errUnusableURL
	}
	req.ContentLength = int64(len(body.b))
	req.GetBody = func() (io.ReadCloser, error) { return body.reader(), nil }
	if c.opts.Header != nil {
		req.Header = c.opts.Header.Clone()
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return unanswered(ctx, err)
	}
	defer res.Body.Close()
	limit := c.opts.MaxFrameSize + 4<<20
	text, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	switch {
	case err != nil:
		return unanswered(ctx, err)
	case len(text) > limit:
		return fmt.Errorf("hotsock: the answer is longer than %d bytes", limit)
	case res.StatusCode/100 != 2:
		if r, ok := errors.AsType[*refusal](answerError(res, text)); ok {
			return r.err
		}
	}
	if decode(text, answer) != nil {
		return errors.New("hotsock: the server's answer to " + operation + " is malformed")
	}
	return nil
}

// errUnusableURL is instead of an error that quotes the URL.
var errUnusableURL = errors.New("hotsock: the URL cannot be used")

func unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &noAnswer{context.Cause(ctx)}
	}
	return &noAnswer{withoutURL(err)}
}
