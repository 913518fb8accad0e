package storeredis

import (
	"context"
	stdflag "flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(nodeProcess); addr != "" {
		panic(fireUntilKilled(addr))
	}
	if addr := os.Getenv(publisherProcess); addr != "" {
		if err := publishWhenTold(addr); err != nil {
			panic(err)
		}
		return
	}
	// These tests wait for real servers most of the time. Who gives the flag has
	// the last word.
	if err := stdflag.Set("test.parallel", strconv.Itoa(testsPerCPU*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	// Its own log has a line for each attempt to reach the servers that the
	// tests take away, and nothing else.
	redis.SetLogger(quiet{})
	goleak.VerifyTestMain(m, redistest.Dialing)
}

const testsPerCPU = 4

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
