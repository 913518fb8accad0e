package hotsock

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Keys that are not listed are the host's to decide on.
func TestCheckAPIKey(t *testing.T) {
	const listed, longest = "listed", maxAPIKey
	var asked atomic.Int64
	o := Options{
		APIKeys: []string{listed},
		CheckAPIKey: func(ctx context.Context, key string) (bool, error) {
			asked.Add(1)
			switch key {
			case "broken":
				return true, errors.New("the database is away")
			case "slow":
				<-ctx.Done()
				return false, ctx.Err()
			case "panic":
				panic("oh")
			}
			return strings.HasPrefix(key, "good"), nil
		},
	}
	inRig(t, o, func(t *testing.T, r *rig) {
		for _, test := range []struct {
			header string
			status int
			asked  int64
			why    string
		}{
			{"Bearer " + listed, 200, 0, "a listed key needs nobody"},
			{"bearer good", 200, 1, "one that the host knows"},
			{"Bearer other", 401, 1, "one that it does not know"},
			{"Bearer broken", 503, 1, "it cannot know, whatever it says besides"},
			{"Bearer slow", 503, 1, "it takes too long"},
			{"Bearer panic", 500, 1, "it panics"},
			{"", 401, 0, "no key"},
			{"Bearer ", 401, 0, "no key after the scheme"},
			{"Basic good", 401, 0, "another scheme"},
			{"Bearer good" + strings.Repeat("x", longest-4), 200, 1, "the longest"},
			{"Bearer good" + strings.Repeat("x", longest-3), 401, 0, "longer than anybody's"},
		} {
			asked.Store(0)
			req := httptest.NewRequest(http.MethodGet, "/rt/channels/room", nil)
			req.Header.Set("Authorization", test.header)
			w := httptest.NewRecorder()
			began := time.Now()
			r.h.ServeHTTP(w, req)
			if w.Code != test.status || asked.Load() != test.asked {
				t.Errorf("%s: %d, and asked %d times; want %d and %d", test.why, w.Code, asked.Load(), test.status, test.asked)
			}
			if d := time.Since(began); d > r.h.opts.StoreTimeout {
				t.Errorf("%s: it took %v", test.why, d)
			}
			if w.Code == 503 && (w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "database")) {
				t.Errorf("%s: %v %s", test.why, w.Header(), w.Body)
			}
		}
		// It says nothing of the store.
		synctest.Wait()
		if err := r.h.ready.check(t.Context()); err != nil {
			t.Error(err)
		}
	})
	// The API is there with it alone.
	inRig(t, Options{CheckAPIKey: o.CheckAPIKey}, func(t *testing.T, r *rig) {
		req := httptest.NewRequest(http.MethodGet, "/rt/channels/room", nil)
		req.Header.Set("Authorization", "Bearer good")
		w := httptest.NewRecorder()
		if r.h.ServeHTTP(w, req); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
