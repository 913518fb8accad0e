package permission

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock/token"
)

// resolveChannel resolves the channel "c" from the channels of a connect token and
// of a subscribe token, "" for none.
func resolveChannel(t testing.TB, connect, subscribe string) *Channel {
	t.Helper()
	var added Added
	if subscribe != "" {
		added.Subscribe = grantOf(t, `{"channels":`+subscribe+`}`)
	}
	return Resolve("c", grantOf(t, `{"channels":`+connect+`}`), added)
}

func TestResolveBooleans(t *testing.T) {
	for _, test := range []struct {
		connect, subscribe string
		want               bool
		why                string
	}{
		{`{}`, ``, false, "the default"},
		{`{"d":{"subscribe":true}}`, ``, false, "another channel's key"},
		{`{"c":{"subscribe":true}}`, ``, true, "exact"},
		{`{"*":{"subscribe":true}}`, ``, true, "wildcard"},
		{`{"#regex:^c$":{"subscribe":true}}`, ``, true, "regex"},
		{`{"c":{"subscribe":true},"*":{"subscribe":false}}`, ``, false, "a false of a wildcard denies"},
		{`{"c":{"subscribe":false},"*":{"subscribe":true}}`, ``, false, "a false of the exact key denies"},
		{`{"c":{"subscribe":true},"#regex:c":{"subscribe":false}}`, ``, false, "a false of a regex denies"},
		{`{"c":{},"*":{"subscribe":true}}`, ``, true, "absent is not false"},
		{`{"c":{"subscribe":false}}`, `{"c":{"subscribe":true}}`, false, "a false of the connect token denies"},
		{`{"c":{"subscribe":true}}`, `{"*":{"subscribe":false}}`, false, "a false of the subscribe token denies"},
		{`{}`, `{"c":{"subscribe":true}}`, true, "the subscribe token adds"},
	} {
		// The same rules hold for every boolean.
		for _, name := range []string{"subscribe", "getInfo", "omitFromSubCount"} {
			connect := strings.ReplaceAll(test.connect, "subscribe", name)
			subscribe := strings.ReplaceAll(test.subscribe, "subscribe", name)
			c := resolveChannel(t, connect, subscribe)
			got := map[string]bool{"subscribe": c.Subscribe, "getInfo": c.GetInfo, "omitFromSubCount": c.OmitFromSubCount}[name]
			if got != test.want {
				t.Errorf("%s and %s: %s is %t, want %t: %s", connect, subscribe, name, got, test.want, test.why)
			}
		}
	}
}

func TestResolveAutoSubscribe(t *testing.T) {
	for _, test := range []struct {
		connect, subscribe string
		may                bool
		auto               []string
		why                string
	}{
		{`{"c":{"autoSubscribe":true}}`, ``, true, []string{"c"}, "implies subscribe"},
		{`{"c":{"autoSubscribe":true,"subscribe":true}}`, ``, true, []string{"c"}, "both"},
		{`{"c":{"autoSubscribe":true,"subscribe":false}}`, ``, false, nil, "subscribe is explicitly false"},
		{`{"c":{"autoSubscribe":true},"*":{"subscribe":false}}`, ``, false, nil, "subscribe is false by another key"},
		{`{"c":{"autoSubscribe":false}}`, ``, false, nil, "false"},
		{`{"c":{"autoSubscribe":false},"*":{"subscribe":true}}`, ``, true, nil, "its false does not take subscribe away"},
		{`{}`, `{"c":{"autoSubscribe":true}}`, false, nil, "ignored in a subscribe token"},
		{`{"c":{"autoSubscribe":true}}`, `{"c":{"autoSubscribe":false}}`, true, []string{"c"}, "ignored in a subscribe token"},
		{`{"b":{"autoSubscribe":true},"z":{"autoSubscribe":true},"a":{"autoSubscribe":true},"c":{"autoSubscribe":true,"subscribe":false}}`, ``, false, []string{"a", "b", "z"}, "sorted"},
	} {
		c := resolveChannel(t, test.connect, test.subscribe)
		if c.Subscribe != test.may {
			t.Errorf("%s and %s: subscribe is %t, want %t: %s", test.connect, test.subscribe, c.Subscribe, test.may, test.why)
		}
		auto := grantOf(t, `{"channels":`+test.connect+`}`).AutoSubscribe
		if len(auto)+len(test.auto) > 0 && !cmp.Equal(auto, test.auto) {
			t.Errorf("%s: subscribes %q on connecting, want %q: %s", test.connect, auto, test.auto, test.why)
		}
	}
}

func TestResolveHistoryStart(t *testing.T) {
	for _, test := range []struct {
		connect, subscribe string
		want               time.Time
		why                string
	}{
		{`{"c":{}}`, ``, time.Time{}, "none is set"},
		{`{"c":{"historyStart":0}}`, ``, time.Unix(0, 0), "zero is a time, not the absence of one"},
		{`{"c":{"historyStart":5},"*":{"historyStart":9}}`, ``, time.Unix(5, 0), "exact before wildcard"},
		{`{"c":{},"*":{"historyStart":9}}`, ``, time.Unix(9, 0), "of those that set one"},
		{`{"*":{"historyStart":9},"c*":{"historyStart":5}}`, ``, time.Unix(5, 0), "more literal characters before fewer"},
		{`{"#regex:c":{"historyStart":9},"*":{"historyStart":5}}`, ``, time.Unix(5, 0), "wildcard before regex"},
		{`{"c*":{"historyStart":9},"*c":{"historyStart":5}}`, ``, time.Unix(5, 0), "on a tie the key that sorts first"},
		{`{"#regex:c":{"historyStart":9},"#regex:^c":{"historyStart":5}}`, ``, time.Unix(5, 0), "on a tie of regexes too"},
		{`{"c":{"historyStart":9}}`, `{"#regex:c":{"historyStart":5}}`, time.Unix(5, 0), "subscribe token before connect token, however specific"},
		{`{"c":{"historyStart":9}}`, `{"c":{}}`, time.Unix(9, 0), "a subscribe token that sets none changes none"},
	} {
		for range 5 { // a map has no order to depend on
			if got := resolveChannel(t, test.connect, test.subscribe).HistoryStart; !got.Equal(test.want) {
				t.Errorf("%s and %s: history starts at %v, want %v: %s", test.connect, test.subscribe, got, test.want, test.why)
			}
		}
	}
}

func TestResolveAlias(t *testing.T) {
	for _, test := range []struct{ connect, subscribe, want, why string }{
		{`{"*":{}}`, ``, "", "none"},
		{`{"c":{"alias":"x"}}`, ``, "x", "the connect token's"},
		{`{"c":{"alias":"x"}}`, `{"c":{"alias":"y"}}`, "y", "the subscribe token's first"},
		{`{"c":{"alias":"x"}}`, `{"c":{}}`, "x", "where it has one"},
	} {
		if got := resolveChannel(t, test.connect, test.subscribe).Alias; got != test.want {
			t.Errorf("%s and %s: alias %q, want %q: %s", test.connect, test.subscribe, got, test.want, test.why)
		}
	}
}

// eventFields is what an Event says, to be compared.
type eventFields struct {
	publish, broadcast, echo, emit bool
	retention                      time.Duration
	scheduleBefore                 int64 // Unix seconds, 0 for never
}

func TestResolveEvent(t *testing.T) {
	const later = 4000000000
	for _, test := range []struct {
		connect, subscribe string
		want               eventFields
		why                string
	}{
		{`{"c":{}}`, ``, eventFields{}, "the defaults"},
		{`{"c":{"messages":{"e":{"publish":true}}}}`, ``, eventFields{publish: true}, "exact"},
		{`{"c":{"messages":{"e2":{"publish":true}}}}`, ``, eventFields{}, "another event's"},
		{`{"d":{"messages":{"e":{"publish":true}}}}`, ``, eventFields{}, "another channel's"},
		{`{"*":{"messages":{"*":{"publish":true}}}}`, ``, eventFields{publish: true}, "wildcards"},
		{`{"c":{"messages":{"#regex:^e$":{"publish":true}}}}`, ``, eventFields{publish: true}, "regex"},
		{`{"c":{"messages":{"e":{"publish":true},"*":{"publish":false}}}}`, ``, eventFields{}, "a false of another event key denies"},
		{`{"c":{"messages":{"e":{"publish":true}}},"*":{"messages":{"e":{"publish":false}}}}`, ``, eventFields{}, "a false of another channel key denies"},
		{`{"c":{"messages":{"e":{"publish":true}}},"*":{"subscribe":false}}`, ``, eventFields{publish: true}, "subscribe: false takes no messages away"},
		{`{"c":{"messages":{"e":{"publish":true}}}}`, `{"c":{"messages":{"e":{"publish":false}}}}`, eventFields{}, "a false of the subscribe token denies"},
		{`{}`, `{"c":{"messages":{"e":{"publish":true}}}}`, eventFields{publish: true}, "the subscribe token adds"},

		{`{"c":{"messages":{"e":{"broadcast":true}}}}`, ``, eventFields{broadcast: true, publish: true}, "broadcast holds while subscribed too"},
		{`{"c":{"messages":{"e":{"broadcast":true,"publish":true}}}}`, ``, eventFields{broadcast: true, publish: true}, "both"},
		{`{"c":{"messages":{"e":{"broadcast":true,"publish":false}}}}`, ``, eventFields{}, "publish: false takes broadcast away"},
		{`{"c":{"messages":{"e":{"broadcast":true},"*":{"publish":false}}}}`, ``, eventFields{}, "that of any key does"},
		{`{"c":{"messages":{"e":{"broadcast":true}}}}`, `{"c":{"messages":{"e":{"publish":false}}}}`, eventFields{}, "that of the subscribe token does"},
		{`{"c":{"messages":{"e":{"broadcast":true},"*":{"broadcast":false}}}}`, ``, eventFields{}, "broadcast: false denies"},
		{`{"c":{"messages":{"e":{"broadcast":false,"publish":true}}}}`, ``, eventFields{publish: true}, "broadcast: false leaves publish"},
		{`{}`, `{"c":{"messages":{"e":{"broadcast":true}}}}`, eventFields{}, "broadcast is ignored in a subscribe token"},
		{`{"c":{"messages":{"e":{"broadcast":true}}}}`, `{"c":{"messages":{"e":{"broadcast":false}}}}`, eventFields{broadcast: true, publish: true}, "broadcast is ignored in a subscribe token"},

		{`{"c":{"messages":{"e":{"echo":true,"emitPubSubEvent":true}}}}`, ``, eventFields{echo: true, emit: true}, "echo and emit"},
		{`{"c":{"messages":{"e":{"echo":true,"emitPubSubEvent":true},"*":{"echo":false,"emitPubSubEvent":false}}}}`, ``, eventFields{}, "a false denies echo and emit"},

		{`{"c":{"messages":{"e":{"store":60,"scheduleBefore":4000000000}}}}`, ``, eventFields{retention: time.Minute, scheduleBefore: later}, "numbers"},
		{`{"c":{"messages":{"e":{"store":-1}}}}`, ``, eventFields{retention: token.Forever}, "for ever"},
		{`{"c":{"messages":{"e":{"store":0},"*":{"store":60}}}}`, ``, eventFields{}, "zero is a number that is set"},
		{`{"c":{"messages":{"e":{},"*":{"store":60}}}}`, ``, eventFields{retention: time.Minute}, "the most specific of those that set one"},
		{`{"c":{"messages":{"*":{"store":60}}},"*":{"messages":{"e":{"store":30}}}}`, ``, eventFields{retention: time.Minute}, "the channel key's specificity counts before the event key's"},
		{`{"c":{"messages":{"*":{"store":30},"e*":{"store":60}}}}`, ``, eventFields{retention: time.Minute}, "then the event key's"},
		{`{"c":{"messages":{"e":{"store":30,"scheduleBefore":1}}}}`, `{"*":{"messages":{"*":{"store":60,"scheduleBefore":4000000000}}}}`, eventFields{retention: time.Minute, scheduleBefore: later}, "the subscribe token's counts before all"},
		{`{"c":{"messages":{"e":{"scheduleBefore":4000000000}}}}`, `{"c":{"messages":{"e":{"store":60}}}}`, eventFields{retention: time.Minute, scheduleBefore: later}, "each number by itself"},
	} {
		e := resolveChannel(t, test.connect, test.subscribe).Event("e")
		got := eventFields{e.Publish, e.Broadcast, e.Echo, e.Emit, e.Retention, max(0, e.ScheduleBefore.Unix())}
		if got != test.want {
			t.Errorf("%s and %s:\n got %+v\nwant %+v: %s", test.connect, test.subscribe, got, test.want, test.why)
		}
	}
}

func TestResolveReactions(t *testing.T) {
	for _, test := range []struct {
		connect, subscribe string
		want               string // of the reactions a, b and c
		why                string
	}{
		{`{"e":{}}`, `{}`, "", "the default"},
		{`{"e":{"react":true}}`, `{}`, "abc", "true allows every reaction"},
		{`{"e":{"react":false}}`, `{}`, "", "false"},
		{`{"e":{"react":["a","b"]}}`, `{}`, "ab", "an array"},
		{`{"e":{"react":[]}}`, `{}`, "", "an empty array"},
		{`{"e":{"react":["a"]},"*":{"react":["c"]}}`, `{}`, "ac", "the union of arrays"},
		{`{"e":{"react":["a"]}}`, `{"e":{"react":["b"]}}`, "ab", "the union over both tokens"},
		{`{"e":{"react":["a"]},"*":{"react":true}}`, `{}`, "abc", "true beats an array"},
		{`{"e":{"react":["a"]},"*":{"react":false}}`, `{}`, "", "false beats an array"},
		{`{"e":{"react":true}}`, `{"*":{"react":false}}`, "", "false beats true"},
	} {
		e := resolveChannel(t, `{"c":{"messages":`+test.connect+`}}`, `{"c":{"messages":`+test.subscribe+`}}`).Event("e")
		got := ""
		for _, r := range []string{"a", "b", "c"} {
			if e.MayReact(r) {
				got += r
			}
		}
		if got != test.want {
			t.Errorf("%s and %s: may react with %q, want %q: %s", test.connect, test.subscribe, got, test.want, test.why)
		}
	}
}

func TestResolveEntry(t *testing.T) {
	for _, test := range []struct {
		connect, subscribe string
		want               Entry
		why                string
	}{
		{`{}`, `{}`, Entry{Retention: token.Forever}, "the defaults"},
		{`{"k":{"get":true,"set":true,"observe":true,"emitPubSubEvent":true}}`, `{}`, Entry{Get: true, Set: true, Observe: true, Emit: true, Retention: token.Forever}, "exact"},
		{`{"k2":{"get":true}}`, `{}`, Entry{Retention: token.Forever}, "another key's"},
		{`{"#regex:^k":{"get":true},"*":{"set":true}}`, `{"k*":{"observe":true}}`, Entry{Get: true, Set: true, Observe: true, Retention: token.Forever}, "patterns of both tokens"},
		{`{"k":{"get":true,"set":true,"observe":true,"emitPubSubEvent":true}}`, `{"*":{"get":false,"set":false,"observe":false,"emitPubSubEvent":false}}`, Entry{Retention: token.Forever}, "a false denies"},
		{`{"k":{"store":60},"*":{"store":30}}`, `{}`, Entry{Retention: time.Minute}, "the most specific number"},
		{`{"k":{"store":30,"scheduleBefore":1}}`, `{"*":{"store":60,"scheduleBefore":9}}`, Entry{Retention: time.Minute, ScheduleBefore: time.Unix(9, 0).UTC()}, "the subscribe token's number first"},
		{`{"k":{"store":30}}`, `{"*":{"store":-1}}`, Entry{Retention: token.Forever}, "for ever is a number that is set"},
	} {
		got := *resolveChannel(t, `{"c":{"storage":`+test.connect+`}}`, `{"c":{"storage":`+test.subscribe+`}}`).Entry("k")
		if got != test.want {
			t.Errorf("%s and %s:\n got %+v\nwant %+v: %s", test.connect, test.subscribe, got, test.want, test.why)
		}
	}
}

func TestResolveWhetherAnyEntry(t *testing.T) {
	for _, test := range []struct {
		connect, subscribe string
		get, observe       bool
	}{
		{`{"c":{"storage":{"k":{"set":true,"get":false,"observe":false}}}}`, `{}`, false, false},
		{`{"c":{"storage":{"k":{"get":true}}}}`, `{}`, true, false},
		{`{"c":{"storage":{"k":{"observe":true}}}}`, `{}`, false, true},
		{`{}`, `{"*":{"storage":{"*":{"get":true,"observe":true}}}}`, true, true},
		{`{"d":{"storage":{"k":{"get":true,"observe":true}}}}`, `{}`, false, false},
	} {
		c := resolveChannel(t, test.connect, test.subscribe)
		get := len(c.KeyRanges(func(s *token.StorageClaims) bool { return s.Get == token.Allow })) > 0
		observe := len(c.KeyRanges(func(s *token.StorageClaims) bool { return s.Observe == token.Allow })) > 0
		if get != test.get || observe != test.observe {
			t.Errorf("%s and %s: get %t, observe %t", test.connect, test.subscribe, get, observe)
		}
	}
}

func TestDecisionsAreRememberedWithinABound(t *testing.T) {
	c := ofConnection(t, `{"c":{"messages":{"*":{"publish":true}},"storage":{"*":{"get":true}}}}`)
	first, entry := c.Event("first"), c.Entry("first")
	if c.Event("first") != first || c.Entry("first") != entry {
		t.Error("decided twice in a row")
	}
	for i := range decisionCacheSize / decisionSize {
		name := fmt.Sprint("other", i)
		if !c.Event(name).Publish || !c.Entry(name).Get {
			t.Fatalf("%s is not permitted", name)
		}
	}
	if c.Event("first") == first || c.Entry("first") == entry {
		t.Error("a decision is still there after a cacheful of others")
	}
}

// ofConnection is the grant of the channel "c" as a connection has it.
func ofConnection(t testing.TB, connect string) *Channel {
	t.Helper()
	return NewConnection(grantOf(t, `{"channels":`+connect+`}`)).Channel("c")
}

func TestChannelIsSafeForConcurrentUse(t *testing.T) {
	c := ofConnection(t, `{"c":{"messages":{"e1*":{"publish":true}},"storage":{"e1*":{"get":true}}}}`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				name := fmt.Sprint("e", i)
				want := strings.HasPrefix(name, "e1")
				if c.Event(name).Publish != want || c.Entry(name).Get != want {
					t.Errorf("%s: want %t", name, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestRememberedDecisionsAllocateNothing(t *testing.T) {
	c := ofConnection(t, `{"c":{"messages":{"#regex:^e$":{"publish":true}},"storage":{"*":{"get":true}}}}`)
	if n := testing.AllocsPerRun(100, func() { c.Event("e"); c.Entry("e") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEventRemembered(b *testing.B) {
	c := ofConnection(b, `{"c":{"messages":{"#regex:^e[a-z]+$":{"publish":true}}}}`)
	b.ReportAllocs()
	for b.Loop() {
		c.Event("event")
	}
}

func BenchmarkEventDecided(b *testing.B) {
	c := resolveChannel(b, `{"c":{"messages":{"#regex:^e[a-z]+$":{"publish":true},"*":{"echo":true}}},"*":{}}`, ``)
	b.ReportAllocs()
	for b.Loop() {
		c.decideEvent("event")
	}
}

func BenchmarkResolve(b *testing.B) {
	g := grantOf(b, `{"channels":{"c":{"subscribe":true},"room.*":{},"#regex:^c[a-z]*$":{"getInfo":true}}}`)
	b.ReportAllocs()
	for b.Loop() {
		Resolve("c", g, Added{})
	}
}
