package cli

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/zedops/zedops/agent/internal/control"
	"github.com/zedops/zedops/agent/internal/link"
)

func statusCommand() command {
	return command{
		name:    "status",
		summary: "tell whether the agent that runs is connected, and why not",
		help: `Usage: zedops-agent status [flags]

Asks the agent that runs with the same state directory: whether it is connected
and since when, to which manager, under which name and with which labels, round
trip and clock, reconnects, the last error, and when it tries again. The name and
the labels are as of the last connection: an operator may have changed them since.
Only root and the agent's own user may ask.

  zedops-agent status
  zedops-agent status --wait 60s && echo connected

Flags:
` + stateDirHelp + serviceDirHelp + `  --json              one line of JSON instead of text
  --wait DURATION     wait so long, such as 30s or 5m, until an agent runs and is
                      connected. Default: 0, which does not wait

Exit codes:
  0    connected
  1    the agent cannot be asked
  64   wrong flags
  69   no agent runs with this state directory
  75   an agent runs and is not connected
`,
		prepare: func(flags *flag.FlagSet, p process) func() error {
			s := &settings{}
			s.defineStateDir(flags)
			asJSON := flags.Bool("json", false, "")
			wait := flags.Duration("wait", 0, "")
			return func() error {
				if *wait < 0 {
					return &usageError{cause: errors.New("--wait must not be negative")}
				}
				s.findStateDir()
				if err := s.check(); err != nil {
					return err
				}
				return status(s.stateDir, *asJSON, *wait, p)
			}
		},
	}
}

func status(dir string, asJSON bool, wait time.Duration, p process) error {
	text, r, err := awaitConnected(dir, wait)
	if errors.Is(err, control.ErrNoAgent) {
		fmt.Fprintf(p.stderr, "zedops-agent: no agent runs with the state directory %s\n", dir)
		return exitCode(exitNotRunning)
	}
	if err != nil {
		return err
	}
	if asJSON {
		_, err = fmt.Fprintf(p.stdout, "%s\n", text)
	} else {
		_, err = fmt.Fprint(p.stdout, r.text(time.Now()))
	}
	if err == nil && r.State != link.Connected {
		return exitCode(exitGaveUp)
	}
	return err
}

// askPause is the time between two questions to an agent that is not connected yet.
const askPause = 200 * time.Millisecond

// awaitConnected asks an agent until it is connected or the wait is over, and returns its last answer.
func awaitConnected(dir string, wait time.Duration) (text json.RawMessage, r report, err error) {
	for deadline := time.Now().Add(wait); ; time.Sleep(askPause) {
		text, err = control.Ask(dir)
		r = readReport(text)
		if err != nil && !errors.Is(err, control.ErrNoAgent) || err == nil && r.State == link.Connected || !time.Now().Before(deadline) {
			return text, r, err
		}
	}
}
