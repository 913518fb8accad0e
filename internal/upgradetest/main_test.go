package upgradetest

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/redistest"

	// The programs contain these, and results must not outlive a change of them.
	_ "github.com/hotsock-go/hotsock"
	_ "github.com/hotsock-go/hotsock/sink_redis"
	_ "github.com/hotsock-go/hotsock/store_redis"
)

// workDir has what is built.
var workDir string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if workDir, err = os.MkdirTemp("", "upgradetest"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(workDir)
	// The tests do little and wait for processes, so more of them run at a time than
	// there are processors, unless the command line says otherwise.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	web.CloseIdleConnections()
	if err := goleak.Find(redistest.Dialing); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
