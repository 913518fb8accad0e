// Package httpurl reads the addresses of HTTP requests that an app configures.
package httpurl

import (
	"fmt"
	"net/url"
	"strings"
)

// Parse reads a URL, with or without space around it. What its query cannot have
// as it is, which net/url leaves alone, is escaped: a space would end the request's
// line.
func Parse(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	var query strings.Builder
	for _, c := range []byte(u.RawQuery) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&query, "%%%02X", c)
		} else {
			query.WriteByte(c)
		}
	}
	u.RawQuery = query.String()
	return u, nil
}
