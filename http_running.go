package hotsock

import (
	"context"
	"sync"
)

// runningRequests counts the requests of the HTTP APIs that are being carried out.
type runningRequests struct {
	mu       sync.Mutex
	running  int
	refusing bool          // none is begun any more
	none     chan struct{} // closed when refusing, and none is running
}

func (r *runningRequests) init() { r.none = make(chan struct{}) }

// begin returns an error if no request is begun any more. After nil, end must be called.
func (r *runningRequests) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusing {
		return refuse(CodeUnavailable)
	}
	r.running++
	return nil
}

func (r *runningRequests) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	r.checkNone()
}

// refuse has no request begun any more. It is called once.
func (r *runningRequests) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusing = true
	r.checkNone()
}

// checkNone is called with mu held.
func (r *runningRequests) checkNone() {
	if r.refusing && r.running == 0 {
		close(r.none)
	}
}

// wait returns when no request is running, or ctx ends.
func (r *runningRequests) wait(ctx context.Context) {
	select {
	case <-r.none:
	case <-ctx.Done():
	}
}
