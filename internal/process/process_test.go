package process

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const childEnv = "PROCESS_TEST_CHILD"

// TestMain is also the program that the tests run.
func TestMain(m *testing.M) {
	if line := os.Getenv(childEnv); line != "" {
		_, _ = os.Stdout.WriteString("first\n" + line)
		<-time.After(time.Hour)
	}
	os.Exit(m.Run())
}

func child(t *testing.T, writes string) *Process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+writes)
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestProcess(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		why string
		how func(*Process)
	}{
		{"killed", (*Process).Kill},
		{"asked to", (*Process).Terminate},
		{"killed while it stands still", func(p *Process) { p.Freeze(); p.Kill() }},
		{"asked to after it stood still", func(p *Process) { p.Freeze(); p.Thaw(); p.Terminate() }},
	} {
		t.Run(end.why, func(t *testing.T) {
			t.Parallel()
			p := child(t, "listening at here\n")
			if got := <-p.Log.After("listening at "); got != "here" {
				t.Errorf("the rest of the line is %q", got)
			}
			end.how(p)
			select {
			case <-p.Ended:
			default:
				t.Error("it has not ended")
			}
			if err := p.Failed(); !strings.HasSuffix(err.Error(), "first\nlistening at here\n") {
				t.Errorf("it says %v", err)
			}
		})
	}
}

// TestNodeThatEnds: who waits for a node to listen is told why it never will.
func TestNodeThatEnds(t *testing.T) {
	t.Parallel()
	if _, _, err := Node(os.Args[0], "-such-a-flag"); err == nil || !strings.Contains(err.Error(), "flag provided but not defined") {
		t.Errorf("a node that does not know its flags: %v", err)
	}
	if _, _, err := Node("there is no such program"); err == nil {
		t.Error("a program that is not there has started")
	}
}

// TestLog: a line is found when it is whole, whenever it comes, and what is kept has
// a bound.
func TestLog(t *testing.T) {
	t.Parallel()
	l := newLog()
	found := l.After("port ")
	for _, part := range []string{"at po", "rt 8", "0"} {
		_, _ = l.Write([]byte(part))
		select {
		case got := <-found:
			t.Fatalf("found %q in a part of a line", got)
		default:
		}
	}
	_, _ = l.Write([]byte("81\nport 2\n"))
	if got := <-found; got != "8081" {
		t.Errorf("found %q", got)
	}
	if got := <-l.After("port 2"); got != "" {
		t.Errorf("found %q behind what was there before", got)
	}
	for range 3 * maxLog >> 16 {
		_, _ = l.Write(bytes.Repeat([]byte("x"), 1<<16))
	}
	_, _ = l.Write([]byte("end"))
	if got := l.String(); len(got) < maxLog || len(got) > 2*maxLog || !strings.HasSuffix(got, "end") {
		t.Errorf("%d bytes are kept, want the end of the log", len(got))
	}
}
