package hotsock

import "time"

// A grant is the immutable, checked and compiled form of a token's claims.
type grant struct {
	// claims is what was granted; Channels and Audience are nil.
	claims Claims
}

// mayConnect reports whether a token that was verified for ScopeConnect may
// open a connection: one that is bound to a connection may not.
func (g *grant) mayConnect() bool { return g.claims.ConnectionID == "" }

// boundTo reports whether a subscribe or umd token is meant for a connection:
// the one that it names, or else any of its user.
func (g *grant) boundTo(connectionID, uid string) bool {
	if g.claims.ConnectionID != "" {
		return g.claims.ConnectionID == connectionID
	}
	return g.claims.UID != "" && g.claims.UID == uid
}

// mayUpdateUMD reports whether a umd token permits to change the metadata of
// the subscription to a channel (real name), or with "" of the connection.
func (g *grant) mayUpdateUMD(channel string) bool { return false }

// autoSubscribe returns the channels to subscribe on connecting, sorted by name.
// The slice is shared: it must not be modified.
func (g *grant) autoSubscribe() []string { return nil }

// use returns what store.Connections.UseToken is to be called with if the token
// is good for one use only.
func (g *grant) use() (token string, until time.Time, single bool) { return "", time.Time{}, false }
