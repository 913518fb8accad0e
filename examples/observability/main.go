// Command observability is a server with metrics for Prometheus at /metrics,
// traces on its standard output or for a collector, and the log on its standard
// error.
//
//	go run .
//	go run . -otlp http://127.0.0.1:4318/v1/traces
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
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/hotsock-go/hotsock"
	hotsockotel "github.com/hotsock-go/hotsock/otel"
	hotsockprom "github.com/hotsock-go/hotsock/prom"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen at")
	otlp := flag.String("otlp", "", "send the traces to this `URL` of a collector")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("listening at http://", l.Addr())
	if err := serve(ctx, l, os.Stdout, *otlp); err != nil {
		log.Fatal(err)
	}
}

// newExporter sends traces to a collector, or writes them if there is none.
func newExporter(ctx context.Context, w io.Writer, collector string) (sdktrace.SpanExporter, error) {
	if collector != "" {
		return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(collector))
	}
	return stdouttrace.New(stdouttrace.WithWriter(w))
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, l net.Listener, traces io.Writer, collector string) error {
	exporter, err := newExporter(ctx, traces, collector)
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(time.Second)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "observability"))),
	)
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
