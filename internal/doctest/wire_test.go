package doctest

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// original are the events that clients of Hotsock know.
var original = []string{
	"channelStorageData", "channelStorageGet", "channelStorageSet", "channelStorageUpdated", "connected", "error", "heartbeat",
	"keepAlive", "memberAdded", "memberRemoved", "memberUpdated", "messageReaction", "messageReactionAdded",
	"messageReactionRemoved", "ping", "pong", "subscribe", "subscribed", "umdUpdate", "unsubscribe", "unsubscribed",
}

// TestExtensions holds the list of extensions to the code: each event that a client of
// Hotsock does not know is in it.
func TestExtensions(t *testing.T) {
	_, list, _ := strings.Cut(read(t, protocol), "\n## 17 Extensions\n")
	list, _, ok := strings.Cut(list, "\nWhere the Hotsock documentation is silent")
	if !ok {
		t.Fatal("there is no list of extensions")
	}
	files, err := filepath.Glob(filepath.Join(root, "internal/wire/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	event := regexp.MustCompile(`"hotsock\.([A-Za-z]+)"`)
	found := make(map[string]bool)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range event.FindAllStringSubmatch(read(t, "internal/wire/"+filepath.Base(file)), -1) {
			found[m[1]] = true
			if !slices.Contains(original, m[1]) && !strings.Contains(list, "`hotsock."+m[1]+"`") {
				t.Errorf("section 17 does not list hotsock.%s", m[1])
			}
		}
	}
	for _, name := range original {
		if !found[name] {
			t.Errorf("hotsock.%s is not in the code", name)
		}
	}
}

// TestAddresses holds the table of addresses to the routes of the server's HTTP API.
func TestAddresses(t *testing.T) {
	var want []string
	methods := regexp.MustCompile(`http\.Method([A-Z][a-z]+)`)
	for _, m := range regexp.MustCompile(`(?m)^\tending\("([^"]+)", (.*)\),$`).FindAllStringSubmatch(read(t, "http_routes.go"), -1) {
		for _, method := range methods.FindAllStringSubmatch(m[2], -1) {
			want = append(want, strings.ToUpper(method[1])+" "+m[1])
		}
	}
	open := regexp.MustCompile(`\{[^}]*\}`)
	var got []string
	for _, row := range rows(t, read(t, protocol), "| request | what it is |") {
		if !strings.Contains(row[1], "server's HTTP API") {
			continue
		}
		var before []string // methods of the path that follows
		for _, m := range code.FindAllStringSubmatch(row[0], -1) {
			method, path, whole := strings.Cut(m[1], " /rt/")
			before = append(before, method)
			if !whole {
				continue
			}
			for _, method := range before {
				got = append(got, method+" "+open.ReplaceAllString(path, "*"))
			}
			before = nil
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-code +documented):\n%s", diff)
	}
}
