package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Bounds on what an endpoint may answer, in bytes: it is not looked at.
const (
	maxAnswerHeader = 64 << 10
	maxAnswerBody   = 16 << 10
)

// maxRetryAfter is how long an endpoint may ask for a pause.
const maxRetryAfter = time.Hour

// A statusError is an answer that is not a success.
type statusError struct {
	code       int
	retryAfter time.Duration // 0 if it does not say
}

func (e *statusError) Error() string {
	return fmt.Sprintf("webhook: the endpoint answered %d", e.code)
}

// newClient returns a client that connects only to where the guard allows, and
// follows no redirects. Proxies of the environment are not used: they would
// connect to anything.
func newClient(o *Options, g guard) *http.Client {
	dialer := &net.Dialer{Timeout: o.Timeout, Control: g.control, Resolver: o.resolver}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        o.TLS.Clone(),
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    o.Timeout,
			MaxIdleConnsPerHost:    o.Concurrency,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: maxAnswerHeader,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// send makes one attempt. Errors do not contain the URL, which may hold a secret.
func (s *Sink) send(ctx context.Context, e *endpoint, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("webhook: bad request") // The URL has been checked.
	}
	seconds := time.Now().Unix()
	content := signedContent(id, seconds, body)
	var signatures []string
	for _, k := range e.keys {
		signatures = append(signatures, k.sign(content))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hotsock/"+hotsock.Version)
	req.Header.Set(headerID, id)
	req.Header.Set(headerTimestamp, strconv.FormatInt(seconds, 10))
	req.Header.Set(headerSignature, strings.Join(signatures, " "))
	// So that it is sent again at once if the connection that it was to use was
	// closed meanwhile. The header itself is not sent.
	req.Header["Idempotency-Key"] = []string{}
	resp, err := s.client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return err
	}
	defer resp.Body.Close()
	// So that the connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswerBody)
	if resp.StatusCode/100 != 2 {
		return &statusError{code: resp.StatusCode, retryAfter: retryAfter(resp.Header)}
	}
	return nil
}

// retryAfter returns for how long the answer asks for a pause.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(t), 0), maxRetryAfter)
	}
	return 0
}
