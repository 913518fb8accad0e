package browsertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/console"
)

// A consoleServer is the server example's real program with its console.
type consoleServer struct {
	t    *testing.T
	base string // of the console, with a slash at the end
}

var consoleURL = regexp.MustCompile(`for development"? url=(\S+)`)

// startConsole starts the server on a free port, until the test ends.
func startConsole(t *testing.T, args ...string) *consoleServer {
	t.Helper()
	cmd := exec.Command(serverBinary, append([]string{"-addr", "127.0.0.1:0", "-hs256-secret", "a secret for tests of the console", "-console"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	s := &consoleServer{t: t}
	for s.base == "" && lines.Scan() {
		if m := consoleURL.FindStringSubmatch(lines.Text()); m != nil {
			s.base = m[1]
		}
	}
	var read sync.WaitGroup
	read.Go(func() {
		for lines.Scan() {
			continue // so that the program does not wait for a reader
		}
	})
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		read.Wait()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server, asked to stop: %v", err)
		}
	})
	if s.base == "" {
		t.Fatal("the server ended before it printed the console's address")
	}
	return s
}

// token mints a token as the page does.
func (s *consoleServer) token(claims string) string {
	s.t.Helper()
	body := `{"claims":` + claims + `}`
	r, err := http.Post(s.base+"api/token", "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer r.Body.Close()
	var answer struct {
		Token string
		Error struct{ Message string }
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || answer.Token == "" {
		s.t.Fatalf("no token for %s: %v %s", claims, err, answer.Error.Message)
	}
	return answer.Token
}

// TestConsolePassword: the console works behind basic authentication whose name
// and password stand in the page's address, where fetch refuses them.
func TestConsolePassword(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.open("Ada", strings.Replace(s.base, "//", "//admin:secret@", 1))
	p.connectWith(s.token(freely("ada")))
	p.isConnected()
	p.tab("schedules")
	p.until("it is told", `() => document.getElementById("due").textContent === "Nothing is scheduled."`)
}

// TestConsoleMakesNoTokens: where the app mints none, tokens are pasted.
func TestConsoleMakesNoTokens(t *testing.T) {
	t.Parallel()
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{testKey.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := console.New(console.Options{Handler: rt, Endpoint: "/rt"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	mux.Handle("/console/", handler)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	p := startBrowser(t).open("Ada", server.URL+"/console/")
	p.ready()
	if get[bool](p, `document.getElementById("mint-form").checkVisibility()`) {
		t.Error("there is a form to make tokens")
	}
	p.paste("#connect-token", signed(t, "connect", freely("ada")))
	p.click("#connect-form .primary")
	p.isConnected()
	p.tab("send")
	p.paste("#umd-token", `{"name": "Ada L."}`)
	p.click("#umd-form .row button")
	p.outcome("umd-form", "INVALID_UMD_TOKEN")
}
