package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// maxDate is the last second of the year 9999.
const maxDate = 253402300799

func (r reader) text(s *string) error {
	t, ok, err := r.next("a string", jsontext.KindString)
	if ok {
		*s = t.String()
	}
	return err
}

// name reads a string that must not be empty: it would be taken for absent, and
// a token with an empty connectionId, say, is not one for any connection.
func (r reader) name(s *string) error {
	t, ok, err := r.next("a string", jsontext.KindString)
	if !ok {
		return err
	}
	if *s = t.String(); *s == "" {
		return r.wrong("must not be empty")
	}
	return nil
}

// texts reads an array of strings.
func (r reader) texts(list *[]string) error {
	if _, ok, err := r.next("an array", jsontext.KindBeginArray); !ok {
		return err
	}
	*list = []string{}
	for r.dec.PeekKind() != jsontext.KindEndArray {
		t, ok, err := r.next("a string", jsontext.KindString)
		if err != nil {
			return err
		}
		if !ok {
			return r.wrong("must be a string, not null")
		}
		*list = append(*list, t.String())
	}
	_, err := r.dec.ReadToken()
	return err
}

// textOrTexts reads a string as an array of one.
func (r reader) textOrTexts(list *[]string) error {
	if r.dec.PeekKind() == jsontext.KindBeginArray {
		return r.texts(list)
	}
	t, ok, err := r.next("a string or an array", jsontext.KindString)
	if ok {
		*list = []string{t.String()}
	}
	return err
}

func (r reader) scope(s *Scope) error {
	t, ok, err := r.next("a string", jsontext.KindString)
	if ok {
		*s = parseScope(t.String())
	}
	return err
}

func (r reader) boolean(b *bool) error {
	t, ok, err := r.next("a boolean", jsontext.KindTrue, jsontext.KindFalse)
	if ok {
		*b = t.Bool()
	}
	return err
}

func (r reader) permission(p *Permission) error {
	t, ok, err := r.next("a boolean", jsontext.KindTrue, jsontext.KindFalse)
	switch {
	case !ok:
	case t.Bool():
		*p = Allow
	default:
		*p = Deny
	}
	return err
}

// editPermission reads a permission that may also be "own".
func (r reader) editPermission(p *Permission) error {
	if r.dec.PeekKind() != jsontext.KindString {
		return r.permission(p)
	}
	var s string
	err := r.text(&s)
	if err == nil && s != own {
		return r.wrong(`must be a boolean or "own"`)
	}
	*p = Own
	return err
}

// own is [Own] in a token.
const own = "own"

// raw reads any JSON value as it stands.
func (r reader) raw(value *json.RawMessage) error {
	v, err := r.dec.ReadValue()
	if err == nil && v.Kind() != jsontext.KindNull {
		*value = bytes.Clone(v)
	}
	return err
}

// number reads a number from low to high, if there is one.
func (r reader) number(low, high float64) (f float64, ok bool, err error) {
	t, ok, err := r.next("a number", jsontext.KindNumber)
	if !ok {
		return 0, false, err
	}
	f, err = t.Float()
	if err != nil || f < low || f > high {
		return 0, false, r.wrong(fmt.Sprintf("must be from %.0f to %.0f", low, high))
	}
	return f, true, nil
}

// date reads a NumericDate: seconds, perhaps with a fraction. Microseconds are
// kept as far as a float64 holds them, which is until the year 2242.
func (r reader) date(date *time.Time) error {
	f, ok, err := r.number(0, maxDate)
	switch {
	case !ok:
	case f < 1<<33:
		*date = time.UnixMicro(int64(math.Round(f * 1e6))).UTC()
	default:
		*date = time.Unix(int64(f), 0).UTC()
	}
	return err
}

// seconds reads a whole number of seconds.
func (r reader) seconds(low, high float64) (n int64, ok bool, err error) {
	f, ok, err := r.number(low, high)
	if ok && f != math.Trunc(f) {
		return 0, false, r.wrong("must be a whole number")
	}
	return int64(f), ok, err
}

func (r reader) heartbeat(d *time.Duration) error {
	n, ok, err := r.seconds(minHeartbeat.Seconds(), maxHeartbeat.Seconds())
	if ok {
		*d = time.Duration(n) * time.Second
	}
	return err
}

// keep reads how long to store something.
func (r reader) keep(d *time.Duration) error {
	n, ok, err := r.seconds(-1, protocol.MaxStore)
	switch {
	case !ok:
	case n < 0:
		*d = Forever
	case n == 0:
		*d = Never
	default:
		*d = time.Duration(n) * time.Second
	}
	return err
}
