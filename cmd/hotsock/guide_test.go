package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/need"
)

const guide = "../../docs/command-line.md"

// TestGuide runs the blocks of the guide in a shell, one after the other.
func TestGuide(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: starts processes, and waits for seconds")
	}
	bash := need.Program(t, "bash", "bash")
	need.Program(t, "jq", "jq")
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	_, url := newServer(t)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"secret.txt": testSecret + "\n",
		"hotsock":    fmt.Sprintf("#!/bin/sh\n%s=1 exec %q \"$@\"\n", programEnv, os.Args[0]),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	blocks := strings.Split(string(text), "\n```sh\n")[1:]
	ran := 0
	var settings string
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(block, "go install "), strings.Contains(block, "\ngo run "):
			continue
		case strings.HasPrefix(block, "export "):
			settings, block, _ = strings.Cut(strings.ReplaceAll(block, "http://127.0.0.1:8080/rt", url), "\n\n")
			settings += "\n"
		case block == "hotsock tail room.7\n":
			block = "hotsock tail room.7 --for 100ms\n" // Nobody is there to press Ctrl-C.
		}
		ran++
		cmd := exec.CommandContext(t.Context(), bash, "-euo", "pipefail", "-c", settings+block)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOTSOCK_API_KEY=" + testAPIKey}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s\n%s", err, block, out)
		}
	}
	if ran < 6 {
		t.Errorf("only %d blocks ran", ran)
	}
}

// TestGuideExitCodes: the guide's table is that of the help.
func TestGuideExitCodes(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(exitCodes) {
		code, means, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if ok && !strings.Contains(string(text), "| "+code+" | "+means+" |\n") {
			t.Errorf("the guide has no row for %s", line)
		}
	}
}
