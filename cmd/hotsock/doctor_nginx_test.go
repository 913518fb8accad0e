package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/process"
)

// nginx runs the real one with a location, and returns its address.
func nginx(t *testing.T, location string) string {
	t.Helper()
	program := need.Program(t, "nginx", "nginx")
	addr, dir := freeport.Keep(t), t.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf("daemon off; user root; worker_processes 1; pid %s/pid; error_log stderr warn; events {}\n"+
		"http { access_log off; server { listen %s; location /rt { %s } } }\n", dir, addr, location)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(exec.Command(program, "-p", dir, "-c", file, "-e", "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Terminate()
		if t.Failed() {
			t.Log(p.Log)
		}
	})
	await.That(t, "nginx to listen", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return "http://" + addr + "/rt"
}

// TestDoctorNginx: the mistakes that people make in its configuration.
func TestDoctorNginx(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: starts proxies")
	}
	_, address := newServer(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	const (
		version    = "proxy_http_version 1.1; "
		upgrade    = "proxy_set_header Upgrade $http_upgrade; "
		connection = `proxy_set_header Connection "upgrade"; `
		host       = "proxy_set_header Host $http_host; "
	)
	pass := "proxy_pass http://" + u.Host + "; "
	for _, row := range []struct {
		why, location               string
		flags                       string
		check, result, seen, change string
	}{
		{"as it should be", pass + version + upgrade + connection + host, "--silence 200ms", "silence", resultOK, "lives", ""},
		{"no upgrade", pass + host, "", "upgrade", resultFail, "drops the header Upgrade", "$http_upgrade"},
		{"an upgrade without Connection", pass + version + upgrade + host, "", "upgrade", resultFail, "no handshake", `Connection "upgrade"`},
		{"an upgrade of HTTP/1.0", pass + "proxy_http_version 1.0; " + upgrade + connection + host, "", "upgrade", resultFail, "no handshake", "proxy_http_version 1.1"},
		{"another Host", pass + version + upgrade + connection, "", "origin", resultFail, "another Host", "$http_host"},
		{"a Host without its port", pass + version + upgrade + connection + "proxy_set_header Host $host; ", "", "origin", resultFail, "another Host", "$http_host"},
		{"no subprotocol", pass + version + upgrade + connection + host + `proxy_set_header Sec-WebSocket-Protocol ""; `, "", "token", resultWarn, "in the URL only", "Sec-WebSocket-Protocol"},
		{"a short timeout", pass + version + upgrade + connection + host + "proxy_read_timeout 1s; ", "--silence 10s", "silence", resultFail, "was cut after 1", "proxy_read_timeout"},
		{"answers that wait for a full buffer", pass + version + upgrade + connection + host + "proxy_ignore_headers X-Accel-Buffering; ", "--timeout 2s", "fallback", resultWarn, "holds them back", "proxy_buffering off"},
		{"no Authorization", pass + version + upgrade + connection + host + `proxy_set_header Authorization ""; `, "", "fallback", resultWarn, "refuses the token", "Authorization"},
		{"an app that is away", "proxy_pass http://127.0.0.1:1;", "", "mount", resultFail, "502", "whether the app runs"},
		{"another path of the app", "proxy_pass http://" + u.Host + "/elsewhere;", "", "mount", resultFail, "404", "docs/mounting.md"},
	} {
		t.Run(row.why, func(t *testing.T) {
			_, found := examine(t, newTerminal(t, nginx(t, row.location)), strings.Fields(row.flags)...)
			expect(t, found, row.check, row.result, row.seen, row.change)
			if row.result == resultOK {
				for _, f := range found {
					if f.Result != resultOK {
						t.Errorf("%+v", f)
					}
				}
			}
			if strings.Contains(found[row.check].Seen, testSecret) {
				t.Error("a secret is told")
			}
		})
	}
}
