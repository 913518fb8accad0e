package permission

import (
	"testing"

	"github.com/hotsock-go/hotsock/token"
)

func TestResolveCall(t *testing.T) {
	for _, test := range []struct {
		connect, subscribe string
		alone, onChannel   bool
		why                string
	}{
		{`{}`, ``, false, false, "the default"},
		{`{"calls":{"m":true}}`, ``, true, false, "without a channel only"},
		{`{"calls":{"m":null,"*":true}}`, ``, true, false, "null is not false"},
		{`{"calls":{"*":true,"#regex:^m$":false}}`, ``, false, false, "a false of any key denies"},
		{`{"calls":{"M":true}}`, ``, false, false, "another case"},
		{`{"channels":{"c":{"calls":{"m":true}}}}`, ``, false, true, "on the channel only"},
		{`{"channels":{"*":{"calls":{"*":true}},"c":{"calls":{"m":false}}}}`, ``, false, false, "a false under another channel key"},
		{`{"channels":{"c":{}}}`, `{"calls":{"m":true},"channels":{"c":{"calls":{"m":true}}}}`, false, true, "a subscribe token adds to the channel, and to nothing else"},
		{`{"channels":{"c":{"calls":{"m":false}}}}`, `{"channels":{"c":{"calls":{"m":true}}}}`, false, false, "a subscribe token does not overrule a false"},
	} {
		connect := grantOf(t, test.connect)
		var subscribe *Grant
		if test.subscribe != "" {
			subscribe = grantOf(t, test.subscribe)
		}
		if r := connect.ResolveCall("m"); r.MayCall() != test.alone {
			t.Errorf("%s: may call without a channel: %v", test.why, r.MayCall())
		}
		if r := Resolve("c", connect, Added{Subscribe: subscribe}).ResolveCall("m"); r.MayCall() != test.onChannel {
			t.Errorf("%s: may call on the channel: %v", test.why, r.MayCall())
		}
	}
}

func TestResolveCallTellsTheKey(t *testing.T) {
	r := grantOf(t, `{"calls":{"order.*":true,"order.cancel":false}}`).ResolveCall("order.cancel")
	if len(r.Matches) != 2 || r.Call.By != 0 || r.Matches[0].Key != "order.cancel" || *r.Matches[0].Claims != token.Deny {
		t.Errorf("got %+v", r)
	}
}
