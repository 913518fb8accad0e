// Package permission says what a client may do. A token's claims are compiled to a
// [Grant]; a [Connection] has the grants that it connected and subscribed with, and
// a [Channel] is what they permit together on one channel.
//
// Where several keys of the claims match, precedence decides
// (docs/protocol.md#permissions). Nothing here knows of messages, the store or HTTP.
package permission
