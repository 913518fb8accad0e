package upgradetest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// TestRevoke revokes beside a node of the version before, which knows nothing of it: the
// newer nodes do what they can, and say so. Once they are alone, all is done.
func TestRevoke(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	older, newer := s.node(before), s.node(now)
	there, here := older.connect(t, "ann"), newer.connect(t, "ann")
	channel := "room"
	there.Subscribe(channel)

	body := fmt.Sprintf(`{"uid":"ann","until":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	status, answer := newer.revoke(t, body)
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, "another version") {
		t.Fatalf("beside an older node: %d %s", status, answer)
	}
	here.ExpectClose(websocket.StatusPolicyViolation, "Token revoked")
	there.ExpectNothing()
	old := token(t, "ann", "")
	refused := func(n *node) {
		t.Helper()
		if _, answer, err := wstest.Try(t, n.socket(old), wstest.Options{HTTPClient: web}); err == nil || answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("a revoked token connects: %v", err)
		}
	}
	refused(newer)
	older.publish(t, channel, "1") // and is none the worse for it
	there.Expect("chat")
	older.Kill()
	third := s.node(now)
	refused(third)
	await.That(t, "all to be of one version", func() bool {
		status, _ := third.revoke(t, body)
		return status == http.StatusOK
	})
}

func (n *node) revoke(t *testing.T, body string) (status int, answer string) {
	t.Helper()
	return n.try(t, http.MethodPost, "/revocations", body)
}
