package faults

import (
	"os/exec"
	"syscall"
)

// tie makes the process end with the test, even if that crashes.
func tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
