package link

import "time"

// instant is one moment on both clocks of this host. Timers use the monotonic clock, which stops while a laptop sleeps. The
// wall clock does not stop, but somebody may set it at any moment.
type instant struct{ mono, wall time.Time }

// clock reads the wall clock. Tests use a clock that they can set.
type clock func() time.Time

func (c clock) now() instant { return instant{mono: time.Now(), wall: c().Round(0)} }

// since is the time since an instant, including the time that the host slept.
func (c clock) since(then instant) time.Duration {
	now := c.now()
	return max(now.mono.Sub(then.mono), now.wall.Sub(then.wall))
}

// minClockStep is more than drift and NTP can move the wall clock against the monotonic one. After a larger step the host
// has slept, or somebody has set its clock.
const minClockStep = time.Second

// clockSteps finds the steps of the wall clock.
type clockSteps struct {
	clock clock
	last  instant
}

func (c clock) steps() *clockSteps { return &clockSteps{clock: c, last: c.now()} }

// next is the step of the wall clock against the monotonic one since the last call. It is negative if the clock was set
// back.
func (s *clockSteps) next() time.Duration {
	now := s.clock.now()
	step := now.wall.Sub(s.last.wall) - now.mono.Sub(s.last.mono)
	s.last = now
	return step
}
