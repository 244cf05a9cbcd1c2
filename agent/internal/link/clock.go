package link

import "time"

// instant is one moment on both of this host's clocks. Monotonic time, which timers count, stands still while a laptop
// sleeps. The wall clock goes on meanwhile, but it may be set to anything at any moment.
type instant struct{ mono, wall time.Time }

// clock reads the wall clock. Tests have one that they can set.
type clock func() time.Time

func (c clock) now() instant { return instant{mono: time.Now(), wall: c().Round(0)} }

// since is how long ago an instant was, with the time that the host slept.
func (c clock) since(then instant) time.Duration {
	now := c.now()
	return max(now.mono.Sub(then.mono), now.wall.Sub(then.wall))
}

// stepped says that the wall clock has left the monotonic one by more than drift and the steering of NTP explain: the
// host has slept, or somebody set its clock.
const minClockStep = time.Second

// steps finds the steps of the wall clock.
type clockSteps struct {
	clock clock
	last  instant
}

func (c clock) steps() *clockSteps { return &clockSteps{clock: c, last: c.now()} }

// next is how far the wall clock went beyond the monotonic one since it was asked last; negative if it was set back.
func (s *clockSteps) next() time.Duration {
	now := s.clock.now()
	step := now.wall.Sub(s.last.wall) - now.mono.Sub(s.last.mono)
	s.last = now
	return step
}
