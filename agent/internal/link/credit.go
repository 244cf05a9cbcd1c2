package link

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// amount is a number of fan-out frames and the sum of their lengths in bytes.
type amount struct {
	Frames int64 `json:"frames"`
	Bytes  int64 `json:"bytes"`
}

func (a *amount) add(bytes int64)      { a.Frames++; a.Bytes += bytes }
func (a *amount) subtract(bytes int64) { a.Frames--; a.Bytes -= bytes }

// window is what one connection may have on its way to the feed's writer: docs/PROTOCOL.md "Fan-out". The feed guards it.
type creditWindow struct {
	limit    amount
	step     amount // of either, after which the manager is told
	held     amount // received and not yet written
	consumed amount // written, in all
	reported amount // of those, what the manager knows of
	due      chan struct{}
}

func newCreditWindow(w welcome) *creditWindow {
	limit := amount{Frames: w.CreditFrames, Bytes: w.CreditBytes}
	return &creditWindow{
		limit: limit,
		// At most what the protocol says. Less, where a smaller window or a large frame would otherwise wait for ever for
		// the part of the window that has been consumed and not told.
		step: amount{
			Frames: max(1, min(64, limit.Frames/4)),
			Bytes:  max(1, min(limit.Bytes/4, limit.Bytes-w.MaxFrameBytes)),
		},
		due: make(chan struct{}, 1),
	}
}

// admits is the manager's own rule: a frame larger than the window goes when nothing else is on its way.
func (w *creditWindow) admits(held amount, bytes int64) bool {
	return held.Frames == 0 || (held.Frames < w.limit.Frames && held.Bytes+bytes <= w.limit.Bytes)
}

func (w *creditWindow) consume(bytes int64) {
	w.held.subtract(bytes)
	w.consumed.add(bytes)
	if w.isDue() {
		select {
		case w.due <- struct{}{}:
		default:
		}
	}
}

// isDue at each multiple of a step, however far the last report went beyond one.
func (w *creditWindow) isDue() bool {
	return w.consumed.Frames/w.step.Frames > w.reported.Frames/w.step.Frames || w.consumed.Bytes/w.step.Bytes > w.reported.Bytes/w.step.Bytes
}

// credit tells the manager what has been consumed, until the connection ends.
func (c *connection) sendCredit(ctx context.Context) error {
	// Totals may be told later and at once, so a fast reader does not eat up the budget: half of it is left to the rest.
	pause := 2 * time.Second / time.Duration(c.welcome.MessagesPerSecond)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.window.due:
		}
		consumed, due := c.feed.creditToReport(c.window)
		if !due {
			continue
		}
		data, err := json.Marshal(consumed)
		if err != nil {
			return fmt.Errorf("give credit: %w", err)
		}
		if err := c.send(protocol.Message{Subject: protocol.SubjectCredit, Data: data}); err != nil {
			return fmt.Errorf("give credit: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
