package cli

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/zedops/zedops/agent/internal/identity"
)

func resetCommand() command {
	return command{
		name:    "reset",
		summary: "delete the identity of this host",
		help: `Usage: zedops-agent reset [flags]

Deletes the state of this host: its token, its manager and its install id. To come
back, the host needs a new enrolment token, and gets a new id. The manager still
lists the old agent, as offline, until an operator removes it.

Stop the agent first. At a terminal, reset asks before it deletes.

Flags:
` + stateDirHelp + `  --yes               do not ask

Exit codes:
  0    the state is deleted, or there was none
  1    an agent runs with this state directory, or a file cannot be deleted
  64   wrong flags, or nobody can be asked and there is no --yes
`,
		prepare: func(flags *flag.FlagSet, p process) func() error {
			s := &settings{}
			s.defineStateDir(flags)
			yes := flags.Bool("yes", false, "")
			return func() error {
				if err := s.check(); err != nil {
					return err
				}
				return reset(s.stateDir, *yes, p)
			}
		},
	}
}

func reset(dir string, yes bool, p process) error {
	state, err := identity.OpenForReset(dir)
	var locked *identity.LockedError
	if errors.As(err, &locked) {
		return fmt.Errorf("an agent is running with the state directory %s: stop it first; nothing is deleted", dir)
	}
	if err != nil {
		return err
	}
	if state == nil {
		_, err := fmt.Fprintf(p.stdout, "There is no state in %s.\n", dir)
		return err
	}
	defer state.Close()
	if !yes {
		if err := confirmReset(dir, p); err != nil {
			return err
		}
	}
	if err := state.Delete(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "The state in %s is deleted. The manager still lists this host until an operator removes it there.\n", dir)
	return err
}

// confirmReset returns nil if a person at the terminal agrees.
func confirmReset(dir string, p process) error {
	if !term.IsTerminal(int(p.stdin.Fd())) {
		return &usageError{cause: errors.New("there is no terminal to ask at: give --yes to delete the state")}
	}
	fmt.Fprintf(p.stderr, "Delete the identity of this host in %s? It then needs a new enrolment token. [y/N] ", dir)
	answer, err := bufio.NewReader(p.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing is deleted")
}
