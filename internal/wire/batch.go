package wire

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxBatch is how many messages a batch may have.
const MaxBatch = 1000

// batchDepth is how much deeper a message is nested for standing in a batch.
const batchDepth = 2

// DecodePublishBatch reads the body of the server API's publish/batch, and
// returns its messages: each is for [DecodePublish], and a part of the body.
func DecodePublishBatch(body []byte) (messages [][]byte, err error) {
	there := false
	r := open(body)
	r.batch = "messages"
	for r.next() {
		if string(r.name) == "messages" && r.is('[', "an array") {
			there = true
			r.elements(&messages, MaxBatch)
		}
	}
	r.require("messages", there)
	return messages, r.close()
}

// elements takes an array of any values.
func (r *reader) elements(list *[][]byte, most int) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(r.value))
	_, _ = dec.ReadToken()
	for dec.PeekKind() != ']' {
		if len(*list) == most {
			r.fail("must not have more than " + strconv.Itoa(most) + " elements")
			return
		}
		// The value is known to be JSON.
		v, _ := dec.ReadValue()
		end := dec.InputOffset()
		*list = append(*list, r.value[end-int64(len(v)):end])
	}
}

// A BatchResult is what became of one message of a batch.
type BatchResult struct {
	// Accepted is of a message without an error.
	Accepted Accepted
	// Failure is the error, zero if there was none.
	Failure Failure
}

// AppendBatch appends the answer of the server API's publish/batch.
func AppendBatch(b []byte, results []BatchResult) []byte {
	b = append(b, `{"results":[`...)
	for i := range results {
		if i > 0 {
			b = append(b, ',')
		}
		if r := &results[i]; r.Failure.Code != "" {
			b = AppendHTTPError(b, r.Failure)
		} else {
			b = AppendAccepted(b, &r.Accepted)
		}
	}
	return append(b, `]}`...)
}
