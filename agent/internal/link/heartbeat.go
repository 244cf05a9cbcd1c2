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
func (c *connection) queueAck(a ack) {
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
	look := time.NewTicker(min(interval/6, 5*time.Second))
	defer look.Stop()
	steps := c.clock.steps()

	gauge := rttEstimator{skewMs: c.skewMs}
	var asked time.Time // the oldest beat that nothing has answered, as far as known; zero: none
	var sent time.Time  // the latest beat without an ack; zero: none
	var reported time.Time
	probing := false // asked because the host may have slept

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()

		case <-beat.C:
			sent = time.Now()
			if answered := c.lastFrame.Load() >= int64(asked.Sub(c.opened)); asked.IsZero() || answered {
				// An answered beat needs no verdict any more. With an interval shorter than the patience, waiting for it
				// would leave the beats in between unasked.
				if !asked.IsZero() {
					probing = false
				}
				asked = sent
				overdue.Reset(patience)
			}
			if err := c.write([]byte(protocol.Heartbeat)); err != nil {
				return fmt.Errorf("send a heartbeat: %w", err)
			}
			beat.Reset(interval)

		case <-overdue.C:
			if c.lastFrame.Load() < int64(asked.Sub(c.opened)) {
				return errSilent
			}
			asked, probing = time.Time{}, false

		case a := <-c.acks:
			if a.serverTime != 0 {
				if !reported.IsZero() {
					// Counted back from now, should the clock have been set since the report.
					gauge.measureSkew(a.serverTime, c.clock().Add(a.at.Sub(reported)/2-time.Since(reported)))
				}
				break
			}
			if sent.IsZero() {
				break
			}
			gauge.measureRTT(a.at.Sub(sent))
			sent = time.Time{}
			if gauge.shouldReport() {
				reported = time.Now()
				if err := c.sendReport(gauge.report()); err != nil {
					return fmt.Errorf("send a heartbeat: %w", err)
				}
			}
			rttMs, skewMs := gauge.rttMs, gauge.skewMs
			c.stats.rttMs.Store(&rttMs)
			c.stats.skewMs.Store(&skewMs)

		case <-look.C:
			step := steps.next()
			if step.Abs() <= minClockStep {
				break
			}
			c.log.Debug("this host slept, or its clock was set", "step", roundForLog(step))
			gauge.clockStepped = true
			// After a sleep the connection may be long dead: ask now rather than at the next beat, and give that the
			// whole patience. Once, so that a clock which runs wild does not put off the verdict for ever.
			if step > 0 && !probing {
				asked, probing = time.Time{}, true
				overdue.Stop()
				beat.Reset(0)
			}
		}
	}
}

// report sends the heartbeat's form with data.
func (c *connection) sendReport(v heartbeatData) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.send(protocol.Message{Subject: protocol.SubjectHeartbeat, Data: data})
}
