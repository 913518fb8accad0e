package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestParse: flags stand where people write them.
func TestParse(t *testing.T) {
	for _, row := range []struct {
		why  string
		args string
		rest string
		flag string
		on   bool
	}{
		{"flags first", "--value x --on a b", "a b", "x", true},
		{"flags last", "a b --on --value=x", "a b", "x", true},
		{"flags between", "a --value x b", "a b", "x", false},
		{"a single dash", "a -on", "a", "", true},
		{"a dash is an argument", "a - --on", "a -", "", true},
		{"nothing after two dashes is a flag", "--on -- a --value b", "a --value b", "", true},
		{"two dashes at the end", "a b --", "a b", "", false},
	} {
		f := flag.NewFlagSet("", flag.ContinueOnError)
		value, on := f.String("value", "", ""), f.Bool("on", false, "")
		rest, err := parse(f, strings.Fields(row.args))
		if err != nil || strings.Join(rest, " ") != row.rest || *value != row.flag || *on != row.on {
			t.Errorf("%s: %q, %q, %v, %v", row.why, rest, *value, *on, err)
		}
	}
}

func TestArity(t *testing.T) {
	for args, want := range map[string][2]int{
		"": {0, 0}, "A": {1, 1}, "A B [C]": {2, 3}, "A...": {1, -1}, "[A]": {0, 1}, "A [B...]": {1, -1},
	} {
		c := command{args: args}
		if least, most := c.arity(); least != want[0] || most != want[1] {
			t.Errorf("%q: %d to %d", args, least, most)
		}
	}
}

// TestExitCodes runs the program, and reads what a script would.
func TestExitCodes(t *testing.T) {
	_, url := newServer(t)
	x := newTerminal(t, url)
	free := "http://127.0.0.1:1/rt"
	for _, row := range []struct {
		why  string
		code int
		x    *terminal
		args []string
		says string
	}{
		{"help", exitOK, x, []string{"--help"}, ""},
		{"done", exitOK, x, []string{"publish", "room", "chat"}, ""},
		{"an unknown command", exitUsage, x, []string{"tale"}, `no command "tale"`},
		{"an unknown command of a group", exitUsage, x, []string{"token", "steal"}, `no command "token steal"`},
		{"a group alone", exitUsage, x, []string{"token"}, "--help"},
		{"an unknown flag", exitUsage, x, []string{"tail", "room", "--colour"}, "-colour"},
		{"too few arguments", exitUsage, x, []string{"publish", "room"}, "CHANNEL EVENT"},
		{"too many arguments", exitUsage, x, []string{"publish", "room", "chat", "1", "2"}, `"2" is one argument too many`},
		{"no server", exitUsage, x.with("HOTSOCK_URL", ""), []string{"tail", "room"}, "HOTSOCK_URL"},
		{"no time to answer", exitUsage, x, []string{"tail", "room", "--timeout", "0"}, "--timeout"},
		{"a name that no token can have", exitUsage, x.with("HOTSOCK_KEY", testSecret), []string{"tail", ""}, "cannot sign"},
		{"no URL", exitUsage, x.with("HOTSOCK_URL", "ftp://x"), []string{"tail", "room"}, "must begin with"},
		{"the server fails", exitFailed, x, []string{"publish", "a b", "chat"}, "INVALID_REQUEST"},
		{"a key of somebody else", exitRefused, x.with("HOTSOCK_API_KEY", "another key"), []string{"publish", "room", "chat"}, "UNAUTHORIZED"},
		{"a token of somebody else", exitRefused, x.with("HOTSOCK_TOKEN", "ey.ey.ey"), []string{"tail", "room"}, "hotsock token inspect"},
		{"no token", exitRefused, x.with("HOTSOCK_KEY", ""), []string{"tail", "room"}, "HOTSOCK_TOKEN"},
		{"no permission", exitRefused, x.with("HOTSOCK_TOKEN", mustSign(t, claims("room", "jim"))), []string{"tail", "other"}, "SUBSCRIBE_PERMISSION_DENIED"},
		{"a presence channel without a user", exitRefused, x, []string{"tail", "presence.room"}, "--uid"},
		{"nobody there, for a client", exitUnreachable, x.with("HOTSOCK_URL", free), []string{"tail", "room"}, "no connection to http://127.0.0.1:1/rt"},
		{"nobody there, for the app", exitUnreachable, x.with("HOTSOCK_URL", free), []string{"publish", "room", "chat"}, "no answer of http://127.0.0.1:1/rt"},
	} {
		t.Run(row.why, func(t *testing.T) {
			var errs bytes.Buffer
			cmd := row.x.program(row.args...)
			cmd.Stderr = &errs
			err := cmd.Run()
			if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != row.code || !strings.Contains(errs.String(), row.says) {
				t.Errorf("exit code %d, want %d: %s", code, row.code, &errs)
			}
			for _, secret := range []string{testSecret, testAPIKey, "another key", row.x.env["HOTSOCK_TOKEN"]} {
				if secret != "" && strings.Contains(errs.String(), secret) {
					t.Errorf("a secret is told: %s", &errs)
				}
			}
		})
	}
}

// TestSecrets: where they may come from, and that no flag takes one.
func TestSecrets(t *testing.T) {
	_, url := newServer(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(testSecret+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x := (&terminal{t, nil}).with("HOTSOCK_URL", url)
	for _, row := range []struct {
		why   string
		x     *terminal
		stdin string
		args  []string
		code  int
	}{
		{"a file", x, "", []string{"--key-file", file}, exitOK},
		{"the standard input", x, testSecret + "\n", []string{"--key-file", "-"}, exitOK},
		{"a flag outweighs the environment", x.with("HOTSOCK_TOKEN", "ey.ey.ey", "HOTSOCK_API_KEY", "no"), "", []string{"--key-file", file}, exitOK},
		{"no file", x, "", []string{"--key-file", file + "x"}, exitFailed},
		{"an empty one", x, " \n", []string{"--key-file", "-"}, exitFailed},
		{"one that is no end of", x, strings.Repeat("x", maxSecret+1), []string{"--key-file", "-"}, exitFailed},
		{"the standard input twice", x, testSecret, []string{"--key-file", "-", "--token-file", "-"}, exitUsage},
		{"too short for a key", x, "secret", []string{"--key-file", "-"}, exitFailed},
		{"the app, without its key", x.with("HOTSOCK_KEY", testSecret), "", []string{"--as", "app"}, exitUsage},
		{"a client, in spite of the key", x.with("HOTSOCK_API_KEY", "no", "HOTSOCK_KEY", testSecret), "", []string{"--as", "client"}, exitOK},
	} {
		code, _, errs := row.x.run(row.stdin, append([]string{"publish", "room", "chat"}, row.args...)...)
		if code != row.code || strings.Contains(errs, testSecret) {
			t.Errorf("%s: exit code %d: %s", row.why, code, errs)
		}
	}
	for _, c := range commands {
		f := flag.NewFlagSet("", flag.ContinueOnError)
		c.define(f)
		f.VisitAll(func(one *flag.Flag) {
			if slices.Contains([]string{"token", "secret", "api-key", "password"}, one.Name) {
				t.Errorf("%s --%s takes a secret", c.name, one.Name)
			}
		})
	}
}

// TestMask: what is secret is not told, even by an error that quotes it.
func TestMask(t *testing.T) {
	var errs bytes.Buffer
	s := &system{stderr: &errs}
	s.hide(testSecret + "\n")
	s.hide("on") // no secret, and a part of words
	s.notef("cannot use %q on %s", testSecret, "\x1b[31m")
	if want := "cannot use \"***\" on \\u001b[31m\n"; errs.String() != want {
		t.Errorf("%q, want %q", &errs, want)
	}
}
