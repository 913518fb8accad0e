package browsertest

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock"
)

var (
	declaredClass  = regexp.MustCompile(`(?ms)^export class (\w+).*?^}`)
	declaredMember = regexp.MustCompile(`(?m)^  (?:readonly )?(\w+)[?<(:]`)
)

// TestClientIsDeclared compares the public names of the classes with those in
// client.d.ts, both ways.
func TestClientIsDeclared(t *testing.T) {
	t.Parallel()
	types, err := os.ReadFile("../../js/client.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	declared := make(map[string][]string)
	for _, class := range declaredClass.FindAllStringSubmatch(string(types), -1) {
		for _, m := range declaredMember.FindAllStringSubmatch(class[0], -1) {
			if m[1] != "constructor" {
				declared[class[1]] = append(declared[class[1]], m[1])
			}
		}
	}
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{}`)
	there := run[map[string][]string](p, `
		const names = (object) => {
			const all = new Set();
			for (let o = object; o !== Object.prototype && o !== Error.prototype; o = Object.getPrototypeOf(o)) {
				Object.getOwnPropertyNames(o).forEach((name) => all.add(name));
			}
			return [...all].filter((name) => !["constructor", "name", "stack", "message"].includes(name));
		};
		const error = new hotsock.HotsockError("X");
		Object.assign(error, { channel: "room", reason: "" }); // as errors of the server have
		return { Client: names(client), Channel: [...names(client.channel("room")), "name"], HotsockError: names(error) };
	`)
	for _, all := range []map[string][]string{declared, there} {
		for class, names := range all {
			slices.Sort(names)
			all[class] = slices.Compact(names)
		}
	}
	if diff := cmp.Diff(declared, there); diff != "" {
		t.Errorf("names (-client.d.ts +client.js):\n%s", diff)
	}
}
