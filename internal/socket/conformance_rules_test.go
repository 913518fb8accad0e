package socket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// A rule is what a client sends, and what must come of it.
type rule struct {
	what string
	send []byte
	read []string // messages that are read
	pong string   // the payload of the last pong, if there is one
	code Code     // of the close frame; 0 if the connection goes on
}

const (
	text  = fin | opText
	small = "a"
	// odd has characters of two, three and four bytes.
	odd = "ü€𝄞"
)

// conformance has what the public test suites of WebSockets have: one row for each
// thing that a client may send, or must not.
func conformance() []rule {
	join := func(frames ...[]byte) []byte { return bytes.Join(frames, nil) }
	// form is a frame with the length in that form, however small it is.
	form := func(first byte, size int, payload string) []byte {
		length := binary.BigEndian.AppendUint64(nil, uint64(len(payload)))[8-size:]
		code := map[int]byte{2: 126, 8: 127}[size]
		return join([]byte{first, 0x80 | code}, length, make([]byte, 4), []byte(payload))
	}
	deflate := func(text string) []byte { return compressedMessage(text, false) }
	closing := func(code Code, reason string) []byte {
		return masked(fin|opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
	}
	long := strings.Repeat("long ", 2000)
	rules := []rule{
		{what: "a text", send: masked(text, []byte("Hello")), read: []string{"Hello"}},
		{what: "an empty text", send: masked(text, nil), read: []string{""}},
		{what: "several", send: join(masked(text, []byte("1")), masked(text, nil), masked(text, []byte("3"))), read: []string{"1", "", "3"}},
		{what: "125 bytes", send: masked(text, []byte(long[:125])), read: []string{long[:125]}},
		{what: "126 bytes", send: masked(text, []byte(long[:126])), read: []string{long[:126]}},
		{what: "a small length in 16 bits", send: form(text, 2, small), read: []string{small}},
		{what: "a small length in 64 bits", send: form(text, 8, small), read: []string{small}},
		{what: "no length in 16 bits", send: form(text, 2, ""), read: []string{""}},
		{what: "no length in 64 bits", send: form(text, 8, ""), read: []string{""}},
		{what: "the longest", send: masked(text, make([]byte, conformLimit)), read: []string{string(make([]byte, conformLimit))}},
		{what: "too long", send: masked(text, make([]byte, conformLimit+1)), code: StatusTooLong},
		{what: "a length with the top bit", send: []byte{text, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 'a'}, code: StatusTooLong},
		{what: "a length of all bits", send: []byte{text, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0}, code: StatusTooLong},
		{what: "a binary message", send: masked(fin|opBinary, []byte("a")), code: StatusUnsupportedData},
		{what: "a binary fragment", send: masked(opBinary, nil), code: StatusUnsupportedData},

		{what: "not masked", send: []byte{text, 1, 'a'}, code: StatusProtocolError},
		{what: "not masked and empty", send: []byte{text, 0}, code: StatusProtocolError},
		{what: "a ping, not masked", send: []byte{fin | opPing, 0}, code: StatusProtocolError},
		{what: "a close, not masked", send: []byte{fin | opClose, 0}, code: StatusProtocolError},
		{what: "not masked, after a text", send: join(masked(text, nil), []byte{text, 0}), read: []string{""}, code: StatusProtocolError},

		{what: "a ping", send: masked(fin|opPing, []byte("x")), pong: "x"},
		{what: "a ping of nothing", send: join(masked(text, nil), masked(fin|opPing, nil)), read: []string{""}},
		{what: "a ping of bytes", send: masked(fin|opPing, []byte{0, 255, 254}), pong: "\x00\xff\xfe"},
		{what: "the longest ping", send: masked(fin|opPing, []byte(long[:125])), pong: long[:125]},
		{what: "a ping that is too long", send: masked(fin|opPing, []byte(long[:126])), code: StatusProtocolError},
		{what: "a ping with its length in 16 bits", send: form(fin|opPing, 2, "x"), code: StatusProtocolError},
		{what: "pings", send: join(masked(fin|opPing, []byte("1")), masked(fin|opPing, []byte("2")), masked(fin|opPing, []byte("3"))), pong: "3"},
		{what: "a pong that nobody asked for", send: join(masked(fin|opPong, []byte("x")), masked(text, nil)), read: []string{""}},
		{what: "a pong of nothing", send: masked(fin|opPong, nil)},
		{what: "a pong that is too long", send: masked(fin|opPong, []byte(long[:126])), code: StatusProtocolError},
		{what: "a ping in fragments", send: join(masked(opPing, nil), masked(fin, nil)), code: StatusProtocolError},
		{what: "a pong in fragments", send: masked(opPong, nil), code: StatusProtocolError},
		{what: "a close in fragments", send: masked(opClose, nil), code: StatusProtocolError},

		{what: "fragments", send: join(masked(opText, []byte("a")), masked(0, []byte("b")), masked(fin, []byte("c"))), read: []string{"abc"}},
		{what: "fragments of nothing", send: join(masked(opText, nil), masked(0, nil), masked(fin, nil)), read: []string{""}},
		{what: "a fragment of something", send: join(masked(opText, nil), masked(0, []byte("b")), masked(fin, nil)), read: []string{"b"}},
		{what: "control frames between fragments", send: join(
			masked(opText, []byte("a")), masked(fin|opPing, []byte("1")), masked(0, []byte("b")), masked(fin|opPong, nil),
			masked(fin|opPing, []byte("2")), masked(fin, []byte("c"))), read: []string{"abc"}, pong: "2"},
		{what: "a close between fragments", send: join(masked(opText, []byte("a")), closing(1001, ""), masked(fin, []byte("c"))), code: 1001},
		{what: "a message between fragments", send: join(masked(opText, []byte("a")), masked(text, []byte("b"))), code: StatusProtocolError},
		{what: "a binary one between fragments", send: join(masked(opText, []byte("a")), masked(fin|opBinary, []byte("b"))), code: StatusProtocolError},
		{what: "a continuation of nothing", send: masked(0, []byte("a")), code: StatusProtocolError},
		{what: "a last continuation of nothing", send: masked(fin, nil), code: StatusProtocolError},
		{what: "a continuation after the last", send: join(masked(opText, nil), masked(fin, nil), masked(fin, nil)), read: []string{""}, code: StatusProtocolError},
		{what: "fragments of the longest", send: join(masked(opText, make([]byte, conformLimit)), masked(fin, nil)), read: []string{string(make([]byte, conformLimit))}},
		{what: "fragments that are too long", send: join(masked(opText, make([]byte, conformLimit)), masked(fin, []byte("a"))), code: StatusTooLong},

		{what: "UTF-8", send: masked(text, []byte(odd)), read: []string{odd}},
		{what: "a NUL and U+FFFF", send: masked(text, []byte("\x00\uffff")), read: []string{"\x00\uffff"}},
		{what: "a surrogate", send: masked(text, []byte("a\xed\xa0\x80b")), code: StatusInvalidText},
		{what: "beyond Unicode", send: masked(text, []byte("\xf4\x90\x80\x80")), code: StatusInvalidText},
		{what: "an overlong slash", send: masked(text, []byte("\xc0\xaf")), code: StatusInvalidText},
		{what: "half a character at the end", send: masked(text, []byte("a\xe2\x82")), code: StatusInvalidText},
		{what: "bad UTF-8 in the middle", send: masked(text, []byte("a\xffb")), code: StatusInvalidText},
		{what: "bad UTF-8 in the middle of fragments", send: join(masked(opText, []byte("a")), masked(0, []byte("\xff")), masked(fin, []byte("b"))), code: StatusInvalidText},

		{what: "a close", send: masked(fin|opClose, nil), code: StatusNormal},
		{what: "a close with a reason", send: closing(1000, "bye"), code: 1000},
		{what: "a close with the longest reason", send: closing(1000, long[:123]), code: 1000},
		{what: "a close with a reason that is too long", send: closing(1000, long[:124]), code: StatusProtocolError},
		{what: "half a close code", send: masked(fin|opClose, []byte{3}), code: StatusProtocolError},
		{what: "a close reason of bad UTF-8", send: closing(1000, "a\xff"), code: StatusInvalidText},
		{what: "a close reason of UTF-8", send: closing(1000, odd), code: 1000},
		{what: "a text after a close", send: join(closing(1000, ""), masked(text, []byte("a"))), code: 1000},
		{what: "nonsense after a close", send: join(closing(1000, ""), []byte("nonsense")), code: 1000},
		{what: "two closes", send: join(closing(1000, ""), closing(1001, "")), code: 1000},

		{what: "compressed", send: masked(text|rsv1, deflate(long)), read: []string{long}},
		{what: "compressed, then not", send: join(masked(text|rsv1, deflate(long)), masked(text, []byte("a"))), read: []string{long, "a"}},
		{what: "compressed twice", send: join(masked(text|rsv1, deflate(long)), masked(text|rsv1, deflate(long))), read: []string{long, long}},
		{what: "compressed nothing", send: masked(text|rsv1, []byte{0}), read: []string{""}},
		{what: "compressed, and no byte of it", send: masked(text|rsv1, nil), code: StatusProtocolError},
		{what: "compressed nothing, with BFINAL", send: masked(text|rsv1, []byte{3, 0, 0}), read: []string{""}},
		{what: "stored and not compressed", send: masked(text|rsv1, []byte{0, 1, 0, 0xfe, 0xff, 'a', 0}), read: []string{"a"}},
		{what: "stored, with BFINAL", send: masked(text|rsv1, []byte{1, 1, 0, 0xfe, 0xff, 'a', 0}), read: []string{"a"}},
		{what: "stored, with BFINAL and no block behind it", send: masked(text|rsv1, []byte{1, 1, 0, 0xfe, 0xff, 'a'}), code: StatusProtocolError},
		// RFC 7692, 7.2.3
		{what: "example 1", send: masked(text|rsv1, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")), read: []string{"Hello"}},
		{what: "example 3", send: masked(text|rsv1, []byte("\x00\x05\x00\xfa\xffHello\x00")), read: []string{"Hello"}},
		{what: "example 4", send: masked(text|rsv1, []byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00")), read: []string{"Hello"}},
		{what: "example 5", send: masked(text|rsv1, []byte("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")), read: []string{"Hello"}},
		{what: "compressed, with BFINAL", send: masked(text|rsv1, compressedMessage(long, true)), read: []string{long}},
		{what: "compressed in fragments", send: join(masked(opText|rsv1, deflate(long)[:1]), masked(0, nil), masked(fin|opPing, []byte("x")), masked(fin, deflate(long)[1:])), read: []string{long}, pong: "x"},
		{what: "compressed UTF-8", send: masked(text|rsv1, deflate(odd)), read: []string{odd}},
		{what: "compressed bad UTF-8", send: masked(text|rsv1, deflate("\xff")), code: StatusInvalidText},
		{what: "a compressed continuation", send: join(masked(opText|rsv1, deflate(long)[:1]), masked(fin|rsv1, deflate(long)[1:])), code: StatusProtocolError},
		{what: "a compressed ping", send: masked(fin|rsv1|opPing, nil), code: StatusProtocolError},
		{what: "a compressed pong", send: masked(fin|rsv1|opPong, nil), code: StatusProtocolError},
		{what: "a compressed close", send: masked(fin|rsv1|opClose, nil), code: StatusProtocolError},
		{what: "a compressed binary message", send: masked(fin|rsv1|opBinary, deflate("a")), code: StatusUnsupportedData},
		{what: "garbage", send: masked(text|rsv1, []byte("garbage")), code: StatusProtocolError},
		{what: "a reserved kind of block", send: masked(text|rsv1, []byte{7}), code: StatusProtocolError},
		{what: "a reference to before the beginning", send: masked(text|rsv1, []byte{2, 6, 0}), code: StatusProtocolError},
		{what: "cut off", send: masked(text|rsv1, deflate(odd)[:3]), code: StatusProtocolError},
		{what: "the longest, compressed", send: masked(text|rsv1, deflate(string(make([]byte, conformLimit)))), read: []string{string(make([]byte, conformLimit))}},
		{what: "a bomb", send: masked(text|rsv1, deflate(string(make([]byte, conformLimit*100)))), code: StatusTooLong},
		{what: "a byte too long, compressed", send: masked(text|rsv1, deflate(string(make([]byte, conformLimit+1)))), code: StatusTooLong},
		{what: "a compressed form that is too long", send: masked(text|rsv1, make([]byte, conformLimit+compressedRoom+1)), code: StatusTooLong},
	}
	for _, bits := range []byte{0x10, 0x20, 0x30, 0x50, 0x60, 0x70} {
		for _, opcode := range []byte{opContinuation, opText, opClose, opPing, opPong} {
			rules = append(rules, rule{what: fmt.Sprintf("reserved bits %x of opcode %x", bits, opcode), send: masked(fin|bits|opcode, nil), code: StatusProtocolError})
		}
	}
	for _, opcode := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		rules = append(
			rules,
			rule{what: fmt.Sprintf("opcode %x", opcode), send: masked(fin|opcode, []byte("a")), code: StatusProtocolError},
			rule{what: fmt.Sprintf("opcode %x between fragments", opcode), send: join(masked(opText, nil), masked(fin|opcode, nil)), code: StatusProtocolError},
		)
	}
	for code := range 1 << 16 {
		sent := 1000 <= code && code <= 1014 && (code < 1004 || code > 1006) || 3000 <= code && code <= 4999
		switch {
		case code%997 != 0 && (code < 998 || code > 1017) && code != 2999 && code != 3000 && code != 4999 && code != 5000:
			continue
		case sent:
			rules = append(rules, rule{what: fmt.Sprint("close code ", code), send: closing(Code(code), ""), code: Code(code)})
		default:
			rules = append(rules, rule{what: fmt.Sprint("close code ", code), send: closing(Code(code), ""), code: StatusProtocolError})
		}
	}
	for at := 1; at < len(odd); at++ {
		rules = append(rules, rule{what: fmt.Sprint("UTF-8, fragments from byte ", at), send: join(masked(opText, []byte(odd[:at])), masked(fin, []byte(odd[at:]))), read: []string{odd}})
	}
	return rules
}
