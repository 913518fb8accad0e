package hotsocktest

import (
	"context"
	"sync"

	"github.com/coder/websocket"
)

// An inbox reads a WebSocket, since whoever does not read answers no pings, and
// keeps the frames until they are asked for.
type inbox struct {
	over chan struct{} // closed when nothing more is read
	some chan struct{} // has room for one; something is in frames, or nothing follows

	mu     sync.Mutex
	frames [][]byte
	err    error // why nothing follows
}

func newInbox(ws *websocket.Conn) *inbox {
	in := &inbox{over: make(chan struct{}), some: make(chan struct{}, 1)}
	go func() {
		defer close(in.over)
		for in.receive(ws) {
		}
	}()
	return in
}

// receive returns false if nothing follows.
func (in *inbox) receive(ws *websocket.Conn) bool {
	_, frame, err := ws.Read(context.Background())
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err = err; err == nil {
		in.frames = append(in.frames, frame)
	}
	in.signal()
	return err == nil
}

func (in *inbox) signal() {
	select {
	case in.some <- struct{}{}:
	default:
	}
}

// next waits for the next frame.
func (in *inbox) next(ctx context.Context) ([]byte, error) {
	select {
	case <-in.some:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.frames) == 0 {
		in.signal()
		return nil, in.err
	}
	frame := in.frames[0]
	if in.frames = in.frames[1:]; len(in.frames) > 0 || in.err != nil {
		in.signal()
	}
	return frame, nil
}
