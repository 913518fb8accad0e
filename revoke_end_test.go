package hotsock

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// publishFor publishes on behalf of a connection over HTTP, and returns the status.
func (r *rig) publishFor(c *wstest.Conn) int {
	r.t.Helper()
	answer := httptest.NewRecorder()
	r.h.ServeHTTP(answer, httptest.NewRequestWithContext(r.t.Context(), http.MethodPost,
		"/connection/publishMessage?connectionId="+c.ID+"&connectionSecret="+c.Secret, strings.NewReader(`{"channel":"room","event":"chat"}`)))
	return answer.Code
}

// TestRevokedConnectionCallsNothing: once Revoke has returned, nothing is done for the
// connections that it ended, whose secrets their clients still have.
func TestRevokedConnectionCallsNothing(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		for i := range 50 {
			uid := fmt.Sprint("jim", i)
			c := r.connect(uid)
			r.revoke(Revocation{UID: uid}, 1)
			if status := r.publishFor(c); status != http.StatusUnauthorized {
				t.Fatalf("connection %d: %d", i, status)
			}
		}
	})
}

// However many there are, they end soon, and not all at the same moment. What their
// clients ask for is not done any more from the beginning.
func TestRevokeMany(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: opens many connections")
	}
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		const most = 3 * endAtOnce
		conns := make([]*wstest.Conn, most)
		for i := range conns {
			conns[i] = r.connect("jim")
		}
		start := time.Now()
		r.revoke(Revocation{UID: "jim"}, most)
		for _, c := range conns {
			_ = c.TrySend(`{"event":"hotsock.channelStorageSet","channel":"room","key":"late","data":1}`) // or it has ended
			if status := r.publishFor(c); status != http.StatusUnauthorized {
				t.Fatalf("a request for a revoked connection is answered %d", status)
			}
		}
		if d := time.Since(start); d > 0 {
			t.Errorf("Revoke took %v", d)
		}
		for _, c := range conns {
			c.ExpectClose(websocket.StatusPolicyViolation, revokedText)
		}
		if d := time.Since(start); d > revokeTime {
			t.Errorf("it took %v", d)
		}
		if page, err := r.h.Storage(t.Context(), StorageQuery{Channel: "room"}); err != nil || len(page.Items) != 0 {
			t.Errorf("revoked connections have written %v, %v", page.Items, err)
		}
	})
}
