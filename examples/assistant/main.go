// Command assistant is a page to ask an assistant, whose answers grow word by word as
// those of a language model do. Whoever has the address of a conversation sees the same;
// a reload in the middle shows the text so far and the rest; and anyone there can stop an
// answer. The model is a script: nothing is asked of another server.
//
//	go run ./examples/assistant
//
// Open the address that it prints, ask, and open the address of the conversation in
// another browser. Everything lives in memory and ends with the process. Anyone who
// reaches the server can ask: do not show it to the internet.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock"
)

const (
	// stopTimeout is how long clients may take to notice that the server stops.
	stopTimeout = 5 * time.Second
	// pace is the time between two tokens of an answer.
	pace = 20 * time.Millisecond
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends. It prints the address once it is listening.
func run(ctx context.Context, addr string, out io.Writer) error {
	a, err := newAssistant(hotsock.Options{}, scripted(pace))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return errors.Join(err, a.rt.Close())
	}
	server := &http.Server{Handler: newMux(a.rt), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(out, "Hotsock assistant is at http://%s/\n", listener.Addr())

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		// The HTTP server first: it stops listening at once, so that clients
		// whose sockets are closed do not come back here.
		err := errors.Join(server.Shutdown(ctx), a.rt.Shutdown(ctx))
		a.answers.Wait() // Shutdown has ended their streams.
		return err
	})
	return g.Wait()
}
