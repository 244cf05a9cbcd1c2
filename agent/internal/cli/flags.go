package cli

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// settings holds the flags that several commands share, and the environment.
type settings struct {
	manager    string
	enrolment  identity.EnrolmentSource
	name       string
	labels     []string
	stateDir   string
	subscribe  []string
	maxRetries int
	logFormat  string
	verbose    bool
}

// defaultManager is the manager of a host that is not enrolled and is given no other.
const defaultManager = "http://127.0.0.1:8787"

// The help of the shared flags.
const (
	stateDirHelp = `  --state-dir DIR     directory of the agent's identity. Default: STATE_DIRECTORY,
                      which systemd sets, else ~/.zedops-agent
`
	enrolmentHelp = `  --manager URL       base URL of the manager (http, https, ws or wss).
                      Default: the manager that this host is enrolled with,
                      else ` + defaultManager + `. Environment: ZEDOPS_MANAGER
  --token-file PATH   file with the enrolment token; - reads it from standard
                      input
  --token TOKEN       the enrolment token itself. Any user can read process
                      arguments: prefer the file or the environment variable
                      ZEDOPS_TOKEN
  --name NAME         name of this host in the dashboard (1 to 64 characters).
                      Used when enrolling only, and ignored later: rename the
                      host in the dashboard. Default: the enrolment token's name,
                      else the hostname. Environment: ZEDOPS_NAME
  --label LABEL       label of this host: a key, or key=value, such as env=prod.
                      May be repeated, 16 times at most. Used when enrolling
                      only: an operator changes the labels later. A label of
                      the enrolment token with the same key wins
`
	logHelp = `  --log-format F      text or json. Default: text
  --verbose           also log every attempt to connect
`
)

func (s *settings) defineStateDir(flags *flag.FlagSet) {
	flags.StringVar(&s.stateDir, "state-dir", "", "")
}

func (s *settings) defineEnrolment(flags *flag.FlagSet) {
	s.manager, s.name = os.Getenv("ZEDOPS_MANAGER"), os.Getenv("ZEDOPS_NAME")
	s.enrolment.Env = os.Getenv("ZEDOPS_TOKEN")
	os.Unsetenv("ZEDOPS_TOKEN") // so that no child process inherits it
	flags.StringVar(&s.manager, "manager", s.manager, "")
	flags.StringVar(&s.enrolment.Token, "token", "", "")
	flags.StringVar(&s.enrolment.File, "token-file", "", "")
	flags.StringVar(&s.name, "name", s.name, "")
	flags.Func("label", "", func(label string) error {
		if err := protocol.LabelFault(label); err != nil {
			return err
		}
		s.labels = append(s.labels, label)
		return protocol.LabelsFault(s.labels)
	})
}

func (s *settings) defineSubscribe(flags *flag.FlagSet) {
	flags.Func("subscribe", "", func(pattern string) error {
		s.subscribe = append(s.subscribe, pattern)
		if len(s.subscribe) > link.MaxSubscriptions {
			return fmt.Errorf("there are more than %d", link.MaxSubscriptions)
		}
		return link.CheckPattern(pattern)
	})
}

func (s *settings) defineLog(flags *flag.FlagSet) {
	flags.StringVar(&s.logFormat, "log-format", "text", "")
	flags.BoolVar(&s.verbose, "verbose", false, "")
}

// check completes the settings when the flags have been parsed. It returns a *usageError.
func (s *settings) check() (err error) {
	switch {
	case s.enrolment.Token != "" && s.enrolment.File != "":
		err = errors.New("--token and --token-file exclude each other")
	case s.maxRetries < 0:
		err = errors.New("--max-retries must not be negative")
	case s.logFormat != "" && s.logFormat != "text" && s.logFormat != "json":
		err = errors.New("--log-format must be text or json")
	case s.stateDir == "":
		s.stateDir, err = defaultStateDir()
	}
	if err != nil {
		return &usageError{cause: err}
	}
	return nil
}

// defaultStateDir is that of the systemd unit, or one in the home directory.
func defaultStateDir() (string, error) {
	if ofUnit, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); ofUnit != "" { // the first of a list
		return ofUnit, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("there is no home directory for the state (%w): give --state-dir", err)
	}
	return filepath.Join(home, ".zedops-agent"), nil
}
