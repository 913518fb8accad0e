package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// framesDir has one file for each frame, body and answer of the protocol: the
// bytes on the wire and a newline. The names begin with what they are.
const framesDir = "../../testdata/frames"

func frameNames(t testing.TB, prefix string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(framesDir, prefix+"*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no frames %q: %v", prefix, err)
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(filepath.Base(f), ".json")
	}
	return names
}

func readFrame(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(framesDir, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	frame, ok := strings.CutSuffix(string(text), "\n")
	if !ok {
		t.Fatalf("%s does not end with a newline", name)
	}
	return []byte(frame)
}
