package storeredis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/internal/slowlink"
	"github.com/hotsock-go/hotsock/store"
)

// TestLongListOverSlowLine subscribes to a channel whose members take a megabyte, over
// lines that can carry that in time and over one that cannot. The subscribe has all
// members, or fails in time; others who use the line are served meanwhile. It is not
// parallel, since that has limits in time.
func TestLongListOverSlowLine(t *testing.T) {
	const channel, members, most = "presence.c", 2000, 1 << 20
	srv := redistest.StartServer(t)
	near := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	join := func(i int) store.SubscribeRequest {
		uid := fmt.Sprintf("user %04d", i)
		umd := []byte(`"` + strings.Repeat("x", 480) + `"`)
		return store.SubscribeRequest{
			Channel: channel, Connection: uid, UID: uid, UMD: umd, Presence: true, UMDDigest: "x",
			MemberSize: len(uid) + len(umd), MaxMembersSize: most, KnowsMembers: true,
		}
	}
	var all []string
	for i := range members {
		all = append(all, fmt.Sprint(i))
	}
	sideBySide(t, all, func(ctx context.Context, name string) error {
		var i int
		_, _ = fmt.Sscan(name, &i)
		_, err := near.Subscribe(ctx, join(i))
		return err
	})

	for _, row := range []struct {
		rate int // bytes a second
		fits bool
	}{{8 << 20, true}, {200 << 10, false}} {
		t.Run(fmt.Sprint(row.rate>>10, " KB a second"), func(t *testing.T) {
			link := slowlink.New(t, srv.Addr, row.rate)
			n := joinAs(t, openAt(t, link.Addr), newInbox(t), testJoin)
			stop := bystand(n)
			q := join(0)
			q.Connection, q.KnowsMembers = fmt.Sprint("at ", row.rate), false
			ctx := t.Context() // for defaultTimeout
			if row.fits {
				ctx = unhurried(t) // The machine may be busy.
			}
			began := time.Now()
			res, err := n.Subscribe(ctx, q)
			took := time.Since(began)
			failed, of, slowest := stop()
			t.Logf("%v after %v; %d of %d other publishes failed, the slowest took %v", err, took, failed, of, slowest)
			switch {
			case row.fits && (err != nil || len(res.Info.Members) != members):
				t.Errorf("%d members, %v", len(res.Info.Members), err)
			case !row.fits && !errors.Is(err, store.ErrUnavailable):
				t.Errorf("a line that is too slow: %v", err)
			case !row.fits && took > givesUp:
				t.Errorf("it took %v", took)
			}
			if failed > 0 {
				t.Errorf("%d of %d other publishes failed", failed, of)
			}
		})
	}
}
