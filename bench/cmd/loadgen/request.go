package main

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
)

// request builds HTTP publishes from templates.
type request struct {
	to         *url.URL // its host
	path, body []string // alternating: literal, variable, literal, ...
	header     string
	expanded   []byte // the last body
}

// template splits s at {channel} and {payload}; these stay as elements.
func template(s string) (parts []string) {
	for s != "" {
		i, v := len(s), ""
		for _, name := range []string{"{channel}", "{payload}"} {
			if j := strings.Index(s, name); j >= 0 && j < i {
				i, v = j, name
			}
		}
		parts = append(parts, s[:i], v)
		s = s[i+len(v):]
	}
	return parts
}

func expand(b []byte, parts []string, channel string, payload []byte) []byte {
	for _, p := range parts {
		switch p {
		case "{channel}":
			b = append(b, channel...)
		case "{payload}":
			b = append(b, payload...)
		default:
			b = append(b, p...)
		}
	}
	return b
}

// append appends the request that publishes payload.
func (r *request) append(b []byte, channel string, payload []byte) []byte {
	r.expanded = expand(r.expanded[:0], r.body, channel, payload)
	b = append(b, "POST "...)
	b = expand(b, r.path, channel, nil)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(append(b, r.to.Host...), "\r\nContent-Type: application/json\r\n"...)
	b = append(append(b, r.header...), "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(r.expanded)), 10)
	return append(append(b, "\r\n\r\n"...), r.expanded...)
}

// response returns the status of the response in b if b holds all of it.
func response(b []byte) (status int, ok bool) {
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok || len(head) < 12 {
		return 0, false
	}
	status, _ = strconv.Atoi(string(head[9:12]))
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("content-length")):
			n, _ := strconv.Atoi(string(value))
			return status, len(body) >= n
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			return status, bytes.HasSuffix(body, []byte("0\r\n\r\n"))
		}
	}
	return status, true
}
