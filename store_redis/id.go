package storeredis

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"
)

// In Redis an id is text of fixed width, "mmmmmmmmmmmmm-ssssssssssssssss": 13
// digits of milliseconds, and 16 digits that are not below firstSeq. It is a
// valid id of a stream's entry, and the order of the bytes is the order of the
// ids. As a ULID, its time is the milliseconds, and the rest is the second
// number.
const (
	idLen    = 30
	firstSeq = 1_000_000_000_000_000
	lastSeq  = 9_999_999_999_999_999
	lastMS   = 9_999_999_999_999
)

// parseID returns the ULID of an id of Redis; "" is the zero ULID.
func parseID(s string) (ulid.ULID, error) {
	var u ulid.ULID
	if s == "" {
		return u, nil
	}
	s = padID(s)
	if len(s) != idLen || s[13] != '-' {
		return u, fmt.Errorf("storeredis: %q is not an id", s)
	}
	ms, err := strconv.ParseUint(s[:13], 10, 64)
	if err != nil {
		return u, fmt.Errorf("storeredis: %q is not an id", s)
	}
	seq, err := strconv.ParseUint(s[14:], 10, 64)
	if err != nil {
		return u, fmt.Errorf("storeredis: %q is not an id", s)
	}
	binary.BigEndian.PutUint64(u[:8], ms<<16)
	binary.BigEndian.PutUint64(u[8:], seq)
	return u, nil
}

// padID gives an id that a stream returned its fixed width again: servers leave
// out leading zeros.
func padID(s string) string {
	if n := idLen - len(s); n > 0 {
		return strings.Repeat("0", n) + s
	}
	return s
}

// formatID returns the id of Redis that u is, or "" if it is none.
func formatID(u ulid.ULID) string {
	ms, high, seq := splitID(u)
	if ms > lastMS || high != 0 || seq < firstSeq || seq > lastSeq {
		return ""
	}
	return joinID(ms, seq)
}

// boundID returns text that compares with the ids of Redis as u does with
// their ULIDs, as an exclusive bound.
func boundID(u ulid.ULID) string {
	ms, high, seq := splitID(u)
	if ms > lastMS {
		ms, high = lastMS, 1
	}
	if high != 0 || seq > lastSeq {
		seq = lastSeq
	}
	return joinID(ms, seq)
}

func joinID(ms, seq uint64) string { return fmt.Sprintf("%013d-%016d", ms, seq) }

func splitID(u ulid.ULID) (ms uint64, high uint16, seq uint64) {
	head := binary.BigEndian.Uint64(u[:8])
	return head >> 16, uint16(head), binary.BigEndian.Uint64(u[8:])
}
