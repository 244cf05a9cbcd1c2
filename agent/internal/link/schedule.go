package link

import "time"

// beatSchedule has the times at which heartbeats are due. They are fixed, so that the delays of single heartbeats do not add
// up, and the manager sees all heartbeats of its agents in the same few seconds of an interval.
type beatSchedule struct {
	due      time.Time // of one heartbeat; the others are whole intervals away
	interval time.Duration
}

// wait returns how long it is until the next heartbeat is due.
func (s *beatSchedule) wait(now time.Time) time.Duration {
	if late := now.Sub(s.due); late >= 0 {
		s.due = s.due.Add((late/s.interval + 1) * s.interval)
	}
	return s.due.Sub(now)
}

// align makes a heartbeat due after a delay, which is an interval at most.
func (s *beatSchedule) align(now time.Time, delay time.Duration) {
	s.due = now.Add(min(delay, s.interval))
}
