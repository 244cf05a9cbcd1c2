package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// script is what the attempts of a supervisor do, one after another: stay up for so long and then be lost, or fail.
type script []time.Duration

const fails = 0

// play runs the script and cancels after it. It returns the log, when the attempts began, and what run returned.
func play(t *testing.T, maxRetries int, steps script) (log string, begun []time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	start := time.Now()
	out := &logged{}
	s := supervisor{maxRetries: maxRetries, delays: newDelays(), clock: time.Now, log: slog.New(slog.NewTextHandler(out, nil))}
	s.connect = func(ctx context.Context, ready func(session)) outcome {
		n := len(begun)
		begun = append(begun, time.Since(start))
		if n == len(steps) {
			cancel()
			return outcome{err: ctx.Err()}
		}
		if steps[n] == fails {
			return outcome{err: fmt.Errorf("fault %d", n+1)}
		}
		ready(session{})
		time.Sleep(steps[n])
		return outcome{err: fmt.Errorf("fault %d", n+1), up: steps[n], welcome: &welcome{ReconnectSpreadMs: 1000}}
	}
	err = s.run(ctx)
	return out.String(), begun, err
}

func TestGivesUpAfterFailuresInARowOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, begun, err := play(t, 3, script{fails, fails, time.Second, fails, fails, time.Hour, fails, fails, fails, time.Hour})
		var gaveUp *GaveUp
		if !errors.As(err, &gaveUp) || gaveUp.Attempts != 3 || gaveUp.Last.Error() != "fault 9" || len(begun) != 9 {
			t.Errorf("after %d attempts it ended with %v", len(begun), err)
		}
	})
}

func TestNeverGivesUpWithMaxRetries0(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, begun, err := play(t, 0, make(script, 500))
		if err != nil || len(begun) != 501 {
			t.Errorf("after %d attempts it ended with %v", len(begun), err)
		}
		// 500 waits of 30 s on average. That they end early would show backoff's limit on the elapsed time.
		if last := begun[500]; last < time.Hour || last > 8*time.Hour {
			t.Errorf("500 attempts took %v", last)
		}
	})
}

func TestLogsChangesOnlyAndSumsUpAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _, _ := play(t, 0, script{fails, fails, time.Hour, fails, fails, fails, time.Hour})
		var lines []string
		for line := range strings.Lines(log) {
			_, line, _ = strings.Cut(line, "msg=")
			lines = append(lines, line)
		}
		if len(lines) != 5 {
			t.Fatalf("the log is\n%s", log)
		}
		for i, parts := range [][]string{
			{"cannot connect, retrying", `error="fault 1"`},
			{"connected", "failedAttempts=2", `lastError="fault 2"`, "offlineFor="},
			{"connection lost, retrying", `error="fault 3"`, "up=1h0m0s"},
			{"reconnected", "failedAttempts=3", `lastError="fault 6"`, "offlineFor="},
			{"connection lost, retrying", `error="fault 7"`},
		} {
			for _, part := range parts {
				if !strings.Contains(lines[i], part) {
					t.Errorf("line %d is %q and lacks %q", i+1, lines[i], part)
				}
			}
		}
	})
}

func TestARefusalIsNotRetried(t *testing.T) {
	refused := &Refused{Code: "agent_revoked"}
	attempts := 0
	s := supervisor{delays: newDelays(), clock: time.Now, log: slog.New(slog.DiscardHandler)}
	s.refused = func(_ context.Context, r *Refused) error { return r }
	s.connect = func(context.Context, func(session)) outcome {
		attempts++
		return outcome{err: refused}
	}
	if err := s.run(t.Context()); err != refused || attempts != 1 {
		t.Errorf("after %d attempts it ended with %v", attempts, err)
	}
}
