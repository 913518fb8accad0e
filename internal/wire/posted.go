package wire

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// DecodePosted reads the body of connection/send: an array of up to [MaxBatch] frames, or
// else one frame. What is wrong with a frame is for [DecodeCommand] to say. Frames of an
// array are copies: a short one must not keep a long body in memory.
func DecodePosted(body []byte) ([][]byte, error) {
	text := bytes.TrimLeft(body, space)
	if len(text) == 0 || text[0] != '[' {
		return [][]byte{body}, nil
	}
	// A frame may be as deep in the array as without it.
	if most := protocol.MaxDepth + batchDepth; manyBrackets(text, most) && depth(text) > most {
		return nil, invalid("the array is nested deeper than frames may be")
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	_, _ = dec.ReadToken()
	var frames [][]byte
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return nil, &Error{CodeInvalidJSON, syntaxMessage(text, err)}
		}
		if len(frames) == MaxBatch {
			return nil, invalid("there are more than " + strconv.Itoa(MaxBatch) + " frames")
		}
		frames = append(frames, bytes.Clone(v))
	}
	_, _ = dec.ReadToken()
	if len(bytes.TrimLeft(text[dec.InputOffset():], space)) > 0 {
		return nil, &Error{CodeInvalidJSON, "more than one JSON array"}
	}
	return frames, nil
}

// DecodeClose reads the body of connection/close, and returns its code, 1000 if it has
// none.
func DecodeClose(body []byte) (code uint16, err error) {
	var n *int64
	r := open(body)
	for r.next() {
		if string(r.name) == "code" {
			r.integer(&n, 1000, 4999)
		}
	}
	if err := r.close(); err != nil {
		return 0, err
	}
	if n == nil {
		return 1000, nil
	}
	return uint16(*n), nil
}
