package hotsock

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Libraries for tracing add headers to all requests of a page.
func TestPreflight(t *testing.T) {
	h, err := New(Options{Keys: []Key{tokenHS256.Key()}, AllowedHeaders: []string{"X-Tenant", "x-api-version"}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, tt := range []struct{ asked, want, why string }{
		{"content-type", "Content-Type", "no more than it takes"},
		{"", "Content-Type", "nothing"},
		{"baggage,content-type,sentry-trace", "Content-Type, baggage, sentry-trace", "Sentry"},
		{"Content-Type, traceparent, tracestate", "Content-Type, traceparent, tracestate", "OpenTelemetry"},
		{"b3,x-b3-traceid,x-b3-sampled", "Content-Type, b3, x-b3-traceid, x-b3-sampled", "Zipkin"},
		{"x-datadog-trace-id,newrelic,x-request-id", "Content-Type, x-datadog-trace-id, newrelic, x-request-id", "others"},
		{"TraceParent", "Content-Type, TraceParent", "the case does not matter"},
		{"x-tenant,X-API-Version", "Content-Type, x-tenant, X-API-Version", "the app's own"},
		{"authorization,cookie,x-forwarded-for,x-ms-client-principal,x-b3-", "Content-Type", "what others might believe"},
		{"x-b3-a\tb,x-b3-a:b", "Content-Type", "no names"},
	} {
		r := httptest.NewRequest(http.MethodOptions, "/rt/connection/publishMessage", http.NoBody)
		r.Header.Set("Origin", "https://app.example.com")
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", tt.asked)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Headers"); w.Code != http.StatusNoContent || got != tt.want {
			t.Errorf("asked for %q: %d, %q, want %q: %s", tt.asked, w.Code, got, tt.want, tt.why)
		}
	}
	r := httptest.NewRequest(http.MethodOptions, "/rt/connection/publishMessage", http.NoBody)
	r.Header.Set("Access-Control-Request-Headers", strings.Repeat("b3,", 10_000))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if n := len(w.Header().Get("Access-Control-Allow-Headers")); n > 1000 {
		t.Errorf("a long question is answered with %d bytes", n)
	}
}
