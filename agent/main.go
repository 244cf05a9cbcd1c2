// The ZedOps agent connects this host to a manager and keeps it connected.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

// version is set by the linker: -X main.version=1.2.3
var version = "dev"

const defaultManager = "http://127.0.0.1:8787"

const help = `zedops-agent connects this host to a ZedOps manager and keeps it connected.

The first start needs an enrolment token, which the manager's dashboard or
"make token" gives you. The manager answers it with a token of this host's own,
which the agent keeps; from then on it starts without one. Given one all the
same, it uses it only if the manager has removed or revoked this host.

  zedops-agent --manager https://zedops.example.com --token-file -
  ZEDOPS_TOKEN=... zedops-agent --manager https://zedops.example.com
  zedops-agent

Flags:
  --manager URL       base URL of the manager (http, https, ws or wss).
                      Default: the one this host is enrolled with, else
                      ` + defaultManager + `. Environment: ZEDOPS_MANAGER
  --token-file PATH   file whose first line is the enrolment token; - reads it
                      from standard input
  --token TOKEN       the enrolment token itself. Other users of this host can
                      see it in the process list: prefer the file or
                      the environment variable ZEDOPS_TOKEN
  --name NAME         name of this host in the dashboard, given on enrolment
                      (1 to 64 characters); rename it there later. Default:
                      the enrolment token's name, else the hostname
  --state-dir DIR     where the agent keeps its identity.
                      Default: ~/.zedops-agent
  --subscribe PATTERN write what is published to the pattern to standard output;
                      see below. May be repeated, 32 times at most
  --max-retries N     give up after N connection attempts that failed in a row;
                      0 never gives up. Default: 10
  --log-format F      text or json. Default: text
  --verbose           also log every attempt to connect
  --version           print the version
  --help              print this

Published messages: with --subscribe, each message that an operator publishes to
a matching subject becomes one line of JSON on standard output, for a script:

  zedops-agent --subscribe 'fleet.>' --subscribe 'agents.self.>' |
    while read -r line; do ...; done

  {"subject":"fleet.announce","data":{"text":"hi"},"timestamp":1790000000000}

data and timestamp are left out where the message has none. A pattern begins
with "fleet." or with "agents.self.", which stands for this agent's own id; "*"
is any one token, a last ">" one or more. Nothing is kept for an agent that is
away. While the reader is busy the agent holds one window of messages (256, or
1 MiB), the manager drops what goes beyond, and nothing else waits. When the
reader goes away, as in "| head -1", the agent stops at the next message.

State: the directory (mode 0700) holds "token", the credential; for a moment
beside it "token.candidate", which the manager rotates it to; "manager", the
only URL they are ever sent to; and "install-id". One agent at a time can use it.
A host that was removed or revoked comes back with a new enrolment token; its
old credential is then set aside as "token.refused". A host whose credential is
still good enrols with another manager under another --state-dir.

Network: HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured. SSL_CERT_FILE names
the certificates of a private authority.

Exit codes:
  0    stopped by SIGINT or SIGTERM, or by a reader of standard output that
       went away
  1    a fault on this host, such as a state directory that cannot be written
  2    wrong flags or settings
  75   gave up after --max-retries; starting it again may help
  77   the manager refused this host; starting it again will not help
`

// usageError is a mistake in how the agent was started.
type usageError struct{ error }

func main() {
	err := run()
	if err == nil {
		return
	}
	var usage usageError
	var gaveUp *link.GaveUpError
	var refused *link.RefusedError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "zedops-agent: %v\nSee zedops-agent --help.\n", err)
		os.Exit(2)
	case errors.As(err, &gaveUp):
		slog.Error(err.Error())
		os.Exit(75) // EX_TEMPFAIL
	case errors.As(err, &refused):
		slog.Error(err.Error())
		os.Exit(77) // EX_NOPERM
	default:
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// settings is what flags and environment say.
type settings struct {
	manager    string
	enrolment  identity.EnrolmentSource
	name       string
	stateDir   string
	subscribe  []string
	maxRetries int
	logFormat  string
	verbose    bool
}

func run() error {
	s, done, err := parse(os.Args[1:], os.Stdout)
	if err != nil || done {
		return err
	}
	slog.SetDefault(newLogger(s))
	if s.enrolment.Token != "" {
		slog.Warn("other users of this host can see the token of --token in the process list: prefer --token-file or ZEDOPS_TOKEN")
	}

	store, err := identity.Open(s.stateDir)
	if err != nil {
		return err
	}
	defer store.Close()
	for _, warning := range store.Warnings {
		slog.Warn(warning)
	}
	manager, token, enrolled, err := credential(s, store)
	if err != nil {
		return err
	}
	candidate := ""
	if enrolled {
		if candidate, err = store.Candidate(); err != nil {
			return err
		}
	}
	var reenrol func(context.Context, *link.RefusedError) (string, error)
	if enrolled && s.enrolment.Given() {
		reenrol = func(ctx context.Context, refused *link.RefusedError) (string, error) {
			return replace(ctx, s.enrolment, store, refused)
		}
	}
	if manager.IsUnencrypted() {
		slog.Warn("the token crosses the network unencrypted: use an https:// manager", "manager", manager.String())
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}

	if len(s.subscribe) > 0 {
		// A reader that goes away ends the agent in good order, with a close that tells the manager so.
		signal.Ignore(syscall.SIGPIPE)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	slog.Info("connecting", "manager", manager.String(), "version", version, "stateDir", s.stateDir)
	err = link.New(link.Config{
		Manager:    manager,
		InstallID:  store.InstallID,
		Token:      token,
		Enrolled:   enrolled,
		Candidate:  candidate,
		Store:      store,
		Reenrol:    reenrol,
		Name:       s.name,
		Hostname:   hostname,
		Version:    version,
		MaxRetries: s.maxRetries,
		Log:        slog.Default(),
		Subscribe:  s.subscribe,
		Output:     os.Stdout,
	}).Run(ctx)
	if errors.Is(err, link.ErrOutputClosed) {
		slog.Info(err.Error())
		err = nil
	}
	if err == nil {
		slog.Info("stopped")
	}
	return err
}

// parse reads flags and environment. done means that there is nothing left to do.
func parse(args []string, stdout io.Writer) (s settings, done bool, err error) {
	s.manager = os.Getenv("ZEDOPS_MANAGER")
	s.enrolment.Env = os.Getenv("ZEDOPS_TOKEN")
	os.Unsetenv("ZEDOPS_TOKEN")

	flags := flag.NewFlagSet("zedops-agent", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.manager, "manager", s.manager, "")
	flags.StringVar(&s.enrolment.Token, "token", "", "")
	flags.StringVar(&s.enrolment.File, "token-file", "", "")
	flags.StringVar(&s.name, "name", "", "")
	flags.StringVar(&s.stateDir, "state-dir", "", "")
	flags.Func("subscribe", "", func(pattern string) error {
		s.subscribe = append(s.subscribe, pattern)
		if len(s.subscribe) > link.MaxSubscriptions {
			return fmt.Errorf("there are more than %d", link.MaxSubscriptions)
		}
		return link.CheckPattern(pattern)
	})
	flags.IntVar(&s.maxRetries, "max-retries", 10, "")
	flags.StringVar(&s.logFormat, "log-format", "text", "")
	flags.BoolVar(&s.verbose, "verbose", false, "")
	showVersion := flags.Bool("version", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		return s, true, nil
	case err != nil:
		return s, false, usageError{error: err}
	case *showVersion:
		fmt.Fprintln(stdout, version)
		return s, true, nil
	}

	switch {
	case flags.NArg() > 0:
		// The argument is not repeated: it may be a token that lost its flag.
		err = errors.New("it takes flags only, and there is an argument without one")
	case s.enrolment.Token != "" && s.enrolment.File != "":
		err = errors.New("--token and --token-file exclude each other")
	case s.maxRetries < 0:
		err = errors.New("--max-retries must not be negative")
	case s.logFormat != "text" && s.logFormat != "json":
		err = errors.New("--log-format must be text or json")
	case s.name != "" && !validName(s.name):
		err = errors.New("--name must have 1 to 64 characters and no control characters")
	case s.stateDir == "":
		home, homeErr := os.UserHomeDir()
		if homeErr != nil {
			err = errors.New("there is no home directory to keep the state in: give --state-dir")
		}
		s.stateDir = filepath.Join(home, ".zedops-agent")
	}
	if err != nil {
		return s, false, usageError{error: err}
	}
	return s, false, nil
}

func validName(name string) bool {
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > 64 {
		return false
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

func newLogger(s settings) *slog.Logger {
	options := &slog.HandlerOptions{}
	if s.verbose {
		options.Level = slog.LevelDebug
	}
	if s.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// credential decides what is presented to whom. A stored token goes to its own manager and to no other.
func credential(s settings, store *identity.Store) (manager identity.Manager, token string, enrolled bool, err error) {
	stored, err := store.Credential()
	if err != nil {
		return manager, "", false, err
	}
	if s.manager != "" {
		if manager, err = identity.ParseManager(s.manager); err != nil {
			return manager, "", false, usageError{error: err}
		}
	}
	if stored != nil {
		if s.manager != "" && manager != stored.Manager {
			return manager, "", false, usageError{error: fmt.Errorf(
				"this host is enrolled with %s, and its token is not for %s: leave --manager (or ZEDOPS_MANAGER) out, or enrol with the other manager under another --state-dir",
				stored.Manager, manager)}
		}
		if s.enrolment.Given() {
			slog.Info("this host is enrolled already: the enrolment token is used only if the manager has removed or revoked it", "stateDir", s.stateDir)
		}
		if s.name != "" {
			slog.Info("--name is used when enrolling: rename this host in the dashboard")
		}
		return stored.Manager, stored.Token, true, nil
	}
	if s.manager == "" {
		if manager, err = store.Manager(); err != nil {
			return manager, "", false, err
		}
	}
	if manager == (identity.Manager{}) {
		if manager, err = identity.ParseManager(defaultManager); err != nil {
			return manager, "", false, err
		}
	}
	token, err = s.enrolment.Read(os.Stdin, os.Stderr)
	if err != nil {
		return manager, "", false, usageError{error: err}
	}
	return manager, token, false, nil
}

// replace sets a credential aside that the manager wants no more, and returns the enrolment token to go on with. Not
// before now is the token read: whoever starts an enrolled agent should not be asked for one.
func replace(ctx context.Context, enrolment identity.EnrolmentSource, store *identity.Store, refused *link.RefusedError) (string, error) {
	slog.Warn("the manager refused this host's credential, trying the enrolment token", "code", refused.Code, "message", refused.Message)
	var token string
	var err error
	read := make(chan struct{})
	go func() { // a terminal that nobody types at must not hold up a shutdown
		token, err = enrolment.Read(os.Stdin, os.Stderr)
		close(read)
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-read:
	}
	if err != nil {
		slog.Warn("the enrolment token cannot be used, so the credential stays", "error", err)
		return "", refused
	}
	// Before the new one is asked for: a state that cannot be written to should not cost an enrolment token.
	path, err := store.SetAside()
	if err != nil {
		return "", err
	}
	slog.Info("the refused credential is set aside", "path", path)
	return token, nil
}
