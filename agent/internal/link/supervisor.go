package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// GaveUpError says that the allowed number of attempts failed in a row.
type GaveUpError struct {
	Attempts int
	Last     error
}

func (g *GaveUpError) Error() string {
	return fmt.Sprintf("gave up after %d failed attempts in a row; the last one: %v", g.Attempts, g.Last)
}

func (g *GaveUpError) Unwrap() error { return g.Last }

// supervisor makes one connection after another. It logs one line when the situation changes, not one for each attempt.
type supervisor struct {
	connect    func(ctx context.Context, ready func(session)) outcome
	onRefused  func(context.Context, *RefusedError) (again time.Duration, err error)
	maxRetries int
	delays     *delays
	clock      clock
	log        *slog.Logger
	reporter   *reporter
	liveness   *liveness
}

// outage is a time without a connection.
type outage struct {
	since          instant
	failedAttempts int   // in a row
	lastErr        error // nil if no attempt has failed and no connection was lost
	loggedErrors   []string
}

// maxLoggedErrors limits the log lines of one outage.
const maxLoggedErrors = 10

// isNewError reports whether an error is the first of its kind in this outage, and remembers it. It ignores digits, because
// ports differ from one attempt to the next. After maxLoggedErrors it is always false.
func (o *outage) isNewError(err error) bool {
	kind := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}
		return r
	}, err.Error())
	if len(o.loggedErrors) >= maxLoggedErrors || slices.Contains(o.loggedErrors, kind) {
		return false
	}
	o.loggedErrors = append(o.loggedErrors, kind)
	return true
}

func (s *supervisor) run(ctx context.Context) error {
	out := outage{since: s.clock.now()}
	connectedBefore := false
	for ctx.Err() == nil {
		s.log.Debug("connecting", "failed", out.failedAttempts)
		s.reporter.connecting()
		s.liveness.expectWithin(longestAttempt)
		o := s.connect(ctx, func(n session) {
			s.logConnected(n, out, connectedBefore)
			s.reporter.connected(n)
			connectedBefore = true
		})
		var refused *RefusedError
		var wait time.Duration
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(o.err, errNotSaved):
			return o.err
		case errors.As(o.err, &refused):
			s.delays.record(o)
			again, err := s.onRefused(ctx, refused)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return err
			case again == 0: // with another token
				s.reporter.ended(o.err, out.failedAttempts)
				continue
			}
			wait = again
		case o.drain != nil:
			s.log.Info("the manager asked to reconnect", "delay", o.drain.delay.String())
			s.reporter.ended(nil, out.failedAttempts)
			s.delays.record(o)
			if o.up > 0 {
				out = outage{since: s.clock.now()}
			}
			// This rounds up to milliseconds, so that the log shows the exact wait.
			s.wait(ctx, (s.delays.order(max(0, time.Until(o.drain.until))) + time.Millisecond - 1).Truncate(time.Millisecond))
			continue
		case errors.Is(o.err, errRotating):
			s.log.Info("the manager offered a new token, reconnecting with it")
			s.reporter.ended(nil, out.failedAttempts)
			s.delays.record(o)
			if o.up > 0 {
				out = outage{since: s.clock.now()}
			}
			if wait := s.delays.order(0); wait > 0 {
				s.wait(ctx, wait)
			}
			continue
		default:
			wait = s.delays.after(o)
		}

		if o.up > 0 {
			out = outage{since: s.clock.now(), lastErr: o.err}
			out.isNewError(o.err)
			attributes := []any{"error", o.err, "up", roundForLog(o.up), "lastSign", roundForLog(o.silence) + " ago"}
			if o.dropped > 0 {
				attributes = append(attributes, "droppedFrames", o.dropped)
			}
			s.log.Warn("connection lost, retrying", attributes...)
		} else {
			out.failedAttempts++
			if out.failedAttempts == s.maxRetries {
				return &GaveUpError{Attempts: out.failedAttempts, Last: o.err}
			}
			if out.isNewError(o.err) {
				text := "cannot connect, retrying"
				if refused != nil {
					text = "cannot connect, keeping the token and trying again every 5 to 30 minutes"
				}
				s.log.Warn(text, "error", o.err)
			}
			out.lastErr = o.err
		}
		s.reporter.ended(o.err, out.failedAttempts)
		if slept := s.wait(ctx, wait, "failed", out.failedAttempts, "error", o.err); slept >= stableAfter {
			s.delays.reset() // failures before the sleep do not count, and a network needs a moment after it
		}
	}
	return nil
}

// wait returns when the wait is over or the context ends. The time that the host sleeps counts as waiting, although timers
// stop meanwhile. slept is that time.
func (s *supervisor) wait(ctx context.Context, wait time.Duration, attributes ...any) (slept time.Duration) {
	s.log.Debug("waiting to connect again", append([]any{"wait", wait.String()}, attributes...)...)
	until := time.Now().Add(wait)
	s.reporter.waiting(until)
	s.liveness.expectWithin(wait)
	over := time.NewTimer(wait)
	defer over.Stop()
	clockCheck := time.NewTicker(time.Second)
	defer clockCheck.Stop()
	steps := s.clock.steps()
	for {
		select {
		case <-ctx.Done():
			return slept
		case <-over.C:
			return slept
		case <-clockCheck.C:
			if step := steps.next(); step > minClockStep {
				slept += step
				over.Reset(time.Until(until.Add(-slept)))
			}
		}
	}
}

func (s *supervisor) logConnected(n session, out outage, connectedBefore bool) {
	text := "connected"
	attributes := []any{"agentId", n.AgentID, "name", n.Name, "connection", n.connection,
		"rttMs", n.rtt.Milliseconds(), "skewMs", n.skewMs}
	if len(n.patterns) > 0 {
		attributes = append(attributes, "subscriptions", strings.Join(n.patterns, " "))
	}
	if connectedBefore {
		text = "reconnected"
	}
	if out.lastErr != nil {
		attributes = append(attributes, "offlineFor", roundForLog(s.clock.since(out.since)),
			"failedAttempts", out.failedAttempts, "lastError", out.lastErr)
	}
	s.log.Info(text, attributes...)
}

// roundForLog leaves out needless digits: 2h3m0s instead of 2h3m0.417s.
func roundForLog(d time.Duration) string {
	if d.Abs() >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}
