package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

func TestExitCodes(t *testing.T) {
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	t.Cleanup(func() { slog.SetDefault(previous) })
	for want, err := range map[int]error{
		0:  nil,
		1:  fmt.Errorf("create the state directory: %w", fs.ErrPermission),
		64: fmt.Errorf("wrapped: %w", &usageError{cause: errors.New("no")}),
		75: &link.GaveUpError{Attempts: 2, Last: syscall.ECONNREFUSED},
		77: fmt.Errorf("wrapped: %w", &link.RefusedError{Code: "agent_revoked"}),
		78: fmt.Errorf("wrapped: %w", identity.ErrNoToken),
	} {
		var stderr strings.Builder
		if got := exit(err, runCommand(), &stderr); got != want {
			t.Errorf("%v: exit code %d, want %d", err, got, want)
		}
		if usage := strings.Contains(stderr.String(), "zedops-agent run --help"); usage != (want == 64) {
			t.Errorf("%v: it says %q", err, stderr.String())
		}
	}
}

func TestAUsageErrorKeepsItsCause(t *testing.T) {
	_, err := execute([]string{"--subscribe", "fleet.a*"}, process{stdout: io.Discard})
	var usage *usageError
	if !errors.As(err, &usage) || !errors.Is(err, usage.cause) {
		t.Errorf("got %v", err)
	}
	t.Setenv("HOME", "")
	_, err = execute(nil, process{stdout: io.Discard})
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "HOME is not defined") {
		t.Errorf("got %v", err)
	}
	err = &usageError{cause: fmt.Errorf("read the enrolment token: %w", fs.ErrNotExist)}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cause of %v is lost", err)
	}
}
