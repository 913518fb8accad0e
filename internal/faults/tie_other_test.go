//go:build !linux

package faults

import "os/exec"

func tie(*exec.Cmd) {}
