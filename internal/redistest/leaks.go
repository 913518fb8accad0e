package redistest

import "go.uber.org/goleak"

// Dialing has goleak pass over a goroutine of go-redis that ends up to a second after
// its client was closed, if the server was away.
var Dialing = goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial")
