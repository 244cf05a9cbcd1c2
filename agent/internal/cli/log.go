package cli

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"
)

// newLogger writes to standard error: standard output belongs to the published messages. With --verbose nothing is left out.
func newLogger(s settings) *slog.Logger {
	options := &slog.HandlerOptions{}
	if s.verbose {
		options.Level = slog.LevelDebug
	}
	var handler slog.Handler = slog.NewTextHandler(os.Stderr, options)
	if s.logFormat == "json" {
		handler = slog.NewJSONHandler(os.Stderr, options)
	}
	if !s.verbose {
		handler = &calmHandler{Handler: handler, allowances: &allowances{of: map[string]*allowance{}}}
	}
	return slog.New(handler)
}

// How many lines with the same text are written at once, and then one in each pause. A connection that breaks all the time,
// or a manager that means harm, must not fill a disk.
const (
	linesAtOnce = 20
	linePause   = 30 * time.Minute
)

// calmHandler leaves out lines with a text that was written very often lately. The next one with that text counts them.
type calmHandler struct {
	slog.Handler
	allowances *allowances
}

func (h *calmHandler) Handle(ctx context.Context, r slog.Record) error {
	suppressed, written := h.allowances.take(r.Message, time.Now())
	if !written {
		return nil
	}
	if suppressed > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("suppressed", suppressed))
	}
	return h.Handler.Handle(ctx, r)
}

func (h *calmHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return &calmHandler{Handler: h.Handler.WithAttrs(attributes), allowances: h.allowances}
}

func (h *calmHandler) WithGroup(name string) slog.Handler {
	return &calmHandler{Handler: h.Handler.WithGroup(name), allowances: h.allowances}
}

// allowances are kept for each text. The agent has a few dozen.
type allowances struct {
	mu sync.Mutex
	of map[string]*allowance
}

type allowance struct {
	spent      int
	regained   time.Time // when the last spent line was forgiven
	suppressed int
}

func (a *allowances) take(text string, now time.Time) (suppressed int, written bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := a.of[text]
	if one == nil {
		one = &allowance{regained: now}
		a.of[text] = one
	}
	if pauses := int(now.Sub(one.regained) / linePause); pauses > 0 {
		one.spent = max(0, one.spent-pauses)
		one.regained = one.regained.Add(time.Duration(pauses) * linePause)
	}
	if one.spent == linesAtOnce {
		one.suppressed++
		return 0, false
	}
	if one.spent == 0 {
		one.regained = now
	}
	one.spent++
	suppressed, one.suppressed = one.suppressed, 0
	return suppressed, true
}
