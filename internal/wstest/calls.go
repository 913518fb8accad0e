package wstest

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// WriteCalls is how many system calls that write this process has made, as
// far as the system tells.
func WriteCalls(t testing.TB) float64 {
	t.Helper()
	stat, _ := os.ReadFile("/proc/self/io")
	for line := range strings.Lines(string(stat)) {
		if v, ok := strings.CutPrefix(line, "syscw: "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}
