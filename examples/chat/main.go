// Command chat is a chat to try hotsock with: rooms with live messages that their
// authors edit and remove, who is there and who is typing, reactions, history,
// reminders, and settings and notes that everyone shares.
//
//	go run ./examples/chat
//
// Open the address that it prints in two tabs. Everything lives in memory and
// ends with the process. Anyone who reaches the server can take any name:
// do not show it to the internet.
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
)

// stopTimeout is how long clients may take to notice that the server stops.
const stopTimeout = 5 * time.Second

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
	rt, key, err := newRealtime()
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return errors.Join(err, rt.Close())
	}
	server := &http.Server{Handler: newMux(rt, key), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(out, "Hotsock chat is at http://%s/\n", listener.Addr())

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
		return errors.Join(server.Shutdown(ctx), rt.Shutdown(ctx))
	})
	return g.Wait()
}
