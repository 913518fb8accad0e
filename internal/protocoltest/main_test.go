// Package protocoltest holds the library to the protocol from outside: real
// HTTP servers, real WebSockets and tokens written by hand, on one node and on
// several, in memory and on Redis. There is a file for each section of
// docs/protocol.md, and some for what only shows when many things happen at
// once.
//
// With -short, Redis is left out.
package protocoltest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	redis.end()
	if err := goleak.Find(redistest.Dialing); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
