package sinkredis

import (
	"context"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(workerEnv); addr != "" {
		hang(addr)
	}
	// Its own log has a line for each attempt to reach the servers that the
	// tests take away, and nothing else.
	redis.SetLogger(quiet{})
	goleak.VerifyTestMain(m, redistest.Dialing)
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
