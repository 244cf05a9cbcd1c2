package cli

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/zedops/zedops/agent/internal/control"
	"github.com/zedops/zedops/agent/internal/doctor"
	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

func doctorCommand() command {
	return command{
		name:    "doctor",
		summary: "check each step to the manager, and say what to do",
		help:    doctorHelp,
		prepare: func(flags *flag.FlagSet, p process) func() error {
			s := &settings{manager: os.Getenv("ZEDOPS_MANAGER")}
			s.defineStateDir(flags)
			s.defineCAFile(flags)
			flags.StringVar(&s.manager, "manager", s.manager, "")
			asJSON := flags.Bool("json", false, "")
			return func() error {
				s.findStateDir()
				if err := s.check(); err != nil {
					return err
				}
				return examine(*s, p, *asJSON)
			}
		},
	}
}

func examine(s settings, p process, asJSON bool) error {
	if s.manager != "" {
		if _, err := identity.ParseManager(s.manager); err != nil {
			return &usageError{cause: err}
		}
	}
	adopted := adoptEnvironment(s.stateDir)
	if s.caFile == "" {
		s.caFile = os.Getenv(caFileVariable)
	}
	authorities, err := loadAuthorities(s.caFile)
	if err != nil {
		return err
	}
	log.SetOutput(io.Discard) // net/http has a log of its own; the report tells
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	report, err := doctor.Run(ctx, doctor.Config{
		StateDir: s.stateDir, Manager: s.manager, Default: defaultManager, Version: p.version, Authorities: authorities,
		OfAgent: adopted, UseProxy: useProxy, Ask: func() (doctor.Agent, error) { return askAgent(s.stateDir) },
	})
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return err
	}
	write := report.WriteText
	if asJSON {
		write = report.WriteJSON
	}
	if err := write(p.stdout); err != nil {
		return err
	}
	if !report.Healthy {
		return exitCode(exitFault)
	}
	return nil
}

// askAgent asks the agent that runs with the state directory, as status does.
func askAgent(stateDir string) (doctor.Agent, error) {
	text, err := control.Ask(stateDir)
	if err != nil {
		return doctor.Agent{}, err
	}
	r := readReport(text)
	if r.State == link.Connected {
		return doctor.Agent{Connected: true, Text: "since " + moment(r.Since, time.Now()), Proxy: r.Proxy}, nil
	}
	told := r.LastError
	if told == "" {
		told = "it has just begun"
	}
	if r.NextAttempt != "" {
		told += "; next attempt at " + r.NextAttempt
	}
	return doctor.Agent{Text: told, Code: r.LastErrorCode, Proxy: r.Proxy}, nil
}

// useProxy prepares the proxy of the environment for a manager. No proxy is used for this host itself.
func useProxy(manager identity.Manager) error {
	if manager.IsLoopback() {
		return nil
	}
	return checkProxy(manager.Scheme())
}

const doctorHelp = `Usage: zedops-agent doctor [flags]

Takes the steps of a new connection and checks each: state directory, clock,
name service, proxy, TCP, TLS, upgrade to a WebSocket, credential, heartbeat. Each
check is ok, failed or skipped. A failed one has a code and a remedy. Works with
and without a running agent, before and after the enrolment. It changes nothing:
it does not enrol this host, and a running agent keeps its connection. Ends
within 30 s.

If the environment says nothing of a proxy or of certificates, doctor takes the
variables of the running agent's environment. Linux shows them to root and to the
agent's own user. An agent with --ca-file needs doctor with the same --ca-file.

Flags:
  --manager URL       manager to check. Default: the one that this host is
                      enrolled with, else ` + defaultManager + `.
                      The token of this host is sent to its own manager only.
                      Environment: ZEDOPS_MANAGER
` + stateDirHelp + serviceDirHelp + caFileHelp + `  --json              print the checks as JSON
  --help              print this help

Exit codes:
  0    no check failed
  1    a check failed
  64   wrong flags
`
