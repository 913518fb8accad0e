package proxytest

import (
	"sync/atomic"
	"testing"

	"github.com/hotsock-go/hotsock/client"
)

// The Go client gets everything through an nginx that lets no WebSocket through, whatever
// nginx makes of an upgrade.
func TestClientWithoutUpgrades(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: starts proxies")
	}
	const upgrade, connection = "proxy_set_header Upgrade $http_upgrade;", `proxy_set_header Connection "upgrade";`
	for _, row := range []struct {
		why   string
		edits map[string]string
	}{
		{"nobody has set it up for WebSockets: it speaks HTTP/1.0", map[string]string{
			upgrade: "", connection: "", "proxy_http_version 1.1;": "proxy_http_version 1.0;", "proxy_set_header Host $http_host;": "",
		}},
		{"it drops the upgrade", map[string]string{upgrade: "", connection: ""}},
		{"it drops half of it", map[string]string{connection: ""}},
		{"it refuses it", map[string]string{upgrade: "if ($http_upgrade) { return 403; }"}},
		{"it cuts it off", map[string]string{upgrade: "if ($http_upgrade) { return 444; }"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			nginx := proxies[0]
			nginx.edit = func(block string) string {
				for from, to := range row.edits {
					block = replaced(t, block, from, to)
				}
				return block
			}
			e := newEnv(t, &nginx)
			var connected, sockets atomic.Int64
			e.onState = func(s client.State) {
				if s.Status != client.Connected {
					return
				}
				connected.Add(1)
				if !s.Feed {
					sockets.Add(1)
				}
			}
			e.restarts(t)
			if connected.Load() == 0 || sockets.Load() > 0 {
				t.Errorf("connected %d times, %d by WebSocket", connected.Load(), sockets.Load())
			}
			e.log(t)
		})
	}
}
