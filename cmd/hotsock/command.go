package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// A command is one row of the table, and all that its help says.
type command struct {
	name     string
	args     string // such as "CHANNEL EVENT [DATA]"
	summary  string // one line, without a full stop
	about    string // what else there is to know
	examples string
	// define makes the flags, and returns what runs the command with its arguments.
	define func(f *flag.FlagSet) action
}

type action func(ctx context.Context, s *system, args []string) error

// commands are all, in the order of the overview.
var commands = []command{mintCommand, inspectCommand, explainCommand, tailCommand, publishCommand, historyCommand, presenceCommand, callCommand, doctorCommand, benchCommand}

func (c *command) run(ctx context.Context, s *system, args []string) error {
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	do := c.define(f)
	args, err := parse(f, args)
	if errors.Is(err, flag.ErrHelp) {
		return s.write(c.help(f))
	}
	if err != nil {
		return &usageError{err.Error()}
	}
	least, most := c.arity()
	switch {
	case len(args) < least:
		return usagef("it takes %s", c.args)
	case most >= 0 && len(args) > most && c.args == "":
		return usagef("%q: it takes flags only", args[0])
	case most >= 0 && len(args) > most:
		return usagef("%q is one argument too many: it takes %s", args[most], c.args)
	}
	return do(ctx, s, args)
}

// parse lets flags stand anywhere: before, between and after arguments. All that
// follows -- are arguments.
func parse(f *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		left := f.Args()
		if parsed := len(args) - len(left); len(left) == 0 || parsed > 0 && args[parsed-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// arity returns how many arguments a command takes; most is -1 for any number.
func (c *command) arity() (least, most int) {
	for word := range strings.FieldsSeq(c.args) {
		switch {
		case strings.HasSuffix(strings.TrimSuffix(word, "]"), "..."):
			most = -1
			if !strings.HasPrefix(word, "[") {
				least++
			}
			return least, most
		case !strings.HasPrefix(word, "["):
			least++
		}
		most++
	}
	return least, most
}

// overview lists commands.
func overview(list []command) string {
	var b strings.Builder
	b.WriteString("Usage: hotsock COMMAND [ARGUMENTS] [FLAGS]\n\n")
	for _, c := range list {
		fmt.Fprintf(&b, "  %-15s %s\n", c.name, c.summary)
	}
	b.WriteString("\nhotsock COMMAND --help tells all about a command, with examples.\n\n" + environment + "\n" + exitCodes)
	return b.String()
}

const environment = `Environment:
  HOTSOCK_URL      where the handler is mounted, such as https://app.example.com/rt
  HOTSOCK_TOKEN    a token, to be a client
  HOTSOCK_KEY      the key that signs tokens: the program then makes the ones it needs
  HOTSOCK_API_KEY  a key of the server's HTTP API, to be the app
  HOTSOCK_REDIS    the address of Redis, for doctor
Secrets can be in files instead (--token-file, --key-file, --api-key-file; - is the standard
input). No flag takes a secret itself: everybody on the machine sees command lines.
`

// help is all about the command.
func (c *command) help(f *flag.FlagSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s [FLAGS]\n\n%s.\n", strings.TrimSpace("hotsock "+c.name+" "+c.args), c.summary)
	if c.about != "" {
		b.WriteString("\n" + strings.Trim(c.about, "\n") + "\n")
	}
	own, shared := c.flags(f)
	for _, part := range []struct{ title, text string }{{"Flags", own}, {"Server and credentials", shared}} {
		if part.text != "" {
			fmt.Fprintf(&b, "\n%s:\n%s", part.title, part.text)
		}
	}
	fmt.Fprintf(&b, "\nExamples:\n%s\n%s", indent(c.examples), exitCodes)
	return b.String()
}

// flags describes the flags: those of the command, and those that many have.
func (c *command) flags(f *flag.FlagSet) (own, shared string) {
	f.VisitAll(func(one *flag.Flag) {
		value, usage := flag.UnquoteUsage(one)
		head := strings.TrimSpace("--" + one.Name + " " + value)
		if one.DefValue != "" && one.DefValue != "false" && one.DefValue != "0" && one.DefValue != "0s" {
			usage += " (default " + one.DefValue + ")"
		}
		text := fmt.Sprintf("  %-21s %s\n", head, strings.ReplaceAll(usage, "\n", "\n"+strings.Repeat(" ", 24)))
		if sharedFlags[one.Name] {
			shared += text
		} else {
			own += text
		}
	})
	return own, shared
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.Trim(text, "\n"), "\n", "\n  ") + "\n"
}
