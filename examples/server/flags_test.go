package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

const testSecret = "a secret for the tests of the server"

// What is secret need not be on the command line.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("SERVER_TEST_SECRET", testSecret)
	t.Setenv("SERVER_TEST_KEY", "key 2")
	t.Setenv("SERVER_TEST_EMPTY", "")
	for name, args := range map[string][]string{
		"on the command line": {"-hs256-secret", testSecret},
		"in the environment":  {"-hs256-secret-env", "SERVER_TEST_SECRET"},
		"in a file":           {"-hs256-secret-file", file("a", testSecret+"\n")},
		"in one of Windows":   {"-hs256-secret-file", file("b", testSecret+"\r\n")},
	} {
		c, err := parse(args)
		if err != nil || string(c.key.Secret) != testSecret {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := parse([]string{
		"-hs256-secret", testSecret, "-api-key", "key 1", "-api-key-env", "SERVER_TEST_KEY", "-api-key-file", file("c", "key 3\n"),
		"-redis-file", file("d", "redis://:password@127.0.0.1:6379\n"), "-webhook-key-env", "SERVER_TEST_KEY", "-webhook-file", file("e", "https://x.test/?k=1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"key 1", "key 2", "key 3"}; !slices.Equal(c.options.APIKeys, want) {
		t.Errorf("API keys %q, want %q", c.options.APIKeys, want)
	}
	if c.redis != "redis://:password@127.0.0.1:6379" || !slices.Equal(c.webhookKeys, []string{"key 2"}) || !slices.Equal(c.webhooks, []string{"https://x.test/?k=1"}) {
		t.Errorf("Redis %q, webhooks %q with keys %q", c.redis, c.webhooks, c.webhookKeys)
	}
	for name, args := range map[string][]string{
		"none":               {},
		"empty":              {"-hs256-secret", ""},
		"no variable":        {"-hs256-secret-env", "SERVER_TEST_NONE"},
		"an empty variable":  {"-hs256-secret-env", "SERVER_TEST_EMPTY"},
		"no file":            {"-hs256-secret-file", filepath.Join(dir, "none")},
		"an empty file":      {"-hs256-secret-file", file("f", "\n")},
		"an API key's empty": {"-hs256-secret", testSecret, "-api-key-file", file("g", "")},
	} {
		if _, err := parse(args); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLimits(t *testing.T) {
	c, err := parse([]string{
		"-hs256-secret", testSecret, "-connection-rate", "20", "-connection-burst", "100", "-user-rate", ".5", "-clock-skew", "0",
		"-allowed-origins", "https://a.test, https://b.test", "-allowed-headers", "x-a, x-b", "-max-header", "8192",
	})
	if err != nil {
		t.Fatal(err)
	}
	o := c.options
	if want := (hotsock.RateLimit{PerSecond: 20, Burst: 100}); o.ConnectionRateLimit != want {
		t.Errorf("a connection's limit is %v", o.ConnectionRateLimit)
	}
	if want := (hotsock.RateLimit{PerSecond: .5}); o.UserRateLimit != want {
		t.Errorf("a user's limit is %v", o.UserRateLimit)
	}
	if o.ClockSkew >= 0 {
		t.Errorf("the clock skew is %v", o.ClockSkew)
	}
	if !slices.Equal(o.AllowedOrigins, []string{"https://a.test", "https://b.test"}) || !slices.Equal(o.AllowedHeaders, []string{"x-a", "x-b"}) {
		t.Errorf("origins %q, headers %q", o.AllowedOrigins, o.AllowedHeaders)
	}
	rt, err := hotsock.New(o)
	if err != nil {
		t.Fatal(err)
	}
	_ = rt.Close()

	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(c, http.NotFoundHandler())
	server.Start()
	defer server.Close()
	for size, want := range map[int]int{4 << 10: http.StatusNotFound, 20 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/?token="+strings.Repeat("x", size), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		client := http.Client{Timeout: time.Minute}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("with %d bytes of header: %d, want %d", size, resp.StatusCode, want)
		}
	}
	if _, err := parse([]string{"-hs256-secret", testSecret, "-max-header", "0"}); err == nil {
		t.Error("no header at all is accepted")
	}
}

func TestTLSNeedsBothFiles(t *testing.T) {
	for _, flag := range []string{"-tls-cert", "-tls-key"} {
		if _, err := parse([]string{"-hs256-secret", testSecret, flag, "file.pem"}); err == nil {
			t.Errorf("%s alone is accepted", flag)
		}
	}
}

// What is wrong with a URL is said without the password in it.
func TestRedisURLIsNotShown(t *testing.T) {
	for _, address := range []string{"redis://:sesame%zz@127.0.0.1", "http://:sesame@127.0.0.1", "redis://:sesame@127.0.0.1/x/y", "redis://:sesame@[::1"} {
		if _, err := dialRedis(address); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: error %v", address, err)
		}
	}
}
