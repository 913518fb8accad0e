package browsertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// The examples, built once for all tests.
var assistantBinary, chatBinary, serverBinary, deskBinary, reactBinary string

// scratch is a folder for what tests build for each other.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "browsertest")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		assistantBinary = filepath.Join(dir, "assistant")
		chatBinary = filepath.Join(dir, "chat")
		serverBinary = filepath.Join(dir, "server")
		deskBinary = filepath.Join(dir, "desk")
		reactBinary = filepath.Join(dir, "react")
		scratch = dir
		root := filepath.Join("..", "..")
		for module, packages := range map[string][]string{
			root: {"./examples/assistant", "./examples/chat", "./examples/react", "./examples/server"}, filepath.Join(root, "examples", "desk"): {"."},
		} {
			build := exec.Command("go", append([]string{"build", "-o", dir}, packages...)...)
			build.Dir = module // with its own dependencies
			if out, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "building the examples: %v\n%s", err, out)
				return 1
			}
		}
		code := m.Run()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		return code
	}())
}
