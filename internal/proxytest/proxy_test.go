package proxytest

import (
	"fmt"
	"net"
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

// A proxy is a program with the configuration that the guide shows for it.
type proxy struct {
	program string
	info    string // of the block of code in the guide
	listen  string // what the block listens on, or is called
	// with is what takes the place of listen, for an address.
	with func(addr string) string
	// secure is with for TLS and HTTP/2, with the certificate and key in a file.
	secure func(addr, pem string) string
	// impatient are parts of the block, and what takes their place for the proxy to end
	// what is silent for so many seconds.
	impatient map[string]string
	// compress is a part of the block, and what takes its place for compression to be on.
	compress [2]string
	// edit changes the block, unless it is nil.
	edit func(block string) string
	// around makes a whole configuration of the block, for a run in a folder.
	around func(dir, addr, block string) string
	args   func(file, dir string) []string
}

var proxies = []proxy{
	{
		program: "nginx", info: "nginx", listen: "listen 80;",
		with: func(addr string) string { return "listen " + addr + ";" },
		secure: func(addr, pem string) string {
			return "listen " + addr + " ssl http2; ssl_certificate " + pem + "; ssl_certificate_key " + pem + ";"
		},
		impatient: map[string]string{"proxy_read_timeout 11m;": "proxy_read_timeout " + impatience + "; send_timeout " + impatience + ";"},
		compress:  [2]string{"proxy_pass", "gzip on; gzip_types *; gzip_proxied any; proxy_pass"},
		around: func(dir, _, block string) string {
			return "daemon off; user root; pid " + dir + "/pid; error_log stderr warn; events {}\nhttp { access_log /dev/stdout;\n" + block + "}\n"
		},
		args: func(file, dir string) []string { return []string{"-p", dir, "-c", file, "-e", "stderr"} },
	},
	{
		program: "haproxy", info: "haproxy", listen: "bind :80",
		with:   func(addr string) string { return "bind " + addr },
		secure: func(addr, pem string) string { return "bind " + addr + " ssl crt " + pem + " alpn h2,http/1.1" },
		impatient: map[string]string{
			"timeout client 30s": "timeout client " + impatience + "s", "timeout server 30s": "timeout server " + impatience + "s",
		},
		compress: [2]string{"balance", "compression algo gzip\n    balance"},
		around: func(_, _, block string) string {
			return "global\n    log stdout format raw local0\n" + block
		},
		args: func(file, _ string) []string { return []string{"-f", file} },
	},
	{
		program: "caddy", info: "caddyfile", listen: "app.example.com {",
		with: func(addr string) string { return "http://" + addr + " {" },
		secure: func(addr, pem string) string {
			return "https://" + addr + " {\n    tls " + pem + " " + pem
		},
		compress: [2]string{"reverse_proxy", "encode gzip\n    reverse_proxy"},
		around: func(_, _, block string) string {
			return "{\n    admin off\n    auto_https off\n}\n" + block
		},
		args: func(file, _ string) []string { return []string{"run", "--adapter", "caddyfile", "--config", file} },
	},
	{
		program: "apache2", info: "apache", listen: "*:80>",
		with: func(addr string) string { return addr + ">" },
		secure: func(addr, pem string) string {
			return addr + ">\n    SSLEngine on\n    SSLCertificateFile " + pem + "\n    Protocols h2 http/1.1"
		},
		impatient: map[string]string{"ProxyPreserveHost On": "ProxyPreserveHost On\n    Timeout " + impatience, "timeout=660": "timeout=" + impatience},
		compress:  [2]string{"ProxyPreserveHost On", "ProxyPreserveHost On\n    SetOutputFilter DEFLATE"},
		around: func(dir, addr, block string) string {
			const modules = "/usr/lib/apache2/modules/mod_"
			var text strings.Builder
			for _, m := range []string{
				"mpm_event", "authz_core", "proxy", "proxy_http", "proxy_balancer", "lbmethod_bybusyness", "slotmem_shm",
				"ssl", "http2", "filter", "deflate",
			} {
				fmt.Fprintf(&text, "LoadModule %s_module %s%s.so\n", m, modules, m)
			}
			fmt.Fprintf(&text, "ServerRoot %s\nDefaultRuntimeDir %s\nPidFile %s/pid\nServerName localhost\nListen %s\nErrorLog /dev/stderr\n", dir, dir, dir, addr)
			if os.Getuid() == 0 {
				text.WriteString("User nobody\nGroup nogroup\n")
			}
			return text.String() + strings.Replace(block, `"logs/access_log"`, "/dev/stdout", 1)
		},
		args: func(file, _ string) []string { return []string{"-D", "FOREGROUND", "-f", file} },
	},
}

// A running proxy.
type running struct {
	addr string
	log  *process.Log
}

// start runs the proxy before nodes until the test ends.
func (p *proxy) start(t *testing.T, nodes [2]string) *running {
	t.Helper()
	return p.startOn(t, "127.0.0.1", nodes)
}

// startOn is start for a proxy that listens on a host of the test's choice.
func (p *proxy) startOn(t *testing.T, host string, nodes [2]string) *running {
	t.Helper()
	program := need.Program(t, p.program, p.program)
	r := &running{addr: freeport.Keep(t)}
	_, port, _ := net.SplitHostPort(r.addr)
	block := shown(t, p.info)
	for from, to := range map[string]string{
		p.listen: p.with(net.JoinHostPort(host, port)), "127.0.0.1:8080": nodes[0], "127.0.0.1:8081": nodes[1],
	} {
		block = replaced(t, block, from, to)
	}
	if p.edit != nil {
		block = p.edit(block)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "configuration")
	if err := os.WriteFile(file, []byte(p.around(dir, r.addr, block)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, p.args(file, dir)...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	running, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	r.log = running.Log
	t.Cleanup(func() {
		running.Terminate()
		if t.Failed() {
			t.Log(r.log)
		}
	})
	await.That(t, p.program+" to listen", func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return r
}

// replaced is the block with something in place of all that it has of another.
func replaced(t *testing.T, block, from, to string) string {
	t.Helper()
	if !strings.Contains(block, from) {
		t.Fatalf("the guide's configuration has no %q", from)
	}
	return strings.ReplaceAll(block, from, to)
}

// shown is the guide's block of code with that language.
func shown(t *testing.T, info string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/mounting.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "\n```"+info+"\n")
	if !ok {
		t.Fatalf("the guide has no block of %s", info)
	}
	block, _, _ := strings.Cut(after, "```")
	return block
}
