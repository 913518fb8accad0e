package upgradetest

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

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
	// go-redis ends this one up to a second after its client was closed.
	dialing := goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
	if err := goleak.Find(dialing); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
