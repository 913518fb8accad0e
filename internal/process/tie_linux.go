package process

import (
	"os/exec"
	"syscall"
)

// Tie makes the process end with the one that starts it, even if that crashes.
// Where the system cannot do so, nothing is changed.
func Tie(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
