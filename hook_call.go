package hotsock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

// A hookCaller calls the app's hooks, within their time, and survives them. It is
// what waits for those that do not return.
type hookCaller struct {
	timeout time.Duration
	logger  *slog.Logger
	stopped <-chan struct{} // closed when the handler stops

	observer *safeObserver

	mu      sync.Mutex
	running int
	late    int           // of these, whose client no longer waits
	idle    chan struct{} // nil until somebody waits for it
	// calls are those that run for commands of a connection.
	calls map[*connection][]*hookCall
}

// A question is what a hook is asked.
type question struct {
	name                  string      // of the hook's field
	client                *connection // nil for a request over HTTP
	trigger, connectionID string
	channel, event        string // "" for none
}

// question copies the source, which would otherwise be on the heap without a hook, too.
func (r *source) question(name, channel, event string) question {
	return question{name: name, client: r.client, trigger: r.Trigger, connectionID: r.ConnectionID, channel: channel, event: event}
}

// Why a hook did not answer.
var (
	errHookLate     = errors.New("it has not returned within Hooks.Timeout")
	errHooksLate    = errors.New("not asked: too many calls of hooks have not returned within Hooks.Timeout")
	errHookStopped  = errors.New("the handler stops")
	errHookPanicked = errors.New("it panicked or ended its goroutine")
)

// A hookCall is one call of a hook.
type hookCall struct {
	client      *connection // nil for a request over HTTP
	cancel      context.CancelFunc
	late, ended bool
}

// A hookError is what a hook refused with, or why it did not answer.
type hookError struct {
	hook string // field of Hooks
	err  error
}

func (e *hookError) Error() string { return "Options.Hooks." + e.hook + ": " + e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

// callHook calls a hook, and returns what it does, or what the client is told.
func callHook[T any](ctx context.Context, h *hookCaller, q question, hook func(ctx context.Context) (T, error)) (value T, err error) {
	type result struct {
		value T
		err   error
	}
	if h.observer.on() {
		o := &Operation{Kind: OperationHook, Name: q.name, Trigger: q.trigger, ConnectionID: q.connectionID, Channel: q.channel, Event: q.event}
		ctx = h.observer.begin(ctx, o)
		defer func() { h.observer.end(ctx, o, err) }()
	}
	limited, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	call := &hookCall{client: q.client, cancel: cancel}
	if !h.begin(call) {
		return value, hookUnanswered(q.name, errHooksLate)
	}
	if c := call.client; c != nil && c.hasEnded() { // and who ended it may not have seen the call
		cancel()
	}
	results := make(chan result, 1)
	go func() {
		defer h.end(call)
		r := result{err: errHookPanicked} // or ended its goroutine
		defer func() {
			if p := recover(); p != nil {
				h.logger.Error("hotsock: a hook panicked", "hook", q.name, "panic", p, "stack", string(debug.Stack()))
			}
			results <- r
		}()
		r.value, r.err = hook(limited)
	}()
	// Not the context's end: the client of a request that was cut off must not leave
	// calls behind that nobody counts.
	timer := time.NewTimer(h.timeout)
	defer timer.Stop()
	why := errHookLate
	select {
	case r := <-results:
		return r.value, hookRefusal(limited, q.name, r.err)
	case <-timer.C:
	case <-h.stopped:
		why = errHookStopped
	}
	h.giveUp(call)
	return value, hookUnanswered(q.name, why)
}

// begin reports whether a hook may be called now.
func (h *hookCaller) begin(call *hookCall) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.late >= maxLateHooks {
		return false
	}
	h.running++
	if c := call.client; c != nil {
		if h.calls == nil {
			h.calls = make(map[*connection][]*hookCall)
		}
		h.calls[c] = append(h.calls[c], call)
	}
	return true
}

// connectionEnded ends the contexts of the hooks that are asked for its commands.
func (h *hookCaller) connectionEnded(c *connection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, call := range h.calls[c] {
		call.cancel()
	}
}

func (h *hookCaller) giveUp(c *hookCall) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !c.ended {
		c.late = true
		h.late++
	}
}

func (h *hookCaller) end(c *hookCall) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.ended = true
	if of := slices.DeleteFunc(h.calls[c.client], func(other *hookCall) bool { return other == c }); len(of) > 0 {
		h.calls[c.client] = of
	} else {
		delete(h.calls, c.client)
	}
	if c.late {
		h.late--
	}
	h.running--
	if h.running == 0 && h.idle != nil {
		close(h.idle)
		h.idle = nil
	}
}

// wait waits for the hooks that still run after the handler has stopped.
func (h *hookCaller) wait(ctx context.Context) {
	h.mu.Lock()
	running := h.running
	if running > 0 && h.idle == nil {
		h.idle = make(chan struct{})
	}
	idle := h.idle
	h.mu.Unlock()
	if running == 0 {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
		h.logger.Warn("hotsock: hooks ignore their context, and go on after the shutdown", "running", running)
	}
}

// unanswered makes an error of why a hook did not answer.
func hookUnanswered(name string, why error) error { return unavailable(&hookError{name, why}) }

// hookRefusal makes what a client is told of a hook's error. The context is the
// hook's.
func hookRefusal(ctx context.Context, name string, err error) error {
	if err == nil {
		return nil
	}
	refused, ok := errors.AsType[*Error](err)
	switch {
	case ok && refused == nil:
		err = errors.New("it returned a nil *Error as an error")
	case ok && !validCode(refused.Code):
		err = fmt.Errorf("its *Error has %q as its code, and the message %q", refused.Code, refused.Message)
	case ok:
		text := refused.Message
		if text == "" {
			text = codes[refused.Code].text
		}
		return &Error{Code: refused.Code, Message: text, cause: &hookError{name, err}, retry: refused.retry}
	case ctx.Err() != nil:
		return hookUnanswered(name, err)
	}
	return &Error{Code: CodeInternal, Message: codes[CodeInternal].text, cause: &hookError{name, err}}
}

// hookInvalid is for a hook that asks for what cannot be done.
func hookInvalid(name string, err error) error {
	return &Error{Code: CodeInternal, Message: codes[CodeInternal].text, cause: &hookError{name, fmt.Errorf("it returned what is not valid: %w", err)}}
}

// validCode reports whether a client can be told a code: an app may have its own.
func validCode(c Code) bool {
	return c != "" && len(c) <= maxCode && strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}
