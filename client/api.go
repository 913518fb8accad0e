package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

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

	u := c.base.JoinPath("connection", operation)
	q := u.Query()
	q.Set("connectionId", n.id)
	q.Set("connectionSecret", n.secret)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(b))
	if err != nil {
		return errors.New("hotsock: the URL cannot be used") // the error quotes it
	}
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
	if err := decode(text, answer); err != nil {
		return errors.New("hotsock: the server's answer to " + operation + " is malformed")
	}
	return nil
}

func unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &noAnswer{context.Cause(ctx)}
	}
	return &noAnswer{withoutURL(err)}
}
