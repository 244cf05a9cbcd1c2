package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// ack is an answer to a heartbeat.
type ack struct {
	at         time.Time
	serverTime int64 // Unix ms; 0 for the bare form
}

// errSilent ends a connection whose manager gives no sign of life.
var errSilent = errors.New("the manager gives no sign of life")

// acknowledge never makes the reader wait: an ack that finds no room costs one measurement.
func (c *connection) acknowledge(a ack) {
	select {
	case c.acks <- a:
	default:
	}
}

// heartbeat beats at once and then at the interval of the welcome, until the manager falls silent.
func (c *connection) heartbeat(ctx context.Context) error {
	interval := time.Duration(c.welcome.HeartbeatIntervalMs) * time.Millisecond
	lease := time.Duration(c.welcome.LeaseMs) * time.Millisecond
	patience := min(10*time.Second, lease-interval)

	beat := time.NewTimer(0)
	defer beat.Stop()
	overdue := time.NewTimer(patience)
	overdue.Stop()
	clock := time.NewTicker(max(interval/6, time.Millisecond))
	defer clock.Stop()

	gauge := gauge{skewMs: c.skewMs}
	var asked time.Time // the oldest beat without a verdict; zero: none
	var sent time.Time  // the latest beat without an ack; zero: none
	var reported time.Time
	looked := time.Now()

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()

		case <-beat.C:
			sent = time.Now()
			if asked.IsZero() {
				asked = sent
				overdue.Reset(patience)
			}
			if err := c.write([]byte(protocol.BareHeartbeat)); err != nil {
				return fmt.Errorf("send a heartbeat: %w", err)
			}
			beat.Reset(interval)

		case <-overdue.C:
			if c.lastFrame.Load() < int64(asked.Sub(c.opened)) {
				return errSilent
			}
			asked = time.Time{}

		case a := <-c.acks:
			if a.serverTime != 0 {
				gauge.tellTime(a, reported)
				break
			}
			if sent.IsZero() {
				break
			}
			gauge.measure(a.at.Sub(sent))
			sent = time.Time{}
			if gauge.worthTelling() {
				reported = time.Now()
				if err := c.report(gauge.tell()); err != nil {
					return fmt.Errorf("send a heartbeat: %w", err)
				}
			}
			rttMs, skewMs := gauge.rttMs, gauge.skewMs
			c.vitals.rttMs.Store(&rttMs)
			c.vitals.skewMs.Store(&skewMs)

		case <-clock.C:
			// Timers count monotonic time, which stands still while a laptop sleeps; the wall clock does not. So a
			// step of the wall clock past the other means that the host has slept (or that its clock was set), and the
			// connection may be long dead: ask at once rather than at the next beat.
			now := time.Now()
			step := now.Round(0).Sub(looked.Round(0)) - now.Sub(looked)
			looked = now
			if step > interval {
				beat.Reset(0)
			}
			if step.Abs() > time.Second {
				gauge.stepped = true
			}
		}
	}
}

// report sends the heartbeat's form with data.
func (c *connection) report(v reading) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.send(protocol.Message{Subject: protocol.SubjectHeartbeat, Data: data})
}
