package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// GaveUp says that as many attempts as allowed have failed in a row.
type GaveUp struct {
	Attempts int
	Last     error
}

func (g *GaveUp) Error() string {
	return fmt.Sprintf("gave up after %d failed attempts in a row; the last one: %v", g.Attempts, g.Last)
}

func (g *GaveUp) Unwrap() error { return g.Last }

// supervisor makes connection after connection, and logs one line when things change.
type supervisor struct {
	connect    func(ctx context.Context, ready func(session)) outcome
	refused    func(context.Context, *Refused) error // nil: an attempt at once may do better
	maxRetries int
	delays     *delays
	log        *slog.Logger
}

// outage is a time without a connection.
type outage struct {
	since   time.Time
	failed  int   // attempts
	lastErr error // nil: none has failed yet, and none was lost
}

func (s *supervisor) run(ctx context.Context) error {
	out := outage{since: time.Now()}
	known := false // whether there ever was a connection
	for {
		s.log.Debug("connecting")
		o := s.connect(ctx, func(n session) {
			s.announce(n, out, known)
			known = true
		})
		var refused *Refused
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(o.err, errNotSaved):
			return o.err
		case errors.Is(o.err, errRotating):
			s.log.Info("token offered by the manager, reconnecting with it")
			s.delays.survived(o.up)
			if o.up > 0 {
				out = outage{since: time.Now()}
			}
			continue
		case errors.As(o.err, &refused):
			err := s.refused(ctx, refused)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return err
			}
			out = outage{since: time.Now()}
			continue
		}

		wait := s.delays.after(o)
		if o.up > 0 {
			out = outage{since: time.Now(), lastErr: o.err}
			attributes := []any{"error", o.err, "up", o.up.Round(time.Millisecond).String()}
			if o.dropped > 0 {
				attributes = append(attributes, "droppedFrames", o.dropped)
			}
			s.log.Warn("connection lost, retrying", attributes...)
		} else {
			out.failed++
			if out.failed == s.maxRetries {
				return &GaveUp{out.failed, o.err}
			}
			if out.lastErr == nil {
				s.log.Warn("cannot connect, retrying", "error", o.err)
			}
			out.lastErr = o.err
		}
		s.log.Debug("waiting to connect again", "wait", wait.Round(time.Millisecond).String(), "failed", out.failed, "error", o.err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (s *supervisor) announce(n session, out outage, known bool) {
	text := "connected"
	attributes := []any{"agentId", n.AgentID, "name", n.Name, "connection", n.connection,
		"rttMs", n.rtt.Milliseconds(), "skewMs", n.skewMs}
	if len(n.patterns) > 0 {
		attributes = append(attributes, "subscriptions", strings.Join(n.patterns, " "))
	}
	if known {
		text = "reconnected"
	}
	if out.lastErr != nil {
		attributes = append(attributes, "offlineFor", time.Since(out.since).Round(time.Millisecond).String(),
			"failedAttempts", out.failed, "lastError", out.lastErr)
	}
	s.log.Info(text, attributes...)
}
