package hotsock

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/socket"
)

// firstRead bounds the memory that a client gets for announcing a long body.
const firstRead = 64 << 10

// A slowBody is a long body, which may take longer the more of it has come: so a
// slow link is enough, and a byte now and then is not.
type slowBody struct {
	io.Reader
	control  *http.ResponseController
	deadline time.Time
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.deadline = b.deadline.Add(time.Duration(n) * time.Second / bodyRate)
	_ = b.control.SetReadDeadline(b.deadline) // as in limitBody
	return n, err
}

// limitBody limits how long the body may take, also one that nobody reads: the
// HTTP server reads the rest before it answers. It takes the limit back before
// the next request.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Not every ResponseWriter can do it; then the server's own timeouts count.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
}

// smallBody is how long the bodies are, less a byte, that buffers are kept for.
const smallBody = 4 << 10

var bodyBuffers = sync.Pool{New: func() any { return new([smallBody]byte) }}

// readBody reads a request's body, of at most limit bytes, into the buffer or a
// longer one.
func readBody(w http.ResponseWriter, r *http.Request, limit int, buffer []byte) ([]byte, error) {
	var limited io.Reader = r.Body
	if r.ContentLength < 0 || r.ContentLength > int64(limit) {
		limited = http.MaxBytesReader(w, r.Body, int64(limit))
	}
	if r.ContentLength < 0 || r.ContentLength >= smallBody {
		limited = &slowBody{limited, http.NewResponseController(w), time.Now().Add(bodyTimeout)}
	}
	// The byte more is for learning that nothing follows.
	if room := min(max(r.ContentLength, 0), firstRead) + 1; int64(cap(buffer)) < room {
		buffer = make([]byte, 0, room)
	}
	body, err := socket.ReadAll(limited, buffer)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, refuseBecause(CodePayloadTooLarge, "the body is longer than "+strconv.Itoa(limit)+" bytes")
		}
		return nil, refuseBecause(CodeInvalidRequest, "the body cannot be read")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}
