package hotsock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/appdata"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// A callRunner runs the app's methods, as many for each connection as it may have,
// and survives them. It is what waits for those that do not return.
type callRunner struct {
	most     int // of a connection, at once
	logger   *slog.Logger
	observer *safeObserver
	counts   *counts

	// ctx ends when the methods must return.
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	methods map[string]CallFunc
	// running are the calls of each connection that has any.
	running map[string]*connectionCalls
	total   int
	idle    chan struct{} // nil until somebody waits for the last one
}

// connectionCalls are the calls of one connection that run on this node.
type connectionCalls struct {
	count    int
	commands int             // of these, those over the WebSocket
	ctx      context.Context // of commands
	cancel   context.CancelFunc
	answered chan struct{} // nil until somebody waits for the last command
}

// A runningCall must be ended.
type runningCall struct {
	r      *callRunner
	f      CallFunc
	ctx    context.Context
	cancel context.CancelFunc
	id     string // of the connection
	// command says that it came over the WebSocket.
	command bool
}

func newCallRunner(ctx context.Context, o *Options, observer *safeObserver, counts *counts) *callRunner {
	r := &callRunner{
		most: o.MaxCalls, logger: o.Logger, observer: observer, counts: counts,
		methods: make(map[string]CallFunc), running: make(map[string]*connectionCalls),
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r
}

// add returns false if there is such a method already.
func (r *callRunner) add(method string, f CallFunc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.methods[method] != nil {
		return false
	}
	r.methods[method] = f
	return true
}

// beginCommand begins a call that is permitted, which ends when the connection does.
func (r *callRunner) beginCommand(connection, method string) (*runningCall, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call, of, err := r.begin(connection, method)
	if err != nil {
		return nil, err
	}
	call.command = true
	of.commands++
	call.ctx, call.cancel = context.WithCancel(of.ctx)
	return call, nil
}

// beginRequest begins a call that is permitted, which ends when the request does.
func (r *callRunner) beginRequest(request context.Context, connection, method string) (*runningCall, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	call, _, err := r.begin(connection, method)
	if err != nil {
		return nil, err
	}
	var cancel context.CancelFunc
	call.ctx, cancel = context.WithCancel(request)
	stop := context.AfterFunc(r.ctx, cancel)
	call.cancel = func() { stop(); cancel() }
	return call, nil
}

// begin counts a call. r.mu is held.
func (r *callRunner) begin(connection, method string) (*runningCall, *connectionCalls, error) {
	f := r.methods[method]
	of := r.running[connection]
	switch {
	case f == nil:
		return nil, nil, refuse(CodeUnknownMethod)
	case of != nil && of.count >= r.most:
		return nil, nil, refuseBecause(CodeRateLimited, fmt.Sprintf("%d calls of this connection have not ended yet", of.count))
	case of == nil:
		of = &connectionCalls{}
		of.ctx, of.cancel = context.WithCancel(r.ctx)
		r.running[connection] = of
	}
	of.count++
	r.total++
	r.counts.calls.Add(1)
	return &runningCall{r: r, f: f, id: connection}, of, nil
}

func (call *runningCall) end() {
	call.cancel()
	r := call.r
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.running[call.id]
	if call.command {
		if of.commands--; of.commands == 0 && of.answered != nil {
			close(of.answered)
			of.answered = nil
		}
	}
	if of.count--; of.count == 0 {
		of.cancel()
		delete(r.running, call.id)
	}
	if r.total--; r.total == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
}

// connectionEnded ends the contexts of the calls that came over its WebSocket.
func (r *callRunner) connectionEnded(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of := r.running[id]; of != nil {
		of.cancel()
	}
}

var errCallPanicked = errors.New("the method panicked or ended its goroutine")

// run carries the call out, and returns the result as JSON.
func (call *runningCall) run(c Call) (result []byte, err error) {
	r, ctx := call.r, call.ctx
	if r.observer.on() {
		o := &Operation{Kind: OperationCall, Name: c.Method, Trigger: c.Trigger, Channel: c.Channel, ConnectionID: c.ConnectionID}
		ctx = r.observer.begin(ctx, o)
		defer func() { r.observer.end(ctx, o, err) }()
	}
	err = callFailed(errCallPanicked)
	defer func() {
		if p := recover(); p != nil {
			result = nil
			r.logger.Error("hotsock: a method panicked", "method", c.Method, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	value, refusal := call.f(ctx, c)
	if refusal != nil {
		return nil, callRefusal(refusal)
	}
	text, wrong := appdata.Marshal(value)
	if wrong == nil {
		text, wrong = wire.Value("result", text, maxResult)
	}
	if wrong != nil {
		return nil, callFailed(fmt.Errorf("its result cannot be sent: %w", wrong))
	}
	return text, nil
}

// callFailed is for what clients are told nothing more of.
func callFailed(why error) error {
	return &Error{Code: CodeInternal, Message: codes[CodeInternal].text, cause: why}
}

// callRefusal makes what a client is told of a method's error.
func callRefusal(err error) error {
	refused, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return callFailed(err)
	case refused == nil:
		return callFailed(errors.New("it returned a nil *Error as an error"))
	case !validCode(refused.Code):
		return callFailed(fmt.Errorf("its *Error has %q as its code, and the message %q", refused.Code, refused.Message))
	}
	text := refused.Message
	if text == "" {
		text = codes[refused.Code].text
	}
	return &Error{Code: refused.Code, Message: text, cause: err, retry: refused.retry}
}

// finish waits for the calls of a connection that is being closed, and cuts off those
// that take too long. It reports whether all have been answered.
func (r *callRunner) finish(id string) bool {
	r.mu.Lock()
	of := r.running[id]
	if of == nil || of.commands == 0 {
		r.mu.Unlock()
		return true
	}
	if of.answered == nil {
		of.answered = make(chan struct{})
	}
	answered := of.answered
	r.mu.Unlock()
	wait := func(d time.Duration, cut <-chan struct{}) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-answered:
			return true
		case <-timer.C:
		case <-cut:
		}
		return false
	}
	if wait(callGrace, of.ctx.Done()) {
		return true
	}
	of.cancel()
	return wait(callCutOff, nil)
}

// drain waits for the calls that still run, for a moment, and then has them return.
func (r *callRunner) drain(ctx context.Context) {
	patience := callGrace
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end)/2)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r.wait(limited)
	r.cancel()
}

// wait waits for the calls that run, and returns how many still do.
func (r *callRunner) wait(ctx context.Context) int {
	r.mu.Lock()
	if r.total == 0 {
		r.mu.Unlock()
		return 0
	}
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	idle := r.idle
	r.mu.Unlock()
	select {
	case <-idle:
		return 0
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// stop waits for the calls after the handler has stopped.
func (r *callRunner) stop(ctx context.Context) {
	if running := r.wait(ctx); running > 0 {
		r.logger.Warn("hotsock: methods ignore their context, and go on after the shutdown", "running", running)
	}
}
