package sinkredis

import (
	"context"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(workerEnv); addr != "" {
		hang(addr)
	}
	// Its own log has a line for each attempt to reach the servers that the
	// tests take away, and nothing else.
	redis.SetLogger(quiet{})
	// go-redis ends this one up to a second after its client was closed, if the
	// server was away.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
