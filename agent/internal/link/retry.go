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
	growing      *backoff.ExponentialBackOff // the windows to draw from, each a little wider, without jitter of their own
	window       time.Duration               // the present one
	spread       time.Duration               // the reconnectSpreadMs of the last welcome
	fresh        bool                        // nothing has gone wrong since the last stable connection
	troubleSince time.Time                   // when something went wrong first; meaningless while fresh
}

func newDelays() *delays {
	d := &delays{growing: &backoff.ExponentialBackOff{InitialInterval: 2 * time.Second, Multiplier: 1.1, MaxInterval: time.Minute}}
	d.reset()
	return d
}

func (d *delays) reset() {
	d.growing.Reset()
	d.window = d.growing.NextBackOff()
	d.fresh = true
}

// note takes from an attempt what later waits depend on.
func (d *delays) record(o outcome) {
	if o.welcome != nil {
		d.spread = o.welcome.spread()
	}
	if o.up >= stableAfter {
		d.reset()
	}
}

func (d *delays) after(o outcome) time.Duration {
	d.record(o)
	fresh := d.fresh
	if fresh {
		d.fresh, d.troubleSince = false, time.Now()
	}
	var s *retryableError
	switch code := closeCode(o.err); {
	case code == protocol.CloseReplaced:
		// Two hosts with one identity would throw each other out for ever: make it rare.
		return 2*time.Minute + randomUpTo(2*time.Minute)
	case code == protocol.CloseGoingAway && o.welcome != nil && d.spread > 0:
		return randomUpTo(d.spread)
	case code == protocol.ClosePolicyViolation, code == protocol.CloseRateLimited:
		return time.Minute + d.backoff()
	case errors.As(o.err, &s) && s.retryAfter > 0:
		// Added, not the larger of the two: agents that were told the same minute must not all come in it.
		return s.retryAfter + d.backoff()
	case o.up > 0 && fresh:
		return randomUpTo(d.spread)
	default:
		return d.backoff()
	}
}

// failure is full jitter, at the cap as well. The window is half as wide again as the trouble has lasted, 2 s to 60 s: it
// is the same for all the agents of one outage. Were it to double with each failure, every agent would have its own, and
// after 10 s of outage most of a herd would come back in the next 5 s and the last of it only after 50. And a large herd
// is not squeezed into less than the time that its manager has asked it to spread over.
func (d *delays) backoff() time.Duration {
	for wanted := min(time.Since(d.troubleSince)*3/2, d.growing.MaxInterval); d.window < wanted; {
		d.window = d.growing.NextBackOff()
	}
	return randomUpTo(min(d.growing.MaxInterval, max(d.spread, d.window)))
}

// upTo draws whole milliseconds, so that what is logged is what is waited.
func randomUpTo(limit time.Duration) time.Duration {
	return time.Duration(rand.Int64N(limit.Milliseconds()+1)) * time.Millisecond
}
