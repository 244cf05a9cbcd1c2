package cli

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

func runCommand() command {
	return command{
		name:    "run",
		summary: "connect this host and keep it connected",
		help:    runHelp,
		logs:    true,
		prepare: func(flags *flag.FlagSet, p process) func() error {
			s := &settings{}
			s.defineStateDir(flags)
			s.defineEnrolment(flags)
			s.defineCAFile(flags)
			s.defineSubscribe(flags)
			s.defineLog(flags)
			flags.IntVar(&s.maxRetries, "max-retries", 0, "")
			showVersion := flags.Bool("version", false, "")
			return func() error {
				if *showVersion {
					_, err := fmt.Fprintln(p.stdout, p.version)
					return err
				}
				if err := s.check(); err != nil {
					return err
				}
				return run(*s, p)
			}
		},
	}
}

func run(s settings, p process) error {
	// A terminal that is closed and a reader of the log that goes away do not end the agent: the host would be lost.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	slog.SetDefault(newLogger(s))
	store, err := identity.Open(s.stateDir)
	if err != nil {
		return err
	}
	defer store.Close()
	config, err := configure(s, store, p)
	if err != nil {
		return err
	}
	config.MaxRetries, config.Subscribe, config.Output = s.maxRetries, s.subscribe, p.stdout

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	slog.Info("connecting", "manager", config.Manager.String(), "version", p.version, "stateDir", s.stateDir)
	service := newService(config, store, s.stateDir)
	service.start()
	defer service.close()
	context.AfterFunc(ctx, service.stopping)
	err = service.link.Run(ctx)
	if err == nil {
		slog.Info("stopped")
	}
	return err
}

// configure chooses the credential and checks the settings that belong to it. It logs warnings.
func configure(s settings, store *identity.Store, p process) (link.Config, error) {
	if s.enrolment.Token != "" {
		slog.Warn("other users of this host can see the token of --token in the process list: prefer --token-file or ZEDOPS_TOKEN")
	}
	for _, warning := range store.Warnings {
		slog.Warn(warning)
	}
	authorities, err := loadAuthorities(s.caFile)
	if err != nil {
		return link.Config{}, err
	}
	c, err := chooseCredential(s, store, p)
	if err != nil {
		return link.Config{}, err
	}
	if c.manager.IsUnencrypted() {
		slog.Warn("the token crosses the network unencrypted: use an https:// manager", "manager", c.manager.String())
	}
	if err := useProxy(c.manager); err != nil {
		return link.Config{}, &usageError{cause: err}
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}
	return link.Config{
		Manager:     c.manager,
		Authorities: authorities,
		InstallID:   store.InstallID,
		Token:       c.token,
		Enrolled:    c.enrolled,
		Candidate:   c.candidate,
		Store:       store,
		Reenrol:     newReenrolment(s, store, c.enrolled, p),
		Name:        c.name,
		Labels:      s.labels,
		Hostname:    hostname,
		Version:     p.version,
		Log:         slog.Default(),
	}, nil
}

const runHelp = `Usage: zedops-agent [run] [flags]

Connects this host to its manager, keeps it connected, and answers requests. Ends
with SIGINT or SIGTERM.

The first start needs an enrolment token. If you give one to a host that is
enrolled, the agent uses it only if the manager has removed or revoked this host,
or keeps refusing its token.

  zedops-agent --manager https://zedops.example.com --token-file -
  ZEDOPS_TOKEN=... zedops-agent --manager https://zedops.example.com
  zedops-agent

Flags:
` + enrolmentHelp + stateDirHelp + caFileHelp + `  --subscribe PATTERN write each message that is published to the pattern to
                      standard output; see below. May be repeated, 32 times
                      at most
  --max-retries N     give up after N failed connection attempts in a row.
                      Default: 0, which never gives up
` + logHelp + `  --version           print the version
  --help              print this help

Published messages: an operator publishes a message to a subject. With
--subscribe, each message with a matching subject becomes one line of JSON on
standard output, for a script:

  zedops-agent --subscribe 'fleet.>' --subscribe 'agents.self.>' |
    while read -r line; do ...; done

  {"subject":"fleet.announce","data":{"text":"hi"},"timestamp":1790000000000}

The line has no data or timestamp if the message has none. A pattern begins with
"fleet." or "agents.self."; "agents.self." stands for this agent's own subjects.
"*" stands for one token, a last ">" for one or more. The manager keeps no
messages for an agent that is offline. While the reader is busy, the agent holds
one window of messages (256, or 1 MiB) and the manager drops the others. Nothing
else waits for the reader. If the reader goes away, the messages are lost and
the agent stays connected.

State: the state directory (mode 0700) holds these files:
  token            the permanent token
  token.candidate  its replacement, while the manager rotates the token
  token.refused, token.candidate.refused
                   the last tokens, if the manager refused them and this host
                   then enrolled again; the agent does not read them
  manager          the manager's URL; the tokens are sent to no other
  install-id       tells this host from others when it enrols again
  lock             locked while an agent runs
  control          the socket on which a running agent answers "status"
Only one agent at a time can use the directory. A running agent writes files that
are deleted again; it leaves a directory alone that was moved. A removed or
revoked host comes back with a new enrolment token. To enrol a host with a second
manager, use another --state-dir.

Network: the agent honours HTTPS_PROXY or HTTP_PROXY, else ALL_PROXY, and
NO_PROXY. A proxy is a URL that begins with http://, https://, socks5:// or
socks5h://. --ca-file adds the certificates of a private authority to those of
this host; SSL_CERT_FILE replaces this host's.

Exit codes:
  0    stopped by SIGINT or SIGTERM; SIGHUP does not stop it
  1    a fault on this host, such as a state directory that cannot be written
  64   wrong flags or settings
  75   gave up after --max-retries; starting the agent again may help
  77   the manager refused the enrolment token, or it removed or revoked this
       host; starting the agent again does not help
  78   this host is not enrolled, and no enrolment token was given
After any other refusal an enrolled agent keeps its token and tries again every
5 to 30 minutes.
`
