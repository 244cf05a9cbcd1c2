package link

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v6"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// stableAfter is how long a connection must have been up for the delays to start afresh. Without it, a manager that
// drops its agents right after they register would be hammered.
const stableAfter = time.Minute

// delays decides how long to wait before the next attempt.
type delays struct {
	growing *backoff.ExponentialBackOff // the window to draw from, without jitter of its own
	spread  time.Duration               // the reconnectSpreadMs of the last welcome
	fresh   bool                        // nothing has gone wrong since the last stable connection
}

func newDelays() *delays {
	d := &delays{growing: &backoff.ExponentialBackOff{InitialInterval: 2 * time.Second, Multiplier: 2, MaxInterval: time.Minute}}
	d.reset()
	return d
}

func (d *delays) reset() {
	d.growing.Reset()
	d.fresh = true
}

// note takes from an attempt what later waits depend on.
func (d *delays) note(o outcome) {
	if o.welcome != nil {
		d.spread = o.welcome.spread()
	}
	if o.up >= stableAfter {
		d.reset()
	}
}

func (d *delays) after(o outcome) time.Duration {
	d.note(o)
	fresh := d.fresh
	d.fresh = false
	var s *setback
	switch code := closeCode(o.err); {
	case code == protocol.CloseReplaced:
		// Two hosts with one identity would throw each other out for ever: make it rare.
		return 2*time.Minute + upTo(2*time.Minute)
	case code == protocol.CloseGoingAway && o.welcome != nil && d.spread > 0:
		return upTo(d.spread)
	case code == protocol.ClosePolicyViolation, code == protocol.CloseRateLimited:
		return time.Minute + d.failure()
	case errors.As(o.err, &s) && s.retryAfter > 0:
		// Added, not the larger of the two: agents that were told the same minute must not all come in it.
		return s.retryAfter + d.failure()
	case o.up > 0 && fresh:
		return upTo(d.spread)
	default:
		return d.failure()
	}
}

// failure is full jitter, at the cap as well: 0 to min(60 s, max(spread, 1 s * 2^n)). A large herd that all its attempts
// fail is not squeezed into less than the time its manager has asked it to spread over.
func (d *delays) failure() time.Duration {
	return upTo(min(d.growing.MaxInterval, max(d.spread, d.growing.NextBackOff())))
}

// upTo draws whole milliseconds, so that what is logged is what is waited.
func upTo(limit time.Duration) time.Duration {
	return time.Duration(rand.Int64N(limit.Milliseconds()+1)) * time.Millisecond
}
