package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files of help texts")

// TestHelp holds the help to testdata/help, which shows a reviewer what users see:
// go test ./cmd/hotsock -run TestHelp -update writes it.
func TestHelp(t *testing.T) {
	x := &terminal{t, nil}
	golden := map[string]string{"overview": x.must("")}
	for _, c := range commands {
		golden[strings.ReplaceAll(c.name, " ", "-")] = x.must("", append(strings.Fields(c.name), "--help")...)
	}
	for name, got := range golden {
		file := filepath.Join("testdata", "help", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what is printed now:\n%s", file, got)
		}
		for line := range strings.Lines(got) {
			if len([]rune(line)) > 101 {
				t.Errorf("%s: too wide for a terminal: %s", name, line)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "help", "*"))
	if err != nil || len(files) != len(golden) {
		t.Errorf("%d files for %d texts: %v", len(files), len(golden), err)
	}
}

// TestHelpIsReached: whatever way somebody asks.
func TestHelpIsReached(t *testing.T) {
	x := &terminal{t, nil}
	for _, row := range []struct {
		why  string
		args []string
		has  string
	}{
		{"no arguments", nil, "hotsock COMMAND"},
		{"a word", []string{"help"}, "hotsock COMMAND"},
		{"a flag", []string{"--help"}, "hotsock COMMAND"},
		{"of a command, as a word", []string{"help", "tail"}, "hotsock tail CHANNEL..."},
		{"of a command of two words", []string{"help", "token", "mint"}, "hotsock token mint [FLAGS]"},
		{"of a command, in the middle", []string{"tail", "room", "-h", "--json"}, "hotsock tail CHANNEL..."},
		{"of a group", []string{"token", "--help"}, "token inspect"},
	} {
		if code, out, errs := x.run("", row.args...); code != exitOK || !strings.Contains(out, row.has) || errs != "" {
			t.Errorf("%s: exit code %d, %q, %q", row.why, code, out, errs)
		}
	}
}

// TestExamples: what the help shows has no flag and no command that is not there.
func TestExamples(t *testing.T) {
	byName := make(map[string]*command)
	for i := range commands {
		byName[commands[i].name] = &commands[i]
	}
	checked := 0
	for _, c := range commands {
		for line := range strings.Lines(c.examples) {
			for _, call := range strings.Split(line, "hotsock ")[1:] {
				words := strings.Fields(call)
				used := byName[words[0]]
				if len(words) > 1 && used == nil {
					used = byName[words[0]+" "+words[1]]
				}
				if used == nil {
					t.Errorf("%s: there is no command in %q", c.name, line)
					continue
				}
				f := flag.NewFlagSet("", flag.ContinueOnError)
				used.define(f)
				call, _, _ = strings.Cut(call, " | ")
				call, _, _ = strings.Cut(call, "#")
				for w := range strings.FieldsSeq(call) {
					if name, ok := strings.CutPrefix(w, "--"); ok && f.Lookup(strings.TrimRight(name, `)"'`)) == nil {
						t.Errorf("%s: %s has no flag %s", c.name, used.name, w)
					}
				}
				checked++
			}
		}
	}
	if checked < 3*len(commands) {
		t.Errorf("%d examples for %d commands", checked, len(commands))
	}
}
