package main

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/token"
)

// programEnv makes the test binary the program itself, with its own exit codes and
// signals.
const programEnv = "HOTSOCK_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
	}
	quiet()
	goleak.VerifyTestMain(m)
}

const (
	testSecret = "the secret of the command line's tests"
	testAPIKey = "the API key of the command line's tests"
)

var signing = token.SigningKey{Algorithm: token.HS256, Secret: []byte(testSecret)}

// A terminal runs the program with an environment, as a user does.
type terminal struct {
	t   *testing.T
	env map[string]string
}

// newTerminal has all credentials of a server.
func newTerminal(t *testing.T, url string) *terminal {
	return &terminal{t, map[string]string{"HOTSOCK_URL": url, "HOTSOCK_KEY": testSecret, "HOTSOCK_API_KEY": testAPIKey}}
}

// with returns a terminal whose environment has other variables in it, in pairs. ""
// takes one out.
func (x *terminal) with(pairs ...string) *terminal {
	y := &terminal{x.t, make(map[string]string)}
	maps.Copy(y.env, x.env)
	for i := 0; i < len(pairs); i += 2 {
		y.env[pairs[i]] = pairs[i+1]
	}
	return y
}

// A screen is what a program has written. It may be read meanwhile.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// run runs the program in this process, to its end.
func (x *terminal) run(stdin string, args ...string) (code int, stdout, stderr string) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), time.Minute)
	defer cancel()
	return x.runWithin(ctx, stdin, args...)
}

func (x *terminal) runWithin(ctx context.Context, stdin string, args ...string) (code int, stdout, stderr string) {
	x.t.Helper()
	var out, errs screen
	s := &system{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs, env: func(name string) string { return x.env[name] }}
	code = s.run(ctx, args)
	for name, secret := range x.env {
		if name != "HOTSOCK_URL" && secret != "" && strings.Contains(errs.String(), secret) {
			x.t.Errorf("%v tells %s: %s", args, name, &errs)
		}
	}
	return code, out.String(), errs.String()
}

// must is run for what succeeds.
func (x *terminal) must(stdin string, args ...string) string {
	x.t.Helper()
	code, out, errs := x.run(stdin, args...)
	if code != exitOK {
		x.t.Fatalf("hotsock %s: exit code %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

// program makes a process of the program.
func (x *terminal) program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = []string{programEnv + "=1"}
	for name, value := range x.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// newServer mounts a handler under /rt.
func newServer(t *testing.T, change ...func(*hotsock.Options)) (rt *hotsock.Handler, url string) {
	t.Helper()
	o := hotsock.Options{Keys: []hotsock.Key{signing.Key()}, APIKeys: []string{testAPIKey}, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	rt, err := hotsock.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return rt, serve(t, "/rt", rt)
}

// serve mounts a handler, and returns its URL.
func serve(t *testing.T, prefix string, h http.Handler) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(prefix, h)
	mux.Handle(prefix+"/", h)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + prefix
}

// mustSign signs claims, with the defaults of a token that connects.
func mustSign(t *testing.T, c token.Claims) string {
	t.Helper()
	if c.Scope == 0 {
		c.Scope = token.ScopeConnect
	}
	if c.Expires.IsZero() {
		c.Expires = time.Now().Add(time.Minute)
	}
	text, err := token.Sign(c, signing)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
