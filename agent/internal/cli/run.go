// Package cli is the command line of the agent: flags, help, the choice of the credential, and exit codes.
package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

// memoryGoal is what the Go runtime tries to stay under, in bytes. The largest frames that the agent takes need half of it.
// The pages of the binary come on top: the process stays under 32 MB.
const memoryGoal = 18 << 20

// Main runs the agent with the arguments of the process and returns its exit code.
func Main(version string) int {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
	return exit(run(os.Args[1:], os.Stdout, version), os.Stderr)
}

func run(args []string, stdout io.Writer, version string) error {
	// A terminal that is closed and a reader of the log that goes away do not end the agent: the host would be lost.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	if len(args) > 0 && args[0] == "doctor" {
		return runDoctor(args[1:], stdout, version)
	}
	s, done, err := parseFlags(args, stdout, version)
	if err != nil || done {
		return err
	}
	slog.SetDefault(newLogger(s))
	if s.enrolment.Token != "" {
		slog.Warn("other users of this host can see the token of --token in the process list: prefer --token-file or ZEDOPS_TOKEN")
	}

	authorities, err := loadAuthorities(s.caFile)
	if err != nil {
		return err
	}
	store, err := identity.Open(s.stateDir)
	if err != nil {
		return err
	}
	defer store.Close()
	for _, warning := range store.Warnings {
		slog.Warn(warning)
	}
	c, err := chooseCredential(s, store)
	if err != nil {
		return err
	}
	if c.manager.IsUnencrypted() {
		slog.Warn("the token crosses the network unencrypted: use an https:// manager", "manager", c.manager.String())
	}
	if err := useProxy(c.manager); err != nil {
		return &usageError{cause: err}
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	slog.Info("connecting", "manager", c.manager.String(), "version", version, "stateDir", s.stateDir)
	err = link.New(link.Config{
		Manager:     c.manager,
		Authorities: authorities,
		InstallID:   store.InstallID,
		Token:       c.token,
		Enrolled:    c.enrolled,
		Candidate:   c.candidate,
		Store:       store,
		Reenrol:     newReenrolment(s, store, c.enrolled),
		Name:        c.name,
		Labels:      s.labels,
		Hostname:    hostname,
		Version:     version,
		MaxRetries:  s.maxRetries,
		Log:         slog.Default(),
		Subscribe:   s.subscribe,
		Output:      stdout,
	}).Run(ctx)
	if err == nil {
		slog.Info("stopped")
	}
	return err
}
