package storeredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// refreshEvery is how often a node finds out where new connections lead.
	refreshEvery = 3 * time.Second
	// maxMoves is how often in a minute another server may be found: more often,
	// the address leads to several.
	maxMoves = 3
)

var errOtherServer = errors.New("new connections lead to another server")

// An identity is which server the client leads to, by its run id. The address
// of one server can come to lead to another, while the former lives on, accepts
// writes and keeps connections: what is published there reaches only those who
// listen there. So each pipeline asks the server for its run id, too, and what
// another than the present one has carried out does not count. The present one is
// that to which new connections lead.
//
// Servers of a cluster say themselves which keys they have, so there it is nil.
type identity struct {
	client *redis.Client
	// topic is the beginning of the names of topics for finding it out.
	topic string
	log   *slog.Logger
	// runID is nil before it is known, and where the server does not tell it.
	runID atomic.Pointer[string]

	// refreshing is held by the one that refreshes.
	refreshing chan struct{}

	mu sync.Mutex
	// refreshes counts those that succeeded, and refreshed is when the last one did.
	refreshes int
	refreshed time.Time
	// moves is when another server was found, in the last minute.
	moves []time.Time
}

func newIdentity(client *redis.Client, topic string, log *slog.Logger) *identity {
	return &identity{client: client, topic: topic, log: log, refreshing: make(chan struct{}, 1)}
}

// begin sets the run id where none is known.
func (d *identity) begin(runID string) {
	if runID != "" {
		d.runID.CompareAndSwap(nil, &runID)
	}
}

// present returns the run id of the present server; "" if it is not known.
func (d *identity) present() string {
	if d == nil {
		return ""
	}
	if id := d.runID.Load(); id != nil {
		return *id
	}
	return ""
}

// ready returns an error if there is not one server.
func (d *identity) ready() error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.moves); n > maxMoves && time.Since(d.moves[n-1]) < time.Minute {
		return errors.New("the address of Redis keeps changing between servers")
	}
	return nil
}

// run refreshes again and again, until the context ends.
func (d *identity) run(ctx context.Context) {
	for d.present() != "" && sleep(ctx, refreshEvery) {
		d.mu.Lock()
		recent := time.Since(d.refreshed) < refreshEvery/2 // Another node's, or a caller's.
		d.mu.Unlock()
		if !recent {
			_ = d.refresh(ctx, false) // The next round tries again.
		}
	}
}

// refresh finds out which server is the present one. If discard is set, or it is
// another than before, the connections that wait to be used are given up. While
// another refresh is under way it waits for that one's result. The servers of a
// cluster have no such identity, and nothing to refresh.
func (d *identity) refresh(ctx context.Context, discard bool) error {
	if d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	d.mu.Lock()
	began := d.refreshes
	d.mu.Unlock()
	select {
	case d.refreshing <- struct{}{}:
		defer func() { <-d.refreshing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	done := d.refreshes > began
	d.mu.Unlock()
	if done {
		return nil
	}
	runID, err := within(ctx, func() (string, error) { return d.find(ctx) })
	if err != nil {
		return err
	}
	was := d.present()
	d.mu.Lock()
	d.refreshes++
	d.refreshed = time.Now()
	if runID != was {
		d.moves = append(d.moves[max(0, len(d.moves)-maxMoves):], d.refreshed)
	}
	d.mu.Unlock()
	if runID != was {
		d.runID.Store(&runID)
		d.log.Warn("the address of Redis leads to another server now", "was", was, "is", runID)
	}
	if runID != was || discard {
		_, err = within(ctx, func() (struct{}, error) { return struct{}{}, d.discard(ctx) })
	}
	return err
}

// find returns the run id of the server that a new connection leads to. It knows
// it by a message, which is heard on the new connection: a connection on which
// one subscribes is always a new one, but cannot be asked.
func (d *identity) find(ctx context.Context) (string, error) {
	topic := d.topic + randomText(6)
	ps := d.client.Subscribe(ctx, topic)
	defer ps.Close()
	if _, err := ps.ReceiveTimeout(ctx, time.Until(deadlineOf(ctx))); err != nil {
		return "", err
	}
	runID, heard, err := publish(ctx, d.client, topic, "")
	for err == nil && heard == 0 {
		conn := d.client.EphemeralConn()
		runID, heard, err = publish(ctx, conn, topic, "")
		_ = conn.Close()
	}
	return runID, err
}

// publish publishes a message, and returns the run id of the server that did, and
// how many have heard it there.
func publish(ctx context.Context, c interface{ Pipeline() redis.Pipeliner }, topic, message string) (runID string, heard int64, err error) {
	p := c.Pipeline()
	info, count := p.Info(ctx, "server"), p.Publish(ctx, topic, message)
	if _, err := p.Exec(ctx); err != nil {
		return "", 0, err
	}
	runID, err = runIDOf(info)
	return runID, count.Val(), err
}

// publish publishes a message on the present server until somebody hears it.
func (d *identity) publish(ctx context.Context, topic, message string) error {
	for {
		runID, heard, err := publish(ctx, d.client, topic, message)
		switch {
		case err != nil:
			return err
		case runID != d.present():
			if err := d.refresh(ctx, true); err != nil {
				return err
			}
		case heard > 0:
			return nil
		case !sleep(ctx, 50*time.Millisecond): // Its link may be about to be replaced.
			return errors.New("nobody hears it")
		}
	}
}

// discard gives up the connections that wait to be used. The client keeps those
// for pipelines apart, and lets nobody take one: the server is asked to end them.
func (d *identity) discard(ctx context.Context) error {
	stats := d.client.PoolStats()
	if p := stats.PipelineStats; p != nil {
		for range p.IdleConns {
			p := d.client.Pipeline()
			p.Do(ctx, "QUIT")
			_, _ = p.Exec(ctx) // If it was dead already, that is as well.
		}
	}
	for range stats.IdleConns {
		conn := d.client.EphemeralConn()
		_ = conn.Ping(ctx).Err() // Only now it takes one.
		_ = conn.Close()
	}
	return ctx.Err()
}

// runIDOf reads the run id from the answer of INFO.
func runIDOf(info *redis.StringCmd) (string, error) {
	text, err := info.Result()
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(text, "run_id:")
	runID, _, found := strings.Cut(rest, "\r\n")
	if !found {
		return "", fmt.Errorf("storeredis: INFO tells no run_id: %.100q", text)
	}
	return runID, nil
}
