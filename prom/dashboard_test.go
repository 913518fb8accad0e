package hotsockprom_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A dashboard is what the test must know of Grafana's format.
type dashboard struct {
	Templating struct {
		List []struct{ Name, Query string }
	}
	Panels []struct {
		ID      int
		Title   string
		Type    string
		Targets []struct{ Expr string }
		Options struct {
			Legend struct{ ShowLegend bool }
		}
	}
}

var metricName = regexp.MustCompile(`\bhotsock_[a-z0-9_]+`)

// TestDashboard finds queries for what does not exist, and metrics that the
// dashboard forgets.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	exists := series(t)
	shown := make(map[string]bool)
	check := func(where, query string) {
		names := metricName.FindAllString(query, -1)
		if len(names) == 0 {
			t.Errorf("%s: %q is about nothing of ours", where, query)
		}
		for _, name := range names {
			if shown[name] = true; !exists[name] {
				t.Errorf("%s: there is no metric %s", where, name)
			}
		}
		if n := strings.Count(query, "(") - strings.Count(query, ")"); n != 0 {
			t.Errorf("%s: %q has %d parentheses open", where, query, n)
		}
	}
	var ids []int
	for _, p := range d.Panels {
		ids = append(ids, p.ID)
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		if !p.Options.Legend.ShowLegend { // Grafana's schema has no default for it
			t.Errorf("the panel %q does not say which line is which", p.Title)
		}
		for _, target := range p.Targets {
			check(p.Title, target.Expr)
		}
	}
	for _, v := range d.Templating.List {
		if strings.Contains(v.Query, "hotsock") {
			check(v.Name, v.Query)
		}
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != len(d.Panels) {
		t.Error("two panels have one id")
	}
	for name := range exists {
		if !shown[name] && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// TestDocumented holds the table of metrics in the documents to the registry, with the
// values of labels.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	labels := make(map[string]string) // what is said of them
	for _, m := range regexp.MustCompile("(?m)^\\| `(hotsock_[a-z_]+)` \\| ([a-z]+) \\| (.*?) ?\\|").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1]+" "+m[2])
		labels[m[1]] = m[3]
	}
	labels["hotsock_connection_duration_seconds"] = labels["hotsock_disconnects_total"] // "as above"
	var families []string
	for _, f := range gather(t, conversed(t)) {
		families = append(families, f.GetName()+" "+strings.ToLower(f.GetType().String()))
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if name := l.GetName(); name != "kind" && name != "trigger" && name != "reason" {
					continue // What the others can be is said elsewhere.
				}
				if said := labels[f.GetName()]; !strings.Contains(said, "`"+l.GetValue()+"`") {
					t.Errorf("%s has the label %s, and documented is %s", f.GetName(), l, said)
				}
			}
		}
	}
	slices.Sort(listed)
	slices.Sort(families)
	if !slices.Equal(listed, families) {
		t.Errorf("documented are\n%s\nand there are\n%s", strings.Join(listed, "\n"), strings.Join(families, "\n"))
	}
}

// conversed is a registry in which every metric has a value, and of what is published
// each kind.
func conversed(t *testing.T) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	rt, url := start(t, reg)
	converse(t, url, "Jim", "room")
	sent, err := rt.Publish(t.Context(), hotsock.Message{Channel: "room", Event: "chat", Data: "hi", Store: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.UpdateMessage(t.Context(), hotsock.MessageUpdate{Channel: "room", MessageID: sent.ID, Data: "ho"}); err != nil {
		t.Fatal(err)
	}
	if err := rt.React(t.Context(), hotsock.Reaction{Channel: "room", MessageID: sent.ID, Reaction: "👍", UID: "Jim"}); err != nil {
		t.Fatal(err)
	}
	if _, err := rt.SetStorage(t.Context(), hotsock.Entry{Channel: "room", Key: "topic", Data: "tea"}); err != nil {
		t.Fatal(err)
	}
	await.That(t, "the connection to be counted", func() bool { return samples(t, reg)["hotsock_connection_duration_seconds{reason=client}"] == 1 })
	return reg
}

// series returns the names that queries may use.
func series(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, f := range gather(t, conversed(t)) {
		if f.GetType() == dto.MetricType_HISTOGRAM {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				names[f.GetName()+suffix] = true
			}
			continue
		}
		names[f.GetName()] = true
	}
	return names
}
