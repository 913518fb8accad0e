package wire

import (
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// condition takes an "ifVersion": a version, or null for no entry. There null is not
// as absent.
func (r *reader) condition(id **ulid.ULID) {
	var version ulid.ULID
	if r.value.Kind() != 'n' && (!r.cursor(&version) || version.IsZero()) {
		r.fail("must be the version of an entry, or null")
		return
	}
	*id = &version
}

// DecodeNumber reads the data of hotsock.channelStorageAdd, or the value of an entry.
func DecodeNumber(data []byte) (float64, error) {
	n, err := strconv.ParseFloat(string(data), 64)
	if err != nil || len(data) == 0 || data[0] > '9' || data[0] == '+' { // Inf and NaN are no JSON
		return 0, invalid(`"data" must be a number`)
	}
	return n, nil
}

// A Written is an entry as it is after a write, of which the client wants to know.
type Written struct {
	// Entry is nil if the client does not want to know. Its Value is nil if there is no
	// entry any more.
	Entry *store.Entry
	// WithData tells the value, too.
	WithData bool
}

// append appends members, the first one without a comma.
func (w Written) append(b []byte) []byte {
	b = appendEntryVersion(b, w.Entry)
	if w.WithData {
		b = append(b, `,"data":`...)
		b = appendValue(b, w.Entry.Value)
	}
	return b
}

// appendEntryVersion appends that of an entry, which is null if there is none.
func appendEntryVersion(b []byte, e *store.Entry) []byte {
	b = append(b, `"version":`...)
	if e == nil || e.Value == nil {
		return append(b, "null"...)
	}
	return appendID(b, e.ID)
}

// appendCurrent appends what stands in the way of a write.
func appendCurrent(b []byte, e *store.Entry) []byte {
	b = append(b, `,"current":{`...)
	b = appendEntryVersion(b, e)
	if e.Value == nil {
		return append(b, `,"data":null,"meta":null}`...)
	}
	b = append(b, `,"data":`...)
	b = appendValue(b, e.Value)
	b = append(b, `,"meta":`...)
	return append(appendMeta(b, e.Meta), '}')
}
