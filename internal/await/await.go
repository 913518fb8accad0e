// Package await has tests wait for what others bring about, in goroutines,
// processes and servers that do not tell when.
package await

import (
	"testing"
	"time"
)

// Patience is how long anything may take on a busy machine.
const Patience = 30 * time.Second

// looks is the longest time between two looks at a condition. The first come
// sooner.
const looks = 20 * time.Millisecond

// That looks at a condition until it holds, and ends the test if it does not
// within Patience. What is waited for is said then: "a connection", say.
func That(t testing.TB, what string, holds func() bool) {
	t.Helper()
	Within(t, Patience, what, holds)
}

// Within is That with another limit: one that is promised, or for what takes
// longer.
func Within(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	began := time.Now()
	for pause := time.Millisecond; !holds(); pause = min(2*pause, looks) {
		if waited := time.Since(began); waited > limit {
			t.Fatalf("waited in vain for %s, for %v", what, waited.Round(time.Millisecond))
		}
		time.Sleep(pause)
	}
}

// While looks at a condition for as long as given, and ends the test as soon as it does
// not hold: for what must not happen. What holds is said then: "a lease", say.
func While(t testing.TB, d time.Duration, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); time.Since(began) < d; time.Sleep(min(looks, d)) {
		if !holds() {
			t.Fatalf("%s held for %v only, not for %v", what, time.Since(began).Round(time.Millisecond), d)
		}
	}
	if !holds() {
		t.Fatalf("%s held until %v had passed", what, d)
	}
}

// Pass lets real time pass that is a part of what happens, such as the length of an
// outage or the pause between two requests. The reason is for who reads the test.
// What something else brings about is waited for by That, and tests in fake time sleep.
func Pass(d time.Duration, _ string) { time.Sleep(d) }
