package hotsock

import "github.com/hotsock-go/hotsock/internal/socket"

// An endReason is why a connection ended.
type endReason uint8

const (
	// endClient: the client closed it, broke the WebSocket protocol, or its
	// network failed.
	endClient endReason = iota
	endExpired
	endIdle
	endHeartbeat
	endSlow
	endFlood
	endHost
	endShutdown
)

// endReasons are their names in statistics, and the codes and reasons that clients
// are shown. What the client has done decides the code of endClient.
var endReasons = [...]struct {
	name string
	code socket.Code
	text string
}{
	endClient:    {name: "client"},
	endExpired:   {"expired", socket.StatusGoingAway, "Going away"},
	endIdle:      {"idle", socket.StatusGoingAway, "Idle timeout"},
	endHeartbeat: {"heartbeat", socket.StatusGoingAway, "Heartbeat timeout"},
	endSlow:      {"slow", socket.StatusTryAgainLater, "Too slow to receive"},
	endFlood:     {"flood", socket.StatusPolicyViolation, "Rate limit exceeded"},
	endHost:      {"host", socket.StatusPolicyViolation, "Disconnected by the server"},
	endShutdown:  {"shutdown", socket.StatusGoingAway, "Going away"},
}

func (r endReason) name() string { return endReasons[r].name }
func (r endReason) text() string { return endReasons[r].text }

func (r endReason) code() socket.Code { return endReasons[r].code }
