package compile

import (
	"fmt"
	"os/exec"
	"strings"
)

// OnCores is a command that runs a program, with the same process id, on as many cores as it says: the program believes so.
// cores is a multiple of 8. strace changes the kernel's answer to sched_getaffinity.
func OnCores(cores int) ([]string, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, fmt.Errorf("only strace can show more cores to a program: %w", err)
	}
	command := []string{
		strace, "-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=sched_getaffinity",
		"-e", fmt.Sprintf("inject=sched_getaffinity:retval=%d:poke_exit=@arg3=%s", cores/8, strings.Repeat("ff", cores/8)),
	}
	if text, err := exec.Command(command[0], append(command[1:], "true")...).CombinedOutput(); err != nil || len(text) > 0 {
		return nil, fmt.Errorf("strace works for no program here: %s, %v", strings.TrimSpace(string(text)), err)
	}
	return command, nil
}
