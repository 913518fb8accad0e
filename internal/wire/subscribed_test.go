package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSubscribedHasEverythingAtOnce(t *testing.T) {
	got := AppendSubscribed(nil, &Subscribed{
		Channel: "presence.a", Alias: "a", AutoSubscribed: true, Members: func(b []byte) []byte { return b },
		CatchUp: true, LastID: idA, Recovered: RecoveryDone, Ref: "r",
	})
	const want = `{"event":"hotsock.subscribed","channel":"presence.a",` +
		`"data":{"autoSubscribed":true,"members":[],"recovered":true,"lastId":"01JA3HVNF6E89HDT1ABRFWJ8C8"},` +
		`"meta":{"channelAlias":"a","uid":null,"umd":null},"ref":"r"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A store may know no position.
func TestSubscribedWithoutPosition(t *testing.T) {
	got := AppendSubscribed(nil, &Subscribed{Channel: "c", CatchUp: true})
	const want = `{"event":"hotsock.subscribed","channel":"c","data":{"lastId":null},"meta":{"uid":null,"umd":null}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
