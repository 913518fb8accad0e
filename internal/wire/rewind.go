package wire

import (
	"strconv"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// MaxRewind is how many kept messages a subscribe brings at the most.
const MaxRewind = 1000

// A Rewind is which kept messages a subscribe is to bring: the newest Messages, or those
// of the last Seconds. Zero is none.
type Rewind struct {
	Messages int
	Seconds  int64
}

// Wanted reports whether there is one.
func (w Rewind) Wanted() bool { return w != Rewind{} }

// rewind takes a number, or an object with seconds.
func (r *reader) rewind(w *Rewind) {
	var n *int64
	switch r.value.Kind() {
	case 'n':
	case '0':
		if r.integer(&n, 1, MaxRewind); n != nil {
			w.Messages = int(*n)
		}
	case '{':
		inner := open(r.value)
		inner.path = r.path + "rewind."
		for inner.next() {
			if string(inner.name) == "seconds" {
				inner.integer(&n, 1, protocol.MaxStore)
			}
		}
		inner.require("seconds", n != nil)
		if inner.err != nil && r.err == nil {
			r.err = inner.err
		}
		_ = inner.close()
		if n != nil {
			w.Seconds = *n
		}
	default:
		r.fail(`must be a number of messages, or {"seconds":120}`)
	}
}

// Rewound is what became of a rewind.
type Rewound struct {
	Messages int // that follow
	// More is written if it is true: there are more than that.
	More bool
}

func appendRewound(b []byte, w *Rewound) []byte {
	b = append(b, `"rewound":{"messages":`...)
	b = strconv.AppendInt(b, int64(w.Messages), 10)
	if w.More {
		b = append(b, `,"more":true`...)
	}
	return append(b, `},`...)
}
