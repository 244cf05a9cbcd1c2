package link

import (
	"testing"
	"time"
)

func TestHeartbeatsAreDueAtFixedTimes(t *testing.T) {
	start := time.Unix(1_790_000_000, 0)
	s := beatSchedule{interval: 30 * time.Second}
	s.align(start, 7*time.Second)
	for _, c := range []struct{ at, wait time.Duration }{
		{0, 7 * time.Second},
		{6999 * time.Millisecond, time.Millisecond},
		{7 * time.Second, 30 * time.Second},
		{9 * time.Second, 28 * time.Second},           // a heartbeat that is late does not move those after it
		{7*time.Second + time.Hour, 30 * time.Second}, // nor do many that were missed
	} {
		if got := s.wait(start.Add(c.at)); got != c.wait {
			t.Errorf("after %v it waits %v, want %v", c.at, got, c.wait)
		}
	}
}

func TestNoHeartbeatIsFurtherAwayThanAnInterval(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	s := beatSchedule{interval: 30 * time.Second}
	s.align(now, time.Hour)
	if got := s.wait(now); got != 30*time.Second {
		t.Errorf("it waits %v", got)
	}
}
