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
	growing *backoff.ExponentialBackOff
	fresh   bool // nothing has gone wrong since the last stable connection
}

func newDelays() *delays {
	d := &delays{growing: &backoff.ExponentialBackOff{
		// A factor of 1 spreads each interval over 0 to twice itself, after the cap: full jitter over
		// 0 to min(60 s, 1 s * 2^n).
		RandomizationFactor: 1,
		InitialInterval:     time.Second,
		Multiplier:          2,
		MaxInterval:         30 * time.Second,
	}}
	d.reset()
	return d
}

func (d *delays) reset() {
	d.growing.Reset()
	d.fresh = true
}

// survived tells how long a connection was up that needs no wait after it.
func (d *delays) survived(up time.Duration) {
	if up >= stableAfter {
		d.reset()
	}
}

func (d *delays) after(o outcome) time.Duration {
	d.survived(o.up)
	fresh := d.fresh
	d.fresh = false
	var s *setback
	switch code := closeCode(o.err); {
	case code == protocol.CloseReplaced:
		// Two hosts with one identity would throw each other out for ever: make it rare.
		return 2*time.Minute + upTo(2*time.Minute)
	case code == protocol.CloseGoingAway && o.spread > 0:
		return upTo(o.spread)
	case code == protocol.ClosePolicyViolation, code == protocol.CloseRateLimited:
		return time.Minute + d.growing.NextBackOff()
	case errors.As(o.err, &s) && s.retryAfter > 0:
		// Added, not the larger of the two: agents that were told the same minute must not all come in it.
		return s.retryAfter + d.growing.NextBackOff()
	case o.up > 0 && fresh:
		return upTo(o.spread)
	default:
		return d.growing.NextBackOff()
	}
}

func upTo(limit time.Duration) time.Duration {
	return rand.N(limit + 1)
}
