// Package protocol has the rules that tokens and frames share: which names and
// reactions there can be, and how long and how deep things may be.
//
// Every function may be called concurrently.
package protocol
