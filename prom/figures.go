package hotsockprom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hotsock-go/hotsock"
)

// figures collects what the handler counts, each time it is asked.
type figures struct{ m *Metrics }

// A figure is one metric without labels.
type figure struct {
	desc  *prometheus.Desc
	typ   prometheus.ValueType
	value func(s *hotsock.Stats) float64
}

func gauge(name, help string, value func(s *hotsock.Stats) float64) figure {
	return figure{describe(name, help), prometheus.GaugeValue, value}
}

func counter(name, help string, value func(s *hotsock.Stats) uint64) figure {
	return figure{describe(name, help), prometheus.CounterValue, func(s *hotsock.Stats) float64 { return float64(value(s)) }}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

var plain = []figure{
	gauge("connections", "Open connections.", func(s *hotsock.Stats) float64 { return float64(s.Connections) }),
	gauge("subscriptions", "Subscriptions of open connections.", func(s *hotsock.Stats) float64 { return float64(s.Subscriptions) }),
	gauge("channels", "Channels with subscribers on this node.", func(s *hotsock.Stats) float64 { return float64(s.Channels) }),
	gauge("queued_bytes", "Bytes that wait to be written to clients.", func(s *hotsock.Stats) float64 { return float64(s.QueuedBytes) }),

	counter("connects_total", "Connections accepted.", func(s *hotsock.Stats) uint64 { return s.Connected }),
	counter("messages_published_total", "Messages, and notices of reactions and edits, that the store accepted from this node.",
		func(s *hotsock.Stats) uint64 { return s.Published }),
	counter("items_total", "Messages, presence and storage changes that came to this node for its subscribers.",
		func(s *hotsock.Stats) uint64 { return s.Items }),
	counter("deliveries_total", "Items queued for subscribers, one for each of them.", func(s *hotsock.Stats) uint64 { return s.Delivered }),
	counter("sent_bytes_total", "Bytes of messages written to clients.", func(s *hotsock.Stats) uint64 { return s.SentBytes }),
	counter("store_calls_total", "Calls of the store and the scheduler.", func(s *hotsock.Stats) uint64 { return s.StoreCalls }),
	counter("store_unavailable_total", "Calls of the store that failed because it was not available.",
		func(s *hotsock.Stats) uint64 { return s.StoreUnavailable }),
	counter("continuity_lost_total", "Times that a channel's subscribers here may have missed something and were told.",
		func(s *hotsock.Stats) uint64 { return s.Lost }),
	counter("rejoins_total", "Times that this node was taken for dead and joined again.", func(s *hotsock.Stats) uint64 { return s.Rejoined }),
	gauge("revocations", "Revocations of tokens that are remembered.", func(s *hotsock.Stats) float64 { return float64(s.Revocations) }),
	gauge("running_calls", "Calls of methods that have not ended.", func(s *hotsock.Stats) float64 { return float64(s.RunningCalls) }),
	counter("calls_total", "Calls of methods that clients made and this node carried out.", func(s *hotsock.Stats) uint64 { return s.Calls }),
	counter("schedules_fired_total", "Schedules that this node carried out.", func(s *hotsock.Stats) uint64 { return s.SchedulesFired }),
	counter("events_dropped_total", "Backend events that were dropped because their sink fell behind.",
		func(s *hotsock.Stats) uint64 { return s.EventsDropped }),
}

var (
	disconnects = describe("disconnects_total", "Connections that ended, by why.", "reason")
	failures    = describe("errors_total", "Errors that clients were told of, by code.", "code")
)

// Describe is part of [prometheus.Collector].
func (f *figures) Describe(out chan<- *prometheus.Desc) {
	for _, p := range plain {
		out <- p.desc
	}
	out <- disconnects
	out <- failures
}

// Collect is part of [prometheus.Collector].
func (f *figures) Collect(out chan<- prometheus.Metric) {
	h := f.m.handler.Load()
	if h == nil {
		return
	}
	s := h.Stats()
	for _, p := range plain {
		out <- prometheus.MustNewConstMetric(p.desc, p.typ, p.value(&s))
	}
	for reason, n := range s.Disconnected {
		out <- prometheus.MustNewConstMetric(disconnects, prometheus.CounterValue, float64(n), reason)
	}
	for code, n := range s.Errors {
		out <- prometheus.MustNewConstMetric(failures, prometheus.CounterValue, float64(n), string(code))
	}
}
