package link

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestTheStatusFollowsTheConnection(t *testing.T) {
	m := managertest.Start(t, nil)
	var changes atomic.Int64
	r := run(t, m.URL, func(l *Link) {
		l.reporter.observe = func() { changes.Add(1) }
		l.delays.growing.InitialInterval = time.Millisecond
		l.delays.reset()
	})
	if s := r.Status(); s.State != Connecting || s.AgentID != "" || s.LastError != nil {
		t.Errorf("at first it is %+v", s)
	}
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	eventually(t, func() bool { s := r.Status(); return s.State == Connected && s.Acknowledged }, "connected and acknowledged")
	s := r.Status()
	if s.AgentID != "k3v" || s.Name != "edge-7" || s.RTTMs == nil || s.Reconnects != 0 || !s.NextAttempt.IsZero() || s.Failed != 0 {
		t.Errorf("connected it is %+v", s)
	}
	p.Drop()
	next := m.Next(t)
	s = r.Status()
	if s.State == Connected || s.LastError == nil || s.LastErrorAt.IsZero() || s.Acknowledged {
		t.Errorf("after the loss it is %+v", s)
	}
	r.log.says(t, "lastSign=")
	next.Register(t, managertest.Defaults())
	next.Serve()
	eventually(t, func() bool { return r.Status().State == Connected }, "connected again")
	if s := r.Status(); s.Reconnects != 1 || s.LastError == nil {
		t.Errorf("after the return it is %+v", s)
	}
	if changes.Load() < 5 {
		t.Errorf("the observer saw %d changes", changes.Load())
	}
}

func TestTheSameErrorKeepsItsBeginning(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	r := newReporter(func() time.Time { return now }, nil)
	first := now
	r.ended(errors.New("refused"), 1)
	now = now.Add(time.Minute)
	r.ended(errors.New("refused"), 2)
	if s := r.status; !s.ErrorSince.Equal(first) || !s.LastErrorAt.Equal(now) || s.Failed != 2 || !s.Since.Equal(first) {
		t.Errorf("it is %+v", s)
	}
	r.ended(errors.New("another"), 3)
	if s := r.status; !s.ErrorSince.Equal(now) {
		t.Errorf("it is %+v", s)
	}
}

// linkWith is a Link whose attempts are the test's.
func linkWith(connect func(context.Context, func(session)) outcome) (*Link, *supervisor) {
	l := &Link{liveness: newLiveness(), reporter: newReporter(time.Now, nil)}
	return l, &supervisor{connect: connect, delays: newDelays(), clock: time.Now, log: slog.New(slog.DiscardHandler), reporter: l.reporter, liveness: l.liveness}
}

func TestAnOutageIsNoFaultOfTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := linkWith(func(context.Context, func(session)) outcome { return outcome{err: errors.New("nobody there")} })
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- s.run(ctx) }()
		for range 24 * 60 {
			time.Sleep(time.Minute)
			if l.Overdue() {
				t.Fatal("an agent that waits is overdue")
			}
		}
		stop()
		<-ended
	})
}

func TestAnAttemptThatNeverEndsIsOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := linkWith(func(ctx context.Context, _ func(session)) outcome { <-ctx.Done(); return outcome{err: ctx.Err()} })
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- s.run(ctx) }()
		time.Sleep(longestAttempt)
		if l.Overdue() {
			t.Error("an attempt that may go on is overdue")
		}
		time.Sleep(2 * livenessSlack)
		if !l.Overdue() {
			t.Error("a wedged agent is not overdue")
		}
		stop()
		<-ended
	})
}

func TestAnAnsweredHeartbeatIsProgress(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	p := m.Next(t)
	w := managertest.Defaults()
	w.HeartbeatIntervalMs, w.LeaseMs = 200, 40_000
	p.Register(t, w)
	p.Serve()
	eventually(t, func() bool { return r.Status().State == Connected }, "connected")
	before := r.liveness.due.Load()
	eventually(t, func() bool { return r.liveness.due.Load() > before }, "a later time for the next step")
}
