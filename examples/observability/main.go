// Command observability is a server with metrics for Prometheus at /metrics,
// traces on its standard output, and the log on its standard error.
//
//	go run .
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/hotsock-go/hotsock"
	hotsockotel "github.com/hotsock-go/hotsock/otel"
	hotsockprom "github.com/hotsock-go/hotsock/prom"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen at")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("listening at http://", l.Addr())
	if err := serve(ctx, l, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// serve runs the server until ctx ends, and writes traces.
func serve(ctx context.Context, l net.Listener, traces io.Writer) error {
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(traces))
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(time.Second)))
	registry := prometheus.NewRegistry()
	metrics, err := hotsockprom.New(registry)
	if err != nil {
		return err
	}
	rt, err := hotsock.New(hotsock.Options{
		Observer: hotsock.Observers(metrics, hotsockotel.New(hotsockotel.Options{TracerProvider: provider, Names: true})),
		Logger:   slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		// Everybody may do everything, as nobody would want it.
		Authenticate: func(*http.Request) (*hotsock.Claims, error) {
			return &hotsock.Claims{Channels: map[string]hotsock.ChannelClaims{"*": {
				Subscribe: hotsock.Allow,
				Messages:  map[string]hotsock.MessageClaims{"*": {Publish: hotsock.Allow, Echo: hotsock.Allow}},
			}}}, nil
		},
	})
	if err != nil {
		return err
	}
	metrics.Watch(rt)

	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}

	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err != nil {
		return errors.Join(err, rt.Shutdown(end), provider.Shutdown(end))
	}
	// The traces of what the handler still does are written last.
	return errors.Join(server.Shutdown(end), rt.Shutdown(end), provider.Shutdown(end))
}
