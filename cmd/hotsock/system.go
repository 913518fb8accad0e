package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/hotsock-go/hotsock"
)

// A system is what the program sees of the machine.
type system struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            func(string) string
	typed, watched bool // stdin and stderr are a terminal

	// secrets must not be printed, whatever happens.
	secrets []string
	// stdinUse says what has read the standard input, "" for nothing.
	stdinUse string
}

// run carries out a command line, and returns the exit code.
func (s *system) run(ctx context.Context, args []string) int {
	name, err := s.dispatch(ctx, args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if errors.Is(err, errReported) {
		return exitCode(err)
	}
	s.notef("%s: %s", strings.TrimSpace("hotsock "+name), err)
	if _, ok := errors.AsType[*usageError](err); ok {
		s.notef("Run %q.", strings.TrimSpace("hotsock "+name)+" --help")
	}
	return exitCode(err)
}

// dispatch finds the command and runs it. The name is for errors.
func (s *system) dispatch(ctx context.Context, args []string) (name string, err error) {
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	if len(args) == 0 {
		return "", s.write(overview(commands))
	}
	switch args[0] {
	case "-h", "-help", "--help":
		return "", s.write(overview(commands))
	case "version", "-version", "--version":
		return "", s.write("hotsock " + hotsock.Version + "\n")
	}
	for i := range commands {
		c := &commands[i]
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return c.name, c.run(ctx, s, args[len(words):])
		}
	}
	if group := within(args[0]); len(group) > 0 {
		if len(args) > 1 && !strings.HasPrefix(args[1], "-") {
			return args[0], usagef("there is no command %q", args[0]+" "+args[1])
		}
		if len(args) > 1 {
			return args[0], s.write(overview(group))
		}
		return args[0], usagef("what to do with it is missing")
	}
	return "", usagef("there is no command %q", args[0])
}

// within returns the commands whose names begin with a word.
func within(word string) (group []command) {
	for _, c := range commands {
		if strings.HasPrefix(c.name, word+" ") {
			group = append(group, c)
		}
	}
	return group
}

func (s *system) write(text string) error {
	_, err := io.WriteString(s.stdout, text)
	return err
}

// notef tells the user something that is no result. It may be called from any
// goroutine.
func (s *system) notef(format string, args ...any) {
	_, _ = io.WriteString(s.stderr, printable(s.mask(fmt.Sprintf(format, args...)))+"\n")
}

// mask takes secrets out of a text.
func (s *system) mask(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}
