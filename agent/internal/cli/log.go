package cli

import (
	"log/slog"
	"os"
)

// newLogger writes to standard error: standard output belongs to the published messages.
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
