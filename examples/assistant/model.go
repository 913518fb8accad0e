package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A model writes the answer to a question, token by token, in Markdown. It returns nil
// when the answer is complete, and an error when it fails or ctx ends. Put a real one in
// its place: give ctx to the request, and write what comes.
type model func(ctx context.Context, question string, out io.Writer) error

// scripted is a model that knows a few answers by heart, and writes a token each time
// that the pace has passed.
func scripted(pace time.Duration) model {
	return func(ctx context.Context, question string, out io.Writer) error {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for _, token := range tokens.FindAllString(script(question), -1) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if _, err := io.WriteString(out, token); err != nil {
				return err
			}
		}
		return nil
	}
}

// tokens matches all of a text, in pieces as short as those of models.
var tokens = regexp.MustCompile(`\s*\S{1,6}|\s+`)

var (
	//go:embed answers/help.md
	helpAnswer string
	//go:embed answers/streams.md
	streamsAnswer string
	//go:embed answers/code.md
	codeAnswer string
)

const maxCount = 2000

var countTo = regexp.MustCompile(`(?i)\bcount to (\d{1,9})\b`)

// script returns the answer to a question.
func script(question string) string {
	if m := countTo.FindStringSubmatch(question); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return helpAnswer
		}
		return count(min(n, maxCount))
	}
	question = strings.ToLower(question)
	switch {
	case strings.Contains(question, "code"):
		return codeAnswer
	case strings.Contains(question, "stream"):
		return streamsAnswer
	}
	return helpAnswer
}

func count(n int) string {
	var b strings.Builder
	b.WriteString("## Counting\n\n")
	for i := range n {
		fmt.Fprintf(&b, "%d, ", i+1)
	}
	b.WriteString("**done**.\n")
	return b.String()
}
