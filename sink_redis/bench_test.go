package sinkredis

import (
	"context"
	"testing"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

// BenchmarkSink is how fast events get into the stream, and out of it again with
// 16 handlers at a time.
func BenchmarkSink(b *testing.B) {
	client := redistest.StartServer(b).Client()
	b.Run("write", func(b *testing.B) {
		s, err := New(client, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for n := range b.N {
			if err := s.HandleEvent(b.Context(), event(n)); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Shutdown(context.Background()); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("consume", func(b *testing.B) {
		s, err := New(client, Options{Stream: "consume", MaxLen: 10_000_000})
		if err != nil {
			b.Fatal(err)
		}
		for n := range b.N {
			if err := s.HandleEvent(b.Context(), event(n)); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Shutdown(context.Background()); err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		defer stop()
		left := make(chan struct{}, b.N)
		b.ResetTimer()
		done := make(chan error, 1)
		go func() {
			done <- Consume(ctx, client, ConsumeOptions{Stream: "consume", Concurrency: 16}, func(context.Context, Delivery) error {
				left <- struct{}{}
				return nil
			})
		}()
		for range b.N {
			<-left
		}
		b.StopTimer()
		stop()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		client.Del(context.Background(), "consume")
	})
}
