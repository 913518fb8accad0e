// Package need finds the programs that tests run besides Go.
//
// A test whose program is not installed is skipped, so that `go test ./...`
// passes on a machine with Go alone. In continuous integration, where CI is
// set in the environment, it fails instead: what only a real server shows must
// not be left out unnoticed.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a program. If there is none, it skips the test,
// or fails it where CI is set, with a line that names the Debian package.
func Program(t testing.TB, name, pkg string) string {
	t.Helper()
	for _, file := range []string{name, "/usr/sbin/" + name} { // not everybody has that in the PATH
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	Skip(t, "needs "+name+" (on Debian: apt-get install "+pkg+")")
	return ""
}

// Skip skips the test for want of something, or fails it where CI is set.
func Skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}
