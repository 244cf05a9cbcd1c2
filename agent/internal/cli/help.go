package cli

import (
	"errors"
	"flag"
	"fmt"
	"strings"
)

const helpName = "help"

func helpCommand() command {
	return command{
		name:    helpName,
		summary: "print this text, or the help of a command",
		help:    "Usage: zedops-agent help [COMMAND]\n",
		prepare: func(flags *flag.FlagSet, p process) func() error {
			return func() error {
				text := overview()
				switch c, known := findCommand(flags.Arg(0)); {
				case flags.NArg() > 1 || flags.NArg() == 1 && !known:
					return &usageError{cause: errors.New("help takes the name of one command")}
				case flags.NArg() == 1 && c.name != helpName:
					text = c.help
				}
				_, err := fmt.Fprint(p.stdout, text)
				return err
			}
		},
	}
}

// overview is the help for somebody who has just found the agent.
func overview() string {
	var list strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&list, "  %-9s %s\n", c.name, c.summary)
	}
	return `zedops-agent connects this host to a ZedOps manager and keeps it connected.

Usage: zedops-agent [COMMAND] [flags]

Commands:
` + list.String() + `
Without a command, the agent runs. "zedops-agent help COMMAND" has the flags and
exit codes of a command.

A host needs an enrolment token once. The manager's dashboard or "make token"
gives you one. The manager answers it with a permanent token for this host, and
the agent stores that.

  zedops-agent enroll --manager https://zedops.example.com --token-file -
                                        # paste the token
  zedops-agent                          # from now on
  zedops-agent status                   # at another terminal
`
}
