package hotsock

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

// safeHeaders are request headers that libraries add to all requests of a page,
// usually to trace them. The client's HTTP API looks at none of them. Names that
// end with a dash are prefixes.
var safeHeaders = []string{
	"traceparent", "tracestate", "baggage", "correlation-context", // W3C, OpenTelemetry
	"b3", "x-b3-", // Zipkin
	"sentry-trace", "x-datadog-", "newrelic", "x-newrelic-", "elastic-apm-traceparent", "x-instana-",
	"x-honeycomb-trace", "uber-trace-id", "uberctx-", "x-dynatrace", "x-amzn-trace-id", "x-cloud-trace-context",
	"request-id", "request-context", "x-ms-request-id", "x-ms-request-root-id", // Application Insights
	"x-request-id", "x-correlation-id", "x-client-trace-id", "x-trace-id", "x-requested-with",
	"accept", "accept-language", "cache-control", "pragma",
}

// corsMaxAge is how long browsers remember a preflight's answer, in seconds.
const corsMaxAge = "7200"

// preflight answers whether a page may send a request with the method and the headers
// that it names. They are named again rather than all listed, since browsers ask about
// those only; always are what such requests usually have.
func (o *Options) preflight(w http.ResponseWriter, r *http.Request, method string, always ...string) {
	allowed := slices.Clone(always)
	for _, value := range r.Header.Values("Access-Control-Request-Headers") {
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			known := slices.ContainsFunc(always, func(a string) bool { return strings.EqualFold(a, name) })
			if len(allowed) < maxRequestHeaders && !known && o.allowsHeader(name) {
				allowed = append(allowed, name)
			}
		}
	}
	w.Header().Add("Vary", "Access-Control-Request-Headers")
	w.Header().Set("Access-Control-Allow-Methods", method)
	w.Header().Set("Access-Control-Allow-Headers", strings.Join(allowed, ", "))
	w.Header().Set("Access-Control-Max-Age", corsMaxAge)
	w.WriteHeader(http.StatusNoContent)
}

func (o *Options) allowsHeader(name string) bool {
	is := func(other string) bool { return strings.EqualFold(name, other) }
	return slices.ContainsFunc(o.AllowedHeaders, is) || slices.ContainsFunc(safeHeaders, func(safe string) bool {
		if strings.HasSuffix(safe, "-") {
			return len(name) > len(safe) && strings.EqualFold(name[:len(safe)], safe) && checkHeader(name) == nil
		}
		return is(safe)
	})
}

// checkHeader says why something is not the name of a header (RFC 9110, section
// 5.6.2).
func checkHeader(name string) error {
	if name == "" || len(name) > maxHeaderValue {
		return errors.New("it is empty or too long")
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return errors.New("it is not the name of a header")
		}
	}
	return nil
}
