package webhook

import (
	"net/http"
	"testing"
)

// A URL may have what HTTP cannot send as it is.
func TestURLIsEscaped(t *testing.T) {
	var asked string
	b := &inbox{answer: func(w http.ResponseWriter, r *http.Request, _ int) {
		asked = r.RequestURI
		w.WriteHeader(http.StatusNoContent)
	}}
	server := serve(t, b)
	s := newTestSink(t, " "+server.URL+"/a b?to=the ops team&q=é%20%22\"\n", Options{})
	if err := s.Deliver(t.Context(), event("1")); err != nil {
		t.Fatal(err)
	}
	if want := "/a%20b?to=the%20ops%20team&q=%C3%A9%20%22%22"; asked != want {
		t.Errorf("asked for %s, want %s", asked, want)
	}
}
