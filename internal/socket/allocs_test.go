//go:build !race

package socket

import "testing"

// TestWriteAllocs: a write for a single message allocates nothing.
func TestWriteAllocs(t *testing.T) {
	if !canTry {
		t.Skip("not on this system")
	}
	c, _ := pair(t, Options{})
	defer hold(c)()
	one := []byte{0}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := tryWrite(c.kernel, one); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
