package hotsock

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// Who waits for an entry waits no longer than its context, and when nobody does any
// more, nothing is left.
func TestKeyLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var locks keyLocks
		k, other := entryName{"c", "k"}, entryName{"c", "other"}
		if err := locks.lock(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := locks.lock(short, k); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		if err := locks.lock(short, other); err != nil {
			t.Errorf("another entry: %v", err)
		}
		locks.unlock(other)

		var waiting sync.WaitGroup
		n := 0
		for range 10 {
			waiting.Go(func() {
				if err := locks.lock(t.Context(), k); err != nil {
					t.Error(err)
				}
				n++ // which the race detector watches
				locks.unlock(k)
			})
		}
		synctest.Wait()
		if n != 0 {
			t.Errorf("%d came in while it was held", n)
		}
		locks.unlock(k)
		waiting.Wait()
		if n != 10 || len(locks.locks) != 0 {
			t.Errorf("%d came in, %d locks are left", n, len(locks.locks))
		}
	})
}

func TestSum(t *testing.T) {
	for _, tt := range []struct {
		why, there string
		n          float64
		want       string
	}{
		{"nothing", "", 2, "2"},
		{"whole numbers", "40", 2, "42"},
		{"fractions, as short as they can be", "0.1", 0.7, "0.7999999999999999"},
		{"large ones, as browsers write them", "1e21", 1e21, "2e+21"},
		{"to zero", "-3", 3, "0"},
		{"text", `"1"`, 1, ""},
		{"null is no entry's value, and no number", "null", 1, ""},
		{"an object", "{}", 1, ""},
		{"more than a number can be", "1.7e308", 1.7e308, ""},
	} {
		e := &store.Entry{}
		if tt.there != "" {
			e.Value = []byte(tt.there)
		}
		got, err := sum(e, tt.n)
		if string(got) != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: got %s, %v, want %q", tt.why, got, err, tt.want)
		}
	}
}
