package client

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The codes are those of the protocol.
func TestCodes(t *testing.T) {
	doc, err := os.ReadFile("../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| code | HTTP | what it means |")
	var want []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-Z_]+) \| \d+ \|`).FindAllStringSubmatch(table, -1) {
		want = append(want, row[1])
	}
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range regexp.MustCompile(`Code = "([A-Z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		got = append(got, line[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 20 {
		t.Errorf("codes (-protocol.md +errors.go):\n%s", diff)
	}
}

func TestErrorIs(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", &Error{Code: CodeNotSubscribed, Message: "not subscribed"})
	if !errors.Is(err, &Error{Code: CodeNotSubscribed}) || errors.Is(err, &Error{Code: CodeInternal}) {
		t.Error("codes are not compared")
	}
	if errors.Is(err, &Error{Code: CodeNotSubscribed, Message: "another message"}) {
		t.Error("the message is ignored")
	}
}
