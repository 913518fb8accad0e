package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/process"
)

// A Machine is a network namespace with a link to this one. It ends with the test.
type Machine struct {
	// Near is the address of this end of the link, and Far of the machine.
	Near, Far string

	t            testing.TB
	name         string
	ours, theirs string // the devices
}

var machines atomic.Int64

// New makes a machine. It skips the test where that cannot be done, or fails it in
// continuous integration.
func New(t testing.TB) *Machine {
	t.Helper()
	if os.Getuid() != 0 {
		need.Skip(t, "needs root, for a network namespace")
	}
	for _, tool := range []string{"ip", "tc"} {
		need.Program(t, tool, "iproute2")
	}
	pid, i := os.Getpid(), int(machines.Add(1))
	// A network of four addresses, of those for tests of networks (RFC 2544).
	net4 := (pid*31 + i) % (1 << 15) * 4
	addr := func(host int) string { return fmt.Sprintf("198.%d.%d.%d", 18+net4>>16, net4>>8&255, net4&255+host) }
	m := &Machine{
		Near: addr(1), Far: addr(2), t: t, name: fmt.Sprintf("hotsock-%d-%d", pid, i),
		ours: fmt.Sprintf("hs%da%d", pid, i), theirs: fmt.Sprintf("hs%db%d", pid, i),
	}
	if err := run("ip netns add " + m.name); err != nil {
		need.Skip(t, "no network namespaces here: "+err.Error())
	}
	t.Cleanup(func() { _ = run("ip netns del " + m.name) }) // and with it the link
	err := errors.Join(
		run("ip link add "+m.ours+" type veth peer name "+m.theirs+" netns "+m.name),
		run("ip addr add "+m.Near+"/30 dev "+m.ours),
		run("ip link set "+m.ours+" up"),
		m.ip("link set lo up"),
		m.ip("addr add "+m.Far+"/30 dev "+m.theirs),
		m.ip("link set "+m.theirs+" up"),
	)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Limit lets the link carry so many bits a second towards the machine. It holds them
// for no more than half a second: behind a longer queue, TCP stands still for seconds
// after a loss.
func (m *Machine) Limit(bits int) {
	m.t.Helper()
	m.must(run(fmt.Sprintf("tc qdisc add dev %s root tbf rate %dbit burst 8kb latency 500ms", m.ours, bits)))
}

// Command is [exec.Command] on the machine. The program does not outlive the test.
func (m *Machine) Command(name string, arg ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", m.name, name}, arg...)...)
	process.Tie(cmd)
	return cmd
}

// Unplug pulls the machine's cable.
func (m *Machine) Unplug() {
	m.t.Helper()
	m.must(m.ip("link set " + m.theirs + " down"))
}

// Lose makes a black hole of the link: it is up, and nothing that is sent to the
// machine is answered, as when a phone has moved to another network.
func (m *Machine) Lose() {
	m.t.Helper()
	m.must(m.ip("addr del " + m.Far + "/30 dev " + m.theirs))
}

func (m *Machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *Machine) ip(args string) error { return run("ip -n " + m.name + " " + args) }

func run(command string) error {
	args := strings.Fields(command)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}
