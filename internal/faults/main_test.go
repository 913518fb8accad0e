package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

var (
	fullFlag   = flag.Bool("full", false, "run the full number of trials")
	trialsFlag = flag.Int("trials", 0, "run `n` trials of each fault")
	seedFlag   = flag.Int64("seed", -1, "begin with this `seed` (default: always the same ones; with -full, random ones)")
)

// nodeBinary is the program that the nodes run.
var nodeBinary string

func TestMain(m *testing.M) {
	if at := os.Getenv(farClient); at != "" {
		runFarClient(at)
	}
	if what := os.Getenv(streaming); what != "" {
		if err := runStreaming(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if !testing.Short() { // then nothing starts a node
		dir, err := os.MkdirTemp("", "faults")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		nodeBinary = filepath.Join(dir, "node")
		build := exec.Command("go", "build", "-o", nodeBinary, "../../examples/server")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "building the node:", err)
			return 1
		}
	}
	code := m.Run()
	web.CloseIdleConnections()
	if err := goleak.Find(redistest.Dialing); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
