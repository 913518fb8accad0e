package storeredis

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// Everything stored and sent is a record: fields, each its length in decimal,
// a colon and its bytes. Lua can read and join them, and never needs to look
// into what it only passes on.

var errRecord = errors.New("storeredis: malformed record")

func appendField[T string | []byte](b []byte, f T) []byte {
	b = strconv.AppendInt(b, int64(len(f)), 10)
	b = append(b, ':')
	return append(b, f...)
}

func appendInt(b []byte, n int64) []byte {
	var digits [20]byte
	return appendField(b, strconv.AppendInt(digits[:0], n, 10))
}

func appendFlag(b []byte, f bool) []byte { return appendField(b, flag(f)) }

func flag(f bool) string {
	if f {
		return "1"
	}
	return ""
}

func pack(fields ...string) string {
	var b []byte
	for _, f := range fields {
		b = appendField(b, f)
	}
	return string(b)
}

// A record reads fields in turn. After the first malformed one, or past the
// end, all are "" and ok is false.
type record struct {
	rest string
	bad  bool
}

func (r *record) next() string {
	n, rest, found := strings.Cut(r.rest, ":")
	size, err := strconv.Atoi(n)
	if !found || err != nil || size < 0 || size > len(rest) {
		r.rest, r.bad = "", true
		return ""
	}
	r.rest = rest[size:]
	return rest[:size]
}

func (r *record) flag() bool { return r.next() == "1" }

func (r *record) int() int64 {
	n, err := strconv.ParseInt(r.next(), 10, 64)
	if err != nil {
		r.bad = true
	}
	return n
}

// bytes is nil for an empty field: JSON texts are never empty.
func (r *record) bytes() []byte {
	if f := r.next(); f != "" {
		return []byte(f)
	}
	return nil
}

func (r *record) id() ulid.ULID {
	id, err := parseID(r.next())
	if err != nil {
		r.bad = true
	}
	return id
}

func (r *record) err() error {
	if r.bad {
		return errRecord
	}
	return nil
}

// fields splits a whole record.
func fields(s string) ([]string, error) {
	r := record{rest: s}
	var out []string
	for r.rest != "" {
		out = append(out, r.next())
	}
	return out, r.err()
}

// millis is d in milliseconds, rounded up: nothing ends early. Forever is -1.
func millis(d time.Duration) int64 {
	if d == store.Forever {
		return -1
	}
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// timeOf is the time of a count of milliseconds; 0 is no time.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// encodeMessage makes what is stored of a message, and delivered.
func encodeMessage(p *store.PublishRequest) []byte {
	size := len(p.Exclude) + len(p.Event) + len(p.Data) + len(p.Origin) + len(p.Stream) + 48 // Each length takes some bytes.
	if p.Meta != nil {
		size += len(p.Meta.UID) + len(p.Meta.UMD) + 8
	}
	b := make([]byte, 0, size)
	b = appendField(b, "M")
	b = appendField(b, p.Exclude)
	b = appendField(b, p.Event)
	b = appendField(b, p.Data)
	b = appendInt(b, millis(p.Retention))
	b = appendFlag(b, p.Meta != nil)
	if p.Meta != nil {
		b = appendField(b, p.Meta.UID)
		b = appendField(b, p.Meta.UMD)
	}
	// From here on, fields are there only if one that is not empty follows.
	if len(p.Trace) > 0 || p.Origin != nil || p.Stream != nil {
		var trace []byte
		for k, v := range p.Trace {
			trace = appendField(appendField(trace, k), v)
		}
		b = appendField(b, trace)
	}
	if p.Origin != nil || p.Stream != nil {
		b = appendField(b, p.Origin)
	}
	if p.Stream != nil {
		b = append(b, "1:00:"...) // no updates
		b = appendField(b, p.Stream)
	}
	return b
}

// tail reads the fields at the end of a message's record that are there only if one
// that is not empty follows: those that it was published with, and those of edit.lua.
func (r *record) tail(m *store.Message) {
	m.Trace = r.trace()
	if r.rest != "" {
		m.Origin = r.bytes()
	}
	if r.rest != "" {
		m.Updates, m.Updated = r.int(), r.id()
	}
	if r.rest != "" {
		m.Stream = r.bytes() // What follows is for edit.lua.
	}
}

func (r *record) trace() map[string]string {
	if r.rest == "" {
		return nil
	}
	list, err := fields(r.next())
	if err != nil || len(list)%2 != 0 {
		r.bad = true
		return nil
	}
	if len(list) == 0 {
		return nil
	}
	m := make(map[string]string, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		m[list[i]] = list[i+1]
	}
	return m
}

// decodeItem reads an item. The error of one that a newer version has written, and
// this one cannot read, is an unknownKind.
func decodeItem(channel, id, text string) (*store.Item, error) {
	u, err := parseID(id)
	if err != nil {
		return nil, err
	}
	r := record{rest: text}
	kind := r.next()
	it := &store.Item{ID: u, Channel: channel, Exclude: r.next()}
	switch kind {
	case "M":
		m := &store.Message{ID: u, Channel: channel, Event: r.next(), Data: r.bytes()}
		if keep := r.int(); keep > 0 {
			m.Expires = timeOf(int64(u.Time()) + keep)
		}
		if r.flag() {
			m.Meta = &store.Meta{UID: r.next(), UMD: r.bytes()}
		}
		r.tail(m)
		it.Message = m
	case "P":
		p := &store.PresenceChange{Kind: store.PresenceKind(r.int())}
		_ = r.next() // the member's place in the order of joining
		p.Member = store.Member{UID: r.next(), UMD: r.bytes()}
		if !r.bad && (p.Kind < store.MemberAdded || p.Kind > store.MemberRemoved) {
			return nil, unknownKind(kind + strconv.Itoa(int(p.Kind)))
		}
		it.Presence = p
	case "S":
		e := &store.Entry{ID: u, Channel: channel, Expires: timeOf(r.int()), Emit: r.flag()}
		r.entry(e)
		it.Storage = e
	case "":
		r.bad = true
	default:
		return nil, unknownKind(kind)
	}
	if err := r.err(); err != nil {
		return nil, fmt.Errorf("item %s: %w", id, err)
	}
	return it, nil
}

// encodeEntry makes the fields of an entry that no script looks at.
func encodeEntry(s *store.SetRequest) []byte {
	b := make([]byte, 0, len(s.Value)+len(s.Origin)+128)
	b = appendField(b, s.Key)
	b = appendField(b, s.Value)
	b = appendField(b, s.Meta.UID)
	b = appendField(b, s.Meta.UMD)
	return appendField(b, s.Origin)
}

func (r *record) entry(e *store.Entry) {
	e.Key, e.Value = r.next(), r.bytes()
	e.Meta = store.Meta{UID: r.next(), UMD: r.bytes()}
	e.Origin = r.bytes()
}

// decodeEntry reads an entry as it is stored.
func decodeEntry(channel, text string) (*store.Entry, error) {
	r := record{rest: text}
	e := &store.Entry{ID: r.id(), Channel: channel, Expires: timeOf(r.int())}
	_ = r.next() // the digest
	e.Emit = r.flag()
	r.entry(e)
	return e, r.err()
}

// A placed member knows its place in the order of joining.
type placed struct {
	place int64
	store.Member
}

// decodeMembers reads the reply to HGETALL of a channel's members; nil if the script
// was not to ask for it.
func decodeMembers(v any) ([]placed, error) {
	if v == nil {
		return nil, nil
	}
	flat, err := stringsOf(v)
	if err != nil {
		return nil, err
	}
	out := make([]placed, 0, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		r := record{rest: flat[i+1]}
		m := placed{place: r.int(), Member: store.Member{UID: flat[i]}}
		_, _ = r.int(), r.int() // subscriptions and size
		m.UMD = r.bytes()
		if err := r.err(); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b placed) int { return int(a.place - b.place) })
	return out, nil
}

// membersOf returns the members alone; nil if the list is.
func membersOf(p []placed) []store.Member {
	if p == nil {
		return nil
	}
	out := make([]store.Member, len(p))
	for i, m := range p {
		out[i] = m.Member
	}
	return out
}

// with returns the list with a member that has left it since. The list given is not
// modified.
func with(list []placed, m placed) []placed {
	i, _ := slices.BinarySearchFunc(list, m.place, func(p placed, place int64) int { return int(p.place - place) })
	return slices.Concat(list[:i], []placed{m}, list[i:])
}

// stringsOf reads a reply that is a list of strings, "" for one that is missing.
func stringsOf(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("storeredis: a reply has %T, not a list", v)
	}
	out := make([]string, len(list))
	for i, e := range list {
		if out[i], ok = e.(string); !ok && e != nil {
			return nil, fmt.Errorf("storeredis: a list of a reply has %T", e)
		}
	}
	return out, nil
}
