package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// settings holds the flags and the environment.
type settings struct {
	manager    string
	enrolment  identity.EnrolmentSource
	name       string
	labels     []string
	stateDir   string
	caFile     string
	subscribe  []string
	maxRetries int
	logFormat  string
	verbose    bool
}

// parseFlags reads flags and environment. done is true after --help and --version.
func parseFlags(args []string, stdout io.Writer, version string) (s settings, done bool, err error) {
	s.manager = os.Getenv("ZEDOPS_MANAGER")
	s.enrolment.Env = os.Getenv("ZEDOPS_TOKEN")
	os.Unsetenv("ZEDOPS_TOKEN") // so that no child process inherits it

	flags := flag.NewFlagSet("zedops-agent", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.manager, "manager", s.manager, "")
	flags.StringVar(&s.enrolment.Token, "token", "", "")
	flags.StringVar(&s.enrolment.File, "token-file", "", "")
	flags.StringVar(&s.name, "name", "", "")
	flags.Func("label", "", func(label string) error {
		if err := protocol.LabelFault(label); err != nil {
			return err
		}
		s.labels = append(s.labels, label)
		return protocol.LabelsFault(s.labels)
	})
	flags.StringVar(&s.stateDir, "state-dir", "", "")
	flags.StringVar(&s.caFile, "ca-file", os.Getenv(caFileVariable), "")
	flags.Func("subscribe", "", func(pattern string) error {
		s.subscribe = append(s.subscribe, pattern)
		if len(s.subscribe) > link.MaxSubscriptions {
			return fmt.Errorf("there are more than %d", link.MaxSubscriptions)
		}
		return link.CheckPattern(pattern)
	})
	flags.IntVar(&s.maxRetries, "max-retries", 0, "")
	flags.StringVar(&s.logFormat, "log-format", "text", "")
	flags.BoolVar(&s.verbose, "verbose", false, "")
	showVersion := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		return s, true, nil
	case err != nil:
		return s, false, &usageError{cause: err}
	case *showVersion:
		fmt.Fprintln(stdout, version)
		return s, true, nil
	}

	switch {
	case flags.NArg() > 0:
		// The message leaves the argument out, because it may be a token without its flag.
		err = errors.New("the agent takes flags only, and there is an argument without a flag")
	case s.enrolment.Token != "" && s.enrolment.File != "":
		err = errors.New("--token and --token-file exclude each other")
	case s.maxRetries < 0:
		err = errors.New("--max-retries must not be negative")
	case s.logFormat != "text" && s.logFormat != "json":
		err = errors.New("--log-format must be text or json")
	}
	if err != nil {
		return s, false, &usageError{cause: err}
	}
	s.stateDir, err = defaultStateDir(s.stateDir)
	return s, false, err
}

// defaultStateDir returns the directory of --state-dir, or its default if that is empty.
func defaultStateDir(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &usageError{cause: fmt.Errorf("there is no home directory for the state (%w): give --state-dir", err)}
	}
	return filepath.Join(home, ".zedops-agent"), nil
}
