// Package protocoltest holds the library to the protocol from outside: real
// HTTP servers, real WebSockets and tokens written by hand, on one node and on
// several. There is a file for each section of docs/protocol.md, and some for
// what only shows when many things happen at once.
package protocoltest

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
