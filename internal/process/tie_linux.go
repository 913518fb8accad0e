package process

import (
	"os/exec"
	"syscall"
)

// Tie makes the process end with the one that starts it, even if that crashes.
// Where the system cannot do so, nothing is changed.
func Tie(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
