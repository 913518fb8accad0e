package doctest

import (
	"bufio"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/need"
)

// TestCurl runs the command of the guide, and reads what it prints.
func TestCurl(t *testing.T) {
	program := need.Program(t, "bash", "bash")
	need.Program(t, "curl", "curl")
	command := ""
	blocks, _ := fences(t, read(t, "docs/mounting.md"))
	for _, b := range blocks {
		if b.info == "sh" && strings.HasPrefix(b.body, "curl -N") {
			command = b.body
		}
	}
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret of the guide's curl, 32 b")}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	server := httptest.NewServer(rt)
	defer server.Close()
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute),
		Channels: map[string]hotsock.ChannelClaims{"news": {AutoSubscribe: hotsock.Allow}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-c", "exec "+strings.Replace(command, "https://app.example.com", server.URL, 1))
	cmd.Env = append(os.Environ(), "TOKEN="+token)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // It was killed.
	}()
	lines := bufio.NewScanner(out)
	until := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("curl printed no %q: %v", text, lines.Err())
	}
	until(`data: {"event":"hotsock.subscribed","channel":"news"`)
	if _, err := rt.Publish(ctx, hotsock.Message{Channel: "news", Event: "hello"}); err != nil {
		t.Fatal(err)
	}
	until(`"event":"hello","channel":"news"`)
}
