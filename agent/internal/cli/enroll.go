package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"
	"time"

	"github.com/zedops/zedops/agent/internal/control"
	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

func enrollCommand() command {
	return command{
		name:    "enroll",
		summary: "enrol this host, check that the manager answers, and end",
		help: `Usage: zedops-agent enroll [flags]

Enrols this host with an enrolment token, waits until the manager has acknowledged
a heartbeat, and ends. "zedops-agent" then runs without a token. Use it in
scripts, or to see whether the connection works.

If this host is enrolled already, it proves in the same way that its stored
credential works. If an agent runs with the state directory, it asks that agent.

  zedops-agent enroll --manager https://zedops.example.com --token-file -

Flags:
` + enrolmentHelp + stateDirHelp + caFileHelp + `  --wait DURATION     give up after this time, such as 30s or 5m. Default: 60s
` + logHelp + `
Exit codes:
  0    this host is enrolled, and the manager answers
  1    a fault on this host, such as a state directory that cannot be written
  64   wrong flags or settings
  75   no answer within --wait; what is stored stays, so try again
  77   the manager refused the enrolment token, or it removed or revoked this
       host; trying again does not help
  78   this host is not enrolled, and no enrolment token was given
`,
		logs: true,
		prepare: func(flags *flag.FlagSet, p process) func() error {
			s := &settings{}
			s.defineStateDir(flags)
			s.defineEnrolment(flags)
			s.defineCAFile(flags)
			s.defineLog(flags)
			wait := flags.Duration("wait", time.Minute, "")
			return func() error {
				if *wait <= 0 {
					return &usageError{cause: errors.New("--wait must be longer than 0")}
				}
				if err := s.check(); err != nil {
					return err
				}
				return enroll(*s, *wait, p)
			}
		},
	}
}

// notConnectedError says that the manager did not answer in time.
type notConnectedError struct {
	wait time.Duration
	last string // error; may be empty
}

func (n *notConnectedError) Error() string {
	text := fmt.Sprintf("not connected within %s", n.wait)
	if n.last != "" {
		text += "; the last error: " + n.last
	}
	return text
}

func enroll(s settings, wait time.Duration, p process) error {
	slog.SetDefault(newLogger(s))
	store, err := identity.Open(s.stateDir)
	var locked *identity.LockedError
	if errors.As(err, &locked) {
		return enrolledByAnother(s.stateDir, wait, p, err)
	}
	if err != nil {
		return err
	}
	defer store.Close()
	config, err := configure(s, store, p)
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	limited, end := context.WithTimeout(ctx, wait)
	defer end()
	var l *link.Link
	changed := make(chan struct{}, 1)
	config.Observe = func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	config.Output = io.Discard
	l = link.New(config)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(limited) }()
	for {
		select {
		case <-changed:
			if now := l.Status(); now.State == link.Connected && now.Acknowledged {
				end()
				if err := <-ended; err != nil {
					return err
				}
				_, err := fmt.Fprintf(p.stdout, "enrolled with %s as %s\n", config.Manager, newReport(now, config).agent())
				return err
			}
		case err := <-ended:
			switch {
			case err != nil:
				return err
			case ctx.Err() != nil:
				return errors.New("stopped before the manager answered")
			}
			return &notConnectedError{wait: wait, last: newReport(l.Status(), config).LastError}
		}
	}
}

// enrolledByAnother asks the agent that runs with the state directory. locked is returned if it cannot be asked.
func enrolledByAnother(dir string, wait time.Duration, p process, locked error) error {
	slog.Info("an agent runs with this state directory, asking it", "stateDir", dir)
	_, r, err := awaitConnected(dir, wait)
	switch {
	case errors.Is(err, control.ErrNoAgent):
		return locked
	case err != nil:
		return err
	case r.State != link.Connected:
		return &notConnectedError{wait: wait, last: r.LastError}
	}
	_, err = fmt.Fprintf(p.stdout, "enrolled with %s as %s; an agent runs and is connected\n", r.Manager, r.agent())
	return err
}
