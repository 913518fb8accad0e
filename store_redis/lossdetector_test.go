package storeredis

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// TestLostUnseen loses messages that were acknowledged and that nobody has
// heard: the one who published them tells the listener, who could not know.
func TestLostUnseen(t *testing.T) {
	t.Parallel()
	ctx := unhurried(t)
	master := redistest.StartServer(t, "--repl-diskless-sync-delay", "0")
	replica := redistest.StartServer(t)
	host, port, _ := strings.Cut(master.Addr, ":")
	if err := replica.Client().ReplicaOf(ctx, host, port).Err(); err != nil {
		t.Fatal(err)
	}
	toPublisher, toListener := redistest.NewProxy(t, master.Addr), redistest.NewProxy(t, master.Addr)
	in := newInbox(t)
	publisher := joinAs(t, openAt(t, toPublisher.Addr), newInbox(t), testJoin)
	listener := joinAs(t, openAt(t, toListener.Addr), in, testJoin)
	mustWatch(t, listener, "c")
	first := mustPublish(t, publisher, store.PublishRequest{Channel: "c", Event: "e"})
	in.awaitIDs([]ulid.ULID{first}, back)
	awaitReplica(t, master, replica)
	if err := replica.Client().ReplicaOf(ctx, "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	toListener.BlackHole()
	mustPublish(t, publisher, store.PublishRequest{Channel: "c", Event: "lost"})
	master.Kill()
	await.Pass(2*minSilence, "no replica is master sooner")
	toPublisher.Retarget(replica.Addr)
	toListener.Retarget(replica.Addr)
	toListener.Heal()

	// The publisher goes on before it verifies, and must look for the older one.
	retryPublish(t, publisher, store.PublishRequest{Channel: "c", Event: "next"}, back)
	in.await("being told of the loss", back, func() bool { return in.lost > 0 })
}

// TestNothingMissing lets a node look for what is all there, or gone for good
// reason.
func TestNothingMissing(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	o := testJoin
	o.ReplayLimit = 3
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	for range 10 {
		mustPublish(t, n, store.PublishRequest{Channel: "more than the log keeps", Event: "e"})
		// Of a message that is kept for longer than the window, nothing else
		// is left when it has been superseded.
		mustPublish(t, n, store.PublishRequest{Channel: "kept", Event: "e", Retention: time.Hour})
	}
	if _, err := n.Set(unhurried(t), store.SetRequest{Channel: "entries", Key: "k", Value: []byte("1"), Digest: "1", Retention: store.Forever}); err != nil {
		t.Fatal(err)
	}
	missing := func() (channels int) {
		n.losses.verify(unhurried(t))
		n.losses.mu.Lock()
		defer n.losses.mu.Unlock()
		return len(n.losses.lost)
	}
	if got := missing(); got != 0 {
		t.Errorf("%d channels are said to lack something", got)
	}
	srv.Client().FlushAll(unhurried(t))
	if got := missing(); got != 3 {
		t.Errorf("%d channels are said to lack something, want 3 when all data is gone", got)
	}
}

// TestSilences: what was acknowledged before a silence is remembered, since
// another master may have answered after it; and all for a while only.
func TestSilences(t *testing.T) {
	d := newLossDetector(nil)
	at := func(ms uint64) ulid.ULID {
		id, err := parseID(joinID(ms, firstSeq))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	// A silence of 3.8 s, and then many of 0.1 s.
	for _, ms := range []uint64{1000, 1200, 5000, 5001, 5101, 5201, 5301, 5302} {
		d.remember(7, "c", at(ms), "")
	}
	want := []any{formatID(at(5201)), formatID(at(1000)), formatID(at(1200)), formatID(at(5302))}
	if diff := cmp.Diff(want, d.remembered(7)["c"]); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
	d.forgetOld()
	if got := d.remembered(7)["c"]; len(got) != len(want) {
		t.Errorf("forgotten once: %v", got)
	}
	d.forgetOld()
	if got := d.remembered(7); len(got) != 0 {
		t.Errorf("forgotten twice: %v", got)
	}
}
