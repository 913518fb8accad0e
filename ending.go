package hotsock

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

// endReasons are their names in statistics, and the reasons that clients are
// shown.
var endReasons = [...]struct{ name, text string }{
	endClient:    {"client", ""},
	endExpired:   {"expired", "Going away"},
	endIdle:      {"idle", "Idle timeout"},
	endHeartbeat: {"heartbeat", "Heartbeat timeout"},
	endSlow:      {"slow", "Too slow to receive"},
	endFlood:     {"flood", "Rate limit exceeded"},
	endHost:      {"host", "Disconnected by the server"},
	endShutdown:  {"shutdown", "Going away"},
}

func (r endReason) name() string { return endReasons[r].name }
func (r endReason) text() string { return endReasons[r].text }
