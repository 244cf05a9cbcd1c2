package cli

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/zedops/zedops/agent/internal/doctor"
	"github.com/zedops/zedops/agent/internal/identity"
)

// errUnhealthy says that doctor found a fault. The report has told which.
var errUnhealthy = errors.New("a check of doctor failed")

// runDoctor is the command doctor.
func runDoctor(args []string, stdout io.Writer, version string) error {
	flags := flag.NewFlagSet("zedops-agent doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	manager := flags.String("manager", os.Getenv("ZEDOPS_MANAGER"), "")
	stateDir := flags.String("state-dir", "", "")
	caFile := flags.String("ca-file", os.Getenv(caFileVariable), "")
	asJSON := flags.Bool("json", false, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, err := io.WriteString(stdout, help)
		return err
	case err != nil:
		return &usageError{cause: err}
	case flags.NArg() > 0:
		return &usageError{cause: errors.New("doctor takes flags only")}
	}
	dir, err := defaultStateDir(*stateDir)
	if err != nil {
		return err
	}
	authorities, err := loadAuthorities(*caFile)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	report, err := doctor.Run(ctx, doctor.Config{
		StateDir: dir, Manager: *manager, Default: defaultManager, Version: version, Authorities: authorities,
		UseProxy: useProxy,
	})
	if err != nil {
		return &usageError{cause: err}
	}
	write := report.WriteText
	if *asJSON {
		write = report.WriteJSON
	}
	if err := write(stdout); err != nil {
		return err
	}
	if !report.Healthy {
		return errUnhealthy
	}
	return nil
}

// useProxy prepares the proxy of the environment for a manager. No proxy is used for this host itself.
func useProxy(manager identity.Manager) error {
	if manager.IsLoopback() {
		return nil
	}
	return checkProxy(manager.Scheme())
}
