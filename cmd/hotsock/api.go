package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
)

// maxAnswer is the length of the longest answer, in bytes. Pages have about 1 MiB, and
// more only with one long message.
const maxAnswer = 16 << 20

// A party is who does something: the app, with a key of the server's HTTP API, or a
// client.
type party struct {
	login
	apiKey secret
	as     string
}

func (x *party) define(f *flag.FlagSet) {
	x.login.define(f)
	x.apiKey = secret{what: "API key", variable: "HOTSOCK_API_KEY"}
	x.apiKey.define(f, "api-key-file")
	f.StringVar(&x.as, "as", "", "`WHO` does it, if there are credentials of both: app or client\n(default app)")
}

// app returns the server's HTTP API, nil if a client is to do it.
func (x *party) app(s *system) (*api, error) {
	key, err := x.apiKey.read(s)
	if err != nil {
		return nil, err
	}
	switch x.as {
	case "app":
		if key == "" {
			return nil, usagef("the app needs a key: give HOTSOCK_API_KEY or --api-key-file")
		}
	case "client":
		return nil, nil
	case "":
		clientNamed := x.token.file != "" || x.key.file != ""
		if key == "" || clientNamed && x.apiKey.file == "" {
			return nil, nil
		}
	default:
		return nil, usagef("--as is app or client")
	}
	u, err := x.address(s)
	if err != nil {
		return nil, err
	}
	return &api{base: u, key: key, timeout: x.timeout, http: &http.Client{
		// A key goes where the user said, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// An api is the server's HTTP API.
type api struct {
	base    *url.URL
	key     string
	timeout time.Duration
	http    *http.Client
}

// do makes a request. The parts of the path are escaped. The body may be nil. The error
// is a [client.Error] if the server refuses.
func (a *api) do(ctx context.Context, method string, path []string, query url.Values, body, answer any) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &patience{until: time.Now().Add(a.timeout)}
	p.timer = time.AfterFunc(a.timeout, func() { cancel(context.DeadlineExceeded) })
	defer p.timer.Stop()
	u := a.base
	for _, part := range path {
		u = u.JoinPath(url.PathEscape(part))
	}
	if len(query) > 0 {
		all := u.Query()
		maps.Copy(all, query)
		u.RawQuery = all.Encode()
	}
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), in)
	if err != nil {
		return errors.New("the URL cannot be used") // the error quotes it
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	req.Header.Set("User-Agent", "hotsock/"+hotsock.Version)
	req.Header.Set("Content-Type", "application/json")
	res, err := a.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		return &codedError{exitUnreachable, fmt.Errorf("no answer of %s: %w", shownURL(a.base), cmp.Or(context.Cause(ctx), err))}
	}
	defer res.Body.Close()
	p.of = io.LimitReader(res.Body, maxAnswer+1)
	text, err := io.ReadAll(p)
	if err != nil {
		return &codedError{exitUnreachable, fmt.Errorf("the answer of %s breaks off: %w", shownURL(a.base), cmp.Or(context.Cause(ctx), err))}
	}
	if len(text) > maxAnswer {
		return fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return a.read(res, text, answer)
}

// leastRate is how many bytes of an answer a second are waited for, once its time is over.
const leastRate = 4 << 10

// A patience reads an answer, and gives it more time as it comes: a long one may take
// long over a slow link.
type patience struct {
	of    io.Reader
	until time.Time
	timer *time.Timer
}

func (p *patience) Read(b []byte) (int, error) {
	n, err := p.of.Read(b)
	p.until = p.until.Add(time.Duration(n) * time.Second / leastRate)
	p.timer.Reset(time.Until(p.until))
	return n, err
}

func (a *api) read(res *http.Response, text []byte, answer any) error {
	if res.StatusCode/100 == 2 {
		if err := json.Unmarshal(text, answer); err != nil {
			return &codedError{exitUnreachable, fmt.Errorf("the answer of %s is not that of a Hotsock server", shownURL(a.base))}
		}
		return nil
	}
	if to, err := res.Location(); err == nil && res.StatusCode/100 == 3 {
		return &codedError{exitUnreachable, fmt.Errorf("the server redirects to %s: give that as the URL", shownURL(to))}
	}
	var refusal struct {
		Error struct {
			Code    client.Code `json:"code"`
			Message string      `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &refusal) != nil || refusal.Error.Code == "" {
		return &codedError{exitUnreachable, fmt.Errorf("%s answers %s, and not as a Hotsock server does", shownURL(a.base), res.Status)}
	}
	err := &client.Error{Code: refusal.Error.Code, Message: refusal.Error.Message}
	if err.Code == client.CodeNotFound {
		return fmt.Errorf("the server's HTTP API is off (Options.APIKeys), or of an earlier version: %w", err)
	}
	return err
}
