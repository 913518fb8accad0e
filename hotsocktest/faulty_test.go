package hotsocktest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// Every operation that could fail does, also those that are added to the
// interfaces later.
func TestStoreDownFailsAllOperations(t *testing.T) {
	for _, tt := range []struct {
		why   string
		fault func(*Link)
		took  time.Duration
	}{
		{"refused at once", (*Link).Down, 0},
		{"never answered", (*Link).Freeze, time.Second},
		{"answers that do not come", (*Link).Stall, time.Second},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				link, inner := newLink(), storememory.New()
				st := &nodeStore{Store: inner, scheduler: inner.Scheduler(), published: new(Published), link: link}
				n, err := st.Join(t.Context(), nobody{}, store.JoinOptions{
					ReplayWindow: time.Minute, ReplayLimit: 10, NodeTimeout: time.Minute,
				})
				if err != nil {
					t.Fatal(err)
				}
				tt.fault(link)
				methods := calls(t, n, reflect.TypeFor[store.Node](), tt.took) +
					calls(t, st.Scheduler(), reflect.TypeFor[store.Scheduler](), tt.took)
				if methods < 20 {
					t.Errorf("only %d methods were tried", methods)
				}
				link.Heal()
				if err := n.Ready(t.Context()); err != nil {
					t.Errorf("Ready: %v", err)
				}
				if err := n.Leave(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// local are the methods that need no way to the store.
var local = map[string]bool{"ID": true, "Unwatch": true, "UnwatchCount": true, "Scheduler": true, "Start": true, "Leave": true}

// calls calls the methods of the interface, which must all fail, and returns
// how many there are.
func calls(t *testing.T, v any, iface reflect.Type, took time.Duration) (n int) {
	for m := range iface.Methods() {
		if local[m.Name] {
			continue
		}
		n++
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		args := []reflect.Value{reflect.ValueOf(ctx)}
		for i := 1; i < m.Type.NumIn(); i++ {
			args = append(args, reflect.Zero(m.Type.In(i)))
		}
		begun := time.Now()
		results := reflect.ValueOf(v).MethodByName(m.Name).Call(args)
		cancel()
		if err, _ := reflect.TypeAssert[error](results[len(results)-1]); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", m.Name, err)
		}
		if d := time.Since(begun); d != took {
			t.Errorf("%s took %v", m.Name, d)
		}
	}
	return n
}

// nobody receives nothing.
type nobody struct{ store.Receiver }
