package link

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// amount is a number of fan-out frames and the sum of their lengths.
type amount struct {
	Frames int64 `json:"frames"`
	Bytes  int64 `json:"bytes"`
}

func (a *amount) add(bytes int64)      { a.Frames++; a.Bytes += bytes }
func (a *amount) subtract(bytes int64) { a.Frames--; a.Bytes -= bytes }

// creditWindow limits the published messages of one connection that are not written yet: docs/PROTOCOL.md "Fan-out". The
// feed's mutex guards it. Its counterpart is CreditWindow of the manager.
type creditWindow struct {
	limit    amount
	step     amount // credit is due after this many frames or bytes
	held     amount // received and not yet written
	consumed amount // written since the connection began
	reported amount // the part of consumed that the manager knows of
	due      chan struct{}
}

func newCreditWindow(w welcome) *creditWindow {
	limit := amount{Frames: w.CreditFrames, Bytes: w.CreditBytes}
	return &creditWindow{
		limit: limit,
		// The protocol allows at most 64 frames or a quarter of the bytes. A small window needs a smaller step: otherwise a
		// large frame waits for ever for the part of the window that is consumed but not reported.
		step: amount{
			Frames: max(1, min(64, limit.Frames/4)),
			Bytes:  max(1, min(limit.Bytes/4, limit.Bytes-w.MaxFrameBytes)),
		},
		due: make(chan struct{}, 1),
	}
}

// admits is the manager's rule: a frame larger than the window may be sent when no other frame is on its way.
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

// isDue is true when consumed has passed a multiple of the step since the last report.
func (w *creditWindow) isDue() bool {
	return w.consumed.Frames/w.step.Frames > w.reported.Frames/w.step.Frames || w.consumed.Bytes/w.step.Bytes > w.reported.Bytes/w.step.Bytes
}

// sendCredit reports the consumed amount to the manager until the connection ends.
func (c *connection) sendCredit(ctx context.Context) error {
	// A credit holds totals, so one credit can replace several. The pause keeps credits to half of the message budget, even
	// with a fast reader.
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
			return fmt.Errorf("send credit: %w", err)
		}
		if err := c.send(protocol.Message{Subject: protocol.SubjectCredit, Data: data}); err != nil {
			return fmt.Errorf("send credit: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
