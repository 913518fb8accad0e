// Command hotsock works with an installation of Hotsock from a terminal, a script
// or continuous integration: it makes and explains tokens, follows channels and
// publishes. Run it without arguments for what it can do, and a command with --help
// for its flags. docs/command-line.md is the guide.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // times are shown in the zone that TZ names, and the machine may have none
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	quiet()
	s := &system{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.Getenv,
		typed: isTerminal(os.Stdin), watched: isTerminal(os.Stderr),
	}
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends what does not end by itself
	os.Exit(s.run(ctx, os.Args[1:]))
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
