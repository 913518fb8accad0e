package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/hotsock-go/hotsock"
)

// eventFile writes backend events as lines of JSON.
type eventFile struct {
	file io.WriteCloser
	w    *bufio.Writer
}

func openEvents(name string) (*eventFile, error) {
	if name == "-" {
		return &eventFile{file: os.Stdout, w: bufio.NewWriter(os.Stdout)}, nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &eventFile{file: f, w: bufio.NewWriter(f)}, nil
}

// HandleEvent is called by one goroutine.
func (f *eventFile) HandleEvent(_ context.Context, e hotsock.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := f.w.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.w.Flush()
}

func (f *eventFile) close(context.Context) error { return f.file.Close() }
