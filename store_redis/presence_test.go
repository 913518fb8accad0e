package storeredis

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// A change of members costs what it says, where nobody looks at the list of all.
func TestChangesWithoutMembers(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	for _, omit := range []bool{false, true} {
		o := testJoin
		if !omit {
			o.MaxListedSize = 1 << 20
		}
		n := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
		channel := fmt.Sprint("presence.", omit)
		const members = 100
		for i := range members {
			if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{
				Channel: channel, Connection: strconv.Itoa(i), UID: strconv.Itoa(i), Presence: true,
				UMD: fmt.Appendf(nil, "%01000d", i), UMDDigest: "0", MemberSize: 1000, MaxMembersSize: 1 << 20,
			}); err != nil {
				t.Fatal(err)
			}
		}
		update := func(i int) *store.PresenceChange {
			change, err := n.UpdateSubscription(unhurried(t), store.UpdateSubscriptionRequest{
				Channel: channel, Connection: "0", UMD: strconv.AppendInt(nil, int64(i), 10), UMDDigest: strconv.Itoa(i),
				MemberSize: 1, MaxMembersSize: 1 << 20,
			})
			if err != nil || change == nil {
				t.Fatalf("change %v, error %v", change, err)
			}
			return change
		}
		before := sentBy(t, srv)
		const changes = 50
		for i := range changes {
			if got := len(update(i + 1).Members); omit != (got == 0) || !omit && got != members {
				t.Fatalf("omitted is %v: %d members", omit, got)
			}
		}
		end, err := n.Unsubscribe(unhurried(t), store.UnsubscribeRequest{Channel: channel, Connection: "1"})
		if err != nil || end.Change == nil || end.Change.Kind != store.MemberRemoved || omit != (len(end.Change.Members) == 0) {
			t.Errorf("omitted is %v: ended with %+v, error %v", omit, end, err)
		}
		if sent := sentBy(t, srv) - before; omit && sent > changes*10_000 {
			t.Errorf("Redis sent %d bytes for %d changes", sent, changes)
		} else {
			t.Logf("omitted is %v: Redis sent %d bytes for %d changes", omit, sent, changes)
		}
	}
}

// sentBy is how many bytes a server has sent.
func sentBy(t *testing.T, srv *redistest.Server) (n int) {
	t.Helper()
	info, err := srv.Client().Info(context.Background(), "stats").Bytes()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(info, []byte("total_net_output_bytes:"))
	if _, err := fmt.Sscan(string(rest), &n); err != nil {
		t.Fatal(err)
	}
	return n
}
