//go:build !race

package permission

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// However long the lists of a token are, and however many names a client makes
// up, a connection's decisions take little memory.
func TestDecisionsAreBoundedInBytes(t *testing.T) {
	const most = 512 << 10 // estimates, and what maps have besides
	reactions := `"r"` + strings.Repeat(`,"r"`, 799)
	rules := `"c*":{}`
	for i := range 500 {
		rules += `,"c*` + strings.Repeat("*", i+1) + `":{}`
	}
	for name, connect := range map[string]string{
		"lists of reactions": `{"*":{"subscribe":true,"messages":{"e*":{"react":[` + reactions + `]},"*":{"react":[` + reactions + `]}},"storage":{"*":{"get":true}}}}`,
		"many rules":         `{` + rules + `}`,
	} {
		p := NewConnection(grantOf(t, `{"channels":`+connect+`}`))
		use := func(channel string) {
			for i := range 100 {
				p.Channel(channel).Event(fmt.Sprint("event", i))
				p.Channel(channel).Entry(fmt.Sprint("key", i))
			}
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range 300 {
			channel := fmt.Sprint("channel", i)
			if i%3 == 0 {
				subscribed(p, channel, nil)
			}
			use(channel)
			p.Unsubscribed(channel)
			use(channel)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(p)
		if kept := int(after.HeapAlloc) - int(before.HeapAlloc); kept > most {
			t.Errorf("%s: a connection's decisions take %d bytes", name, kept)
		}
	}
}
