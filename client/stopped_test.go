package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

// stoppedURL has this test binary be a program that is stopped, and names the
// server.
const stoppedURL = "HOTSOCK_CLIENT_TEST_STOPPED_URL"

// A program that was stopped, as by a laptop's sleep, reads what has arrived
// before it finds that it is late: the connection stands, and answers count.
func TestStoppedProgram(t *testing.T) {
	if url := os.Getenv(stoppedURL); url != "" {
		stoppedProgram(t, url)
		return
	}
	if testing.Short() {
		t.Skip("not with -short: takes 18 seconds")
	}
	t.Parallel()
	s := newSite(t, nil)
	x, url := s.proxy()
	x.Delay(300 * time.Millisecond)
	program := exec.Command(os.Args[0], "-test.run=^TestStoppedProgram$", "-test.v")
	program.Env = append(os.Environ(), stoppedURL+"="+url)
	program.Stderr = os.Stderr
	in, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch line := lines.Text(); line {
		case "asks":
			await.Pass(100*time.Millisecond, "so that it waits for the answer, which comes after three times that")
			for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
				if err := program.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				if s == syscall.SIGSTOP {
					await.Pass(2500*time.Millisecond, "longer than its patience")
				}
			}
			if _, err := io.WriteString(in, "on\n"); err != nil {
				t.Fatal(err)
			}
		case "well":
			return
		}
	}
	t.Error("the program has failed")
}

func stoppedProgram(t *testing.T, url string) {
	var st states
	c, err := New(Options{URL: url, Token: tokens("Jim", nil), OnState: st.add, HeartbeatInterval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Connect(soon(t)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(os.Stdin)
	ask := func(what string, f func(context.Context) error) {
		fmt.Fprintln(os.Stdout, "asks")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := f(ctx); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		in.Scan() // It has been stopped.
	}
	for range 2 {
		ask("publish", func(ctx context.Context) error {
			_, err := c.Publish(ctx, "room", "e", nil)
			return err
		})
		ask("request", func(ctx context.Context) error {
			_, err := c.ChannelInfo(ctx, "room")
			return err
		})
		ask("subscribe", func(ctx context.Context) error {
			s, err := c.Subscribe(ctx, "room", nil)
			if err == nil {
				err = s.Unsubscribe(t.Context())
			}
			return err
		})
	}
	if waits := st.waits(); len(waits) > 0 {
		t.Fatalf("disconnected: %v", waits[0].Err)
	}
	fmt.Fprintln(os.Stdout, "well")
}
