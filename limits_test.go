package hotsock

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// TestLimits holds the table of docs/protocol.md to the limits of the code: a
// row for each, with its value, and a star if an option changes it.
func TestLimits(t *testing.T) {
	var o Options
	o.setDefaults()
	want := [][2]string{
		{"channel name", charactersText(protocol.MaxChannel)},
		{"event, storage key, method", charactersText(protocol.MaxEvent)},
		{"`uid`", charactersText(protocol.MaxUID)},
		{"`umd`", sizeText(o.MaxMetadataSize) + " *"},
		{"`data` of a message, value of an entry", sizeText(o.MaxDataSize) + " *"},
		{"the same, of a message to which is appended", sizeText(o.MaxStreamSize) + " *"},
		{"frames of a stream", fmt.Sprintf("one in %d ms usually, one in %d ms at the most", streamPause.Milliseconds(), leastFlushPause.Milliseconds())},
		{"nesting of JSON", fmt.Sprintf("%d levels", protocol.MaxDepth)},
		{"reaction", sizeText(protocol.MaxReaction)},
		{"`params` of a call", sizeText(o.MaxDataSize) + " *, as `data`"},
		{"result of a call", sizeText(maxResult)},
		{"calls of a connection under way", countText(o.MaxCalls) + " *"},
		{"`ref`", charactersText(wire.MaxRef)},
		{"reason of the app for an end", sizeText(maxReason)},
		{"`deduplicationId`", fmt.Sprintf("%s, remembered for %.0f minutes *", sizeText(maxDeduplicationID), o.DeduplicationWindow.Minutes())},
		{"token", sizeText(protocol.MaxToken)},
		{"keys of an object of permissions", countText(protocol.MaxClaimKeys)},
		{"one WebSocket message of a client", sizeText(o.MaxFrameSize) + " *"},
		{"one HTTP body", sizeText(o.MaxBodySize) + " *"},
		{"time for it to arrive", fmt.Sprintf("%.0f seconds, and one more for each %s that has come", bodyTimeout.Seconds(), sizeText(bodyRate))},
		{"what waits for a client that is slow to read", sizeText(o.MaxQueueSize) + " *"},
		{"what waits for all such clients of a node", sizeText(o.MaxTotalQueueSize) + " *"},
		{"members of a presence channel", sizeText(o.MaxMembersSize) + " of JSON *"},
		{"the same, for clients that follow changes", sizeText(o.MaxPresenceSize) + " of JSON *"},
		{"page of members, and a frame of changes of members", sizeText(memberPage)},
		{"frames of a channel's info", fmt.Sprintf("one in %d ms", infoPause.Milliseconds())},
		{"frames of changes of members", fmt.Sprintf("one in %d ms, or several for many changes", memberBatchPause.Milliseconds())},
		{"lists of members that a connection is sent when members change", fmt.Sprintf("%s a second, %s after a pause", sizeText(memberListRate), sizeText(memberListBurst))},
		{"subscriptions of a connection", countText(o.MaxSubscriptions) + " *"},
		{"of these, those that wait for the store or for keys", sizeText(maxRetryBytes)},
		{"clocks that differ, for the times of a token", fmt.Sprintf("%.0f seconds *", o.ClockSkew.Seconds())},
		{"schedules pending on a channel, for a client to add one", countText(o.MaxSchedules) + " *"},
		{"of these, those of one `uid`, or of a connection without one", fmt.Sprintf("1/%d, at least %d", userShare, leastUserSchedules)},
		{"reactions to a message, for a client to add one", countText(o.MaxReactions) + " *"},
		{"of these, those of one `uid`", countText(maxUserReactions)},
		{"different reactions to a message", countText(maxDifferentReactions)},
		{"reactions that `expandReactions` tells of, to each message", countText(maxReactors) + ", and one's own"},
		{"storage entries that a client is shown at once", sizeText(o.MaxQueueSize) + " *, as what waits for it"},
		{"storage keys looked through for those that a pattern permits", countText(maxScan)},
		{"missed messages that a client is sent at once", sizeText(o.MaxQueueSize) + " *, as what waits for it"},
		{"kept messages that a subscribe brings", fmt.Sprintf("%s, %s", countText(wire.MaxRewind), sizeText(maxRewindBytes))},
		{"page", fmt.Sprintf("%d entries, %s", wire.MaxPage, sizeText(maxPageSize))},
		{"`keys` of a storage list", countText(wire.MaxKeys)},
		{"messages of a batch", countText(wire.MaxBatch)},
		{"erasures that are not done", countText(maxErasures)},
		{"`store`", countText(protocol.MaxStore) + " seconds (a hundred years), or -1"},
		{"connection", fmt.Sprintf("%.0f hours *", o.MaxConnectionDuration.Hours())},
		{"receiving nothing of what waits", fmt.Sprintf("%.0f seconds *", o.WriteTimeout.Seconds())},
		{"no message from either side", fmt.Sprintf("%.0f minutes *", o.IdleTimeout.Minutes())},
		{"silence of the client", fmt.Sprintf("%.0f seconds *, and %.0f seconds * after a ping", o.PingInterval.Seconds(), o.PongTimeout.Seconds())},
		{"catching up with what was not kept", fmt.Sprintf("%.0f minutes *, %s messages a channel *", o.ReplayWindow.Minutes(), countText(o.ReplayLimit))},
	}
	if protocol.MaxEvent != protocol.MaxKey {
		t.Error("events and keys share a row of the table")
	}
	if diff := cmp.Diff(want, tableOfLimits(t)); diff != "" {
		t.Errorf("limits (-code +docs/protocol.md):\n%s", diff)
	}
}

// tableOfLimits reads the rows of the document's table.
func tableOfLimits(t *testing.T) [][2]string {
	t.Helper()
	text, err := os.ReadFile("docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\n| what | limit |\n| --- | --- |\n")
	table, _, _ := strings.Cut(after, "\n\n")
	var rows [][2]string
	for _, m := range regexp.MustCompile(`(?m)^\| (.+) \| (.+) \|$`).FindAllStringSubmatch(table, -1) {
		rows = append(rows, [2]string{m[1], m[2]})
	}
	return rows
}

func charactersText(n int) string { return countText(n) + " characters" }

// sizeText names a size as the document does: 4 MiB, 100 KB, 128 bytes.
func sizeText(n int) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	case n%1_000_000 == 0:
		return fmt.Sprintf("%d MB", n/1_000_000)
	case n%1000 == 0:
		return fmt.Sprintf("%d KB", n/1000)
	}
	return fmt.Sprintf("%d bytes", n)
}

// countText writes a number with a comma between thousands.
func countText(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
