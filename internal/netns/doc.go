// Package netns gives tests another machine: a network namespace of Linux, with a
// link to it that can be slow, and can break.
package netns
