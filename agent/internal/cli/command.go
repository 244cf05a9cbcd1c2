package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// command is one entry in the table of commands.
type command struct {
	name    string
	summary string // its line in the list of commands
	help    string // the answer to "help NAME" and "NAME --help"
	logs    bool   // its errors are lines of the log
	// prepare defines the flags and returns the work, which begins when the flags have been parsed.
	prepare func(*flag.FlagSet, process) (work func() error)
}

// process is the process that a command runs in.
type process struct {
	stdin          *os.File
	stdout, stderr io.Writer
	version        string // of the agent
}

// commands is the table, in the order of the help. A command line without a command means the first one.
func commands() []command {
	return []command{
		runCommand(),
		enrollCommand(),
		statusCommand(),
		versionCommand(),
		resetCommand(),
		helpCommand(),
	}
}

func findCommand(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

// errNoCommand leaves the argument out, because it may be a token without its flag.
var errNoCommand = errors.New("there is an argument that is neither a flag nor a command")

// execute finds the command of a command line and runs it. It returns the command for the report of the error.
func execute(args []string, p process) (command, error) {
	c := commands()[0]
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		named, known := findCommand(args[0])
		if !known {
			return c, &usageError{cause: errNoCommand}
		}
		c, args = named, args[1:]
	} else if len(args) == 1 && (args[0] == "--help" || args[0] == "-help" || args[0] == "-h") {
		c, args = helpCommand(), nil
	}
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	work := c.prepare(flags, p)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err := fmt.Fprint(p.stdout, c.help)
		return c, err
	case err != nil:
		return c, &usageError{cause: err}
	case flags.NArg() > 0 && c.name != helpName:
		return c, &usageError{cause: errNoCommand}
	}
	return c, work()
}
