package link

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// ack is an answer to a heartbeat.
type ack struct {
	at         time.Time
	serverTime int64 // Unix ms; 0 for the bare form
}

// errSilent ends a connection whose manager gives no sign of life.
var errSilent = fault.New(fault.NoSignOfLife, nil)

// queueAck never makes the reader wait. If there is no room, one measurement is lost.
func (c *connection) queueAck(a ack) {
	select {
	case c.acks <- a:
	default:
	}
}

// maxUnacked is more heartbeats than any round trip lasts: the first two may be close together.
const maxUnacked = 8

// alignment is the data of agent.heartbeat.align, and when it arrived.
type alignment struct {
	at    time.Time
	delay time.Duration
}

// queueAlignment keeps the latest. Data that is not a usable delay is ignored.
func (c *connection) queueAlignment(m protocol.Message, at time.Time) {
	fields, err := protocol.ReadObject(m.Data, "delayMs")
	if err != nil {
		return
	}
	ms, ok := fields["delayMs"].AsNumber()
	if !ok || ms < 0 {
		return
	}
	a := alignment{at: at, delay: time.Duration(min(ms, float64(c.welcome.HeartbeatIntervalMs))) * time.Millisecond}
	select {
	case <-c.alignments:
	default:
	}
	c.alignments <- a
}

// clockLook is the longest time between two looks for a step of the clock. A look needs a wake of its own, and costs as much
// as a heartbeat. So there is one between two heartbeats.
const clockLook = 15 * time.Second

// heartbeat sends a heartbeat at once and then at fixed times: those that the welcome asks for, or every interval from now
// on. It returns when the manager is silent.
func (c *connection) heartbeat(ctx context.Context) error {
	interval := time.Duration(c.welcome.HeartbeatIntervalMs) * time.Millisecond
	lease := time.Duration(c.welcome.LeaseMs) * time.Millisecond
	ackTimeout := min(10*time.Second, lease-interval)

	schedule := beatSchedule{interval: interval}
	if delayMs := c.welcome.HeartbeatDelayMs; delayMs >= 0 {
		schedule.align(c.opened, time.Duration(delayMs)*time.Millisecond)
	} else {
		schedule.align(time.Now(), interval)
	}
	beat := time.NewTimer(0)
	defer beat.Stop()
	overdue := time.NewTimer(ackTimeout)
	overdue.Stop()
	look := min(interval/2, clockLook)
	clockCheck := time.NewTicker(look)
	defer clockCheck.Stop()
	steps := c.clock.steps()

	estimator := rttEstimator{skewMs: c.skewMs}
	var unanswered time.Time // when the first heartbeat was sent that has no sign of life after it; zero if there is none
	var sent []time.Time     // when the heartbeats without an ack were sent; acks come in this order
	var reported time.Time
	var beaten time.Time // when the last heartbeat was sent
	probing := false     // a heartbeat was sent early because the host may have slept

	// probeAfterSleep looks at the clocks. The connection may have died while the host slept. So the next heartbeat is sent
	// now, and gets the whole timeout. This happens once until it is answered: a clock that steps all the time must not
	// postpone errSilent for ever.
	probeAfterSleep := func() bool {
		step := steps.next()
		if step.Abs() <= minClockStep {
			return false
		}
		c.log.Debug("this host slept, or its clock was set", "step", roundForLog(step))
		estimator.clockStepped = true
		if step < 0 || probing {
			return false
		}
		unanswered, probing = time.Time{}, true
		overdue.Stop()
		beat.Reset(0)
		return true
	}

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()

		case <-beat.C:
			probeAfterSleep() // with this heartbeat
			now := time.Now()
			if len(sent) == maxUnacked { // the manager does not answer each of them
				sent = sent[:0]
			}
			sent = append(sent, now)
			beaten = now
			if answered := c.lastFrame.Load() >= int64(unanswered.Sub(c.opened)); unanswered.IsZero() || answered {
				// The timer restarts as soon as a heartbeat is answered. The interval may be shorter than the timeout, and
				// then waiting for the timer would leave the heartbeats in between unchecked.
				if !unanswered.IsZero() {
					probing = false
				}
				unanswered = now
				overdue.Reset(ackTimeout)
				c.liveness.expectWithin(interval + ackTimeout)
			}
			if err := c.write([]byte(protocol.Heartbeat)); err != nil {
				return fmt.Errorf("send a heartbeat: %w", err)
			}
			beat.Reset(schedule.wait(time.Now()))
			clockCheck.Reset(look) // this heartbeat was a look, too
			c.onBeat()

		case a := <-c.alignments:
			schedule.align(a.at, a.delay)
			// One at once, because the next may now be more than an interval after the last. But no manager may make the agent
			// beat all the time.
			beat.Reset(max(0, time.Until(beaten.Add(min(time.Second, max(interval/10, 100*time.Millisecond))))))

		case <-overdue.C:
			if probeAfterSleep() { // the heartbeat was sent before
				break
			}
			if c.lastFrame.Load() < int64(unanswered.Sub(c.opened)) {
				return errSilent
			}
			unanswered, probing = time.Time{}, false

		case a := <-c.acks:
			if !unanswered.IsZero() && c.lastFrame.Load() >= int64(unanswered.Sub(c.opened)) {
				overdue.Stop() // it would wake the agent for nothing
				unanswered, probing = time.Time{}, false
			}
			if a.serverTime != 0 {
				if !reported.IsZero() {
					// This counts back from now, because the clock may have been set since the report.
					estimator.measureSkew(a.serverTime, c.clock().Add(a.at.Sub(reported)/2-time.Since(reported)))
				}
				break
			}
			if len(sent) == 0 {
				break
			}
			estimator.measureRTT(a.at.Sub(sent[0]))
			sent = sent[:copy(sent, sent[1:])]
			if estimator.shouldReport() {
				reported = time.Now()
				if err := c.sendReport(estimator.report()); err != nil {
					return fmt.Errorf("send a heartbeat: %w", err)
				}
			}
			rttMs, skewMs := estimator.rttMs, estimator.skewMs
			c.stats.rttMs.Store(&rttMs)
			c.stats.skewMs.Store(&skewMs)
			c.reporter.acknowledged()

		case <-clockCheck.C:
			probeAfterSleep()
		}
	}
}

// onBeat does what is due about now.
func (l *Link) onBeat() {
	l.watch.onBeat()
	if l.config.OnBeat != nil {
		l.config.OnBeat()
	}
}

// sendReport sends the heartbeat with data.
func (c *connection) sendReport(v heartbeatData) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.send(protocol.Message{Subject: protocol.SubjectHeartbeat, Data: data})
}
