package upgradetest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock/internal/need"
)

// previous is the commit of the previous minor version, with which the present one
// must be able to share a Redis. It is moved after each minor release, as
// CONTRIBUTING.md says, and in no other case: a test that fails has found something
// that an installation would meet.
const previous = "c2a47c0b7467397f9c4dee7b58f45afec9aa6803"

// A build is a version of the programs that the tests run.
type build struct {
	name string
	dir  string // of the programs
}

// programs are built of each version: nodes, and workers that read their events.
var programs = []string{"server", "events"}

// builds makes both, once.
var builds = sync.OnceValues(func() (both [2]build, err error) {
	var work sync.WaitGroup
	var errs [2]error
	for i, compiled := range []func() (build, error){buildPrevious, buildPresent} {
		work.Go(func() { both[i], errs[i] = compiled() })
	}
	work.Wait()
	return both, errors.Join(errs[:]...)
})

// twoBuilds returns the previous version and the present one. Without the history it
// skips the test.
func twoBuilds(t *testing.T) (before, now build) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: builds two versions")
	}
	need.Program(t, "git", "git")
	if out, err := git("cat-file", "-e", previous+"^{commit}").CombinedOutput(); err != nil {
		need.Skip(t, fmt.Sprintf("needs the repository with its history, as git fetch --unshallow gets it: %s", bytes.TrimSpace(out)))
	}
	both, err := builds()
	if err != nil {
		t.Fatal(err)
	}
	return both[0], both[1]
}

// git reads the repository, also as another user than its owner, as in a container.
func git(args ...string) *exec.Cmd {
	cmd := exec.Command("git", append([]string{"-c", "safe.directory=*"}, args...)...)
	cmd.Dir = filepath.Join("..", "..")
	return cmd
}

func buildPresent() (build, error) { return compile("now", filepath.Join("..", "..")) }

func buildPrevious() (build, error) {
	src := filepath.Join(workDir, "previous")
	if err := os.Mkdir(src, 0o700); err != nil {
		return build{}, err
	}
	archive := git("archive", "--format=tar", previous)
	tar := exec.Command("tar", "-x", "-C", src)
	var err error
	if tar.Stdin, err = archive.StdoutPipe(); err != nil {
		return build{}, err
	}
	archive.Stderr, tar.Stderr = os.Stderr, os.Stderr
	if err := errors.Join(archive.Start(), tar.Run(), archive.Wait()); err != nil {
		return build{}, fmt.Errorf("unpacking %s: %w", previous, err)
	}
	return compile("before", src)
}

// compile builds the programs of a source tree. Without the paths of the tree in
// them, what was compiled for an earlier run is used again.
func compile(name, src string) (build, error) {
	b := build{name: name, dir: filepath.Join(workDir, name)}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		return b, err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", b.dir + string(filepath.Separator)}
	for _, p := range programs {
		args = append(args, "./examples/"+p)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = src
	if out, err := cmd.CombinedOutput(); err != nil {
		return b, fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return b, nil
}
