// Package faults breaks things under load and looks for broken promises: real
// servers, real processes that are killed and stopped, and networks that lie.
// It has nothing but tests. The file docs/reliability.md says what they show.
//
// Every fault is a test that runs a number of trials, few by default:
//
//	go test ./internal/faults -run TestNodeKilled -full
//	go test ./internal/faults -run TestNodeKilled -trials 1 -seed 42
//
// A trial that fails prints its seed, which repeats its choices though not the
// scheduling of processes, a timeline, and the logs of its nodes. The few trials
// have the same seeds each time, so that a check which fails after a change is
// about the change; -full looks for what nobody has thought of, with random ones.
package faults
