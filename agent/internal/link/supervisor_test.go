package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// script lists the attempts of a supervisor. Each stays up for a time and is lost then, or fails.
type script []time.Duration

const fails = 0

// play runs the script and then cancels. It returns the log, the start of each attempt, and the error of run.
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
		var gaveUp *GaveUpError
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
		// 500 waits take 30 s on average. If they ended early, the backoff library would limit the elapsed time.
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

func TestLogsEachNewErrorOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := &logged{}
		s := supervisor{delays: newDelays(), clock: time.Now, log: slog.New(slog.NewTextHandler(out, nil))}
		attempts := 0
		s.connect = func(_ context.Context, ready func(session)) outcome {
			attempts++
			switch {
			case attempts == 1:
				ready(session{})
				return outcome{err: errLost, up: time.Hour}
			case attempts <= 20:
				return outcome{err: fmt.Errorf("read udp 192.0.2.7:%d: i/o timeout", 40_000+attempts)}
			case attempts <= 40:
				return outcome{err: errors.New([]string{"a portal", "connection refused"}[attempts%2])}
			case attempts <= 100: // never the same twice
				return outcome{err: errors.New(strings.Repeat("x", attempts))}
			}
			cancel()
			return outcome{err: ctx.Err()}
		}
		if err := s.run(ctx); err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]int{"connection lost": 1, "i/o timeout": 1, "a portal": 1, "connection refused": 1, "level=WARN": maxLoggedErrors} {
			if got := strings.Count(out.String(), text); got != want {
				t.Errorf("%q is there %d times, want %d, in\n%s", text, got, want, out)
			}
		}
	})
}

// announced finds the wait in a debug line.
var announced = regexp.MustCompile(`msg="waiting to connect again" wait=(\S+)`)

func TestNoAttemptBeginsBeforeTheAnnouncedWaitIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		drained := func() outcome {
			return outcome{err: errReconnecting, drain: &drain{delay: 4200 * time.Millisecond, until: time.Now().Add(4200*time.Millisecond + 1)}}
		}
		var attempts []func() outcome
		for range 200 { // up to the cap and on
			attempts = append(attempts, func() outcome { return outcome{err: errLost} })
		}
		for range 50 {
			attempts = append(attempts,
				func() outcome {
					return outcome{err: &retryableError{fault: fault.New("busy", nil, "busy"), retryAfter: 30 * time.Second}}
				},
				func() outcome { return outcome{err: closedWith(protocol.CloseReplaced), up: time.Second} },
				func() outcome { return outcome{err: closedWith(protocol.CloseRateLimited), up: time.Second} },
				func() outcome { return welcomed(time.Hour, 10*time.Second) },
				func() outcome { return outcome{err: errLost} },
				drained,
			)
		}
		out := &logged{}
		s := supervisor{delays: newDelays(), clock: time.Now, log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		begun, ended := 0, time.Time{}
		s.connect = func(context.Context, func(session)) outcome {
			lines := out.take() // since the last attempt
			waits := announced.FindAllStringSubmatch(lines, -1)
			if len(waits) != min(begun, 1) || strings.Count(lines, "level=DEBUG msg=connecting ") != 1 {
				t.Fatalf("%d attempts, and since the last one the log says\n%s", begun, lines)
			}
			if begun > 0 {
				wait, err := time.ParseDuration(waits[0][1])
				if err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(ended); waited < wait || waited > wait+time.Millisecond {
					t.Errorf("attempt %d began after %v, and %v was announced", begun+1, waited, wait)
				}
			}
			if begun == len(attempts) {
				cancel()
				return outcome{err: ctx.Err()}
			}
			time.Sleep(3 * time.Second) // the attempt itself takes time, too
			ended = time.Now()
			begun++
			return attempts[begun-1]()
		}
		if err := s.run(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestACleanEndUpdatesTheSpread(t *testing.T) {
	for name, o := range map[string]outcome{"drained": {err: errReconnecting, drain: &drain{}}, "rotating": {err: errRotating}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := supervisor{maxRetries: 1, delays: newDelays(), clock: time.Now, log: slog.New(slog.DiscardHandler)}
				for range 10 {
					s.delays.after(outcome{err: errLost})
				}
				o.up, o.welcome = time.Hour, &welcome{ReconnectSpreadMs: 20_000}
				outcomes := []outcome{o, {err: errLost}}
				s.connect = func(context.Context, func(session)) outcome {
					next := outcomes[0]
					outcomes = outcomes[1:]
					return next
				}
				_ = s.run(t.Context())
				low, high := spread(func(d *delays) { d.spread = s.delays.spread }, outcome{err: errLost})
				wantSpread(t, "the first failure after it", low, high, 0, 20*time.Second)
				if next := s.delays.growing.NextBackOff(); next > 4*time.Second {
					t.Errorf("the window is %v after a connection that was stable", next)
				}
			})
		})
	}
}

func TestALongOutageGetsOneSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outage = 2*time.Hour + 3*time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := &logged{}
		s := supervisor{delays: newDelays(), clock: time.Now, log: slog.New(slog.NewTextHandler(out, nil))}
		var lost time.Time
		failed := 0
		s.connect = func(_ context.Context, ready func(session)) outcome {
			if !lost.IsZero() && time.Since(lost) < outage-2*time.Minute {
				failed++
				time.Sleep(10 * time.Second) // a dial that nobody answers
				return outcome{err: errors.New("the manager does not answer")}
			}
			if !lost.IsZero() {
				time.Sleep(time.Until(lost.Add(outage + 417*time.Millisecond)))
				ready(session{})
				cancel()
				return outcome{err: ctx.Err(), up: time.Second}
			}
			ready(session{})
			time.Sleep(time.Hour)
			lost = time.Now()
			return outcome{err: errors.New("the connection broke off"), up: time.Hour}
		}
		if err := s.run(ctx); err != nil {
			t.Error(err)
		}
		if failed < 100 {
			t.Errorf("only %d attempts failed", failed)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		summary := fmt.Sprintf(`offlineFor=2h3m0s failedAttempts=%d lastError="the manager does not answer"`, failed)
		if len(lines) != 4 || !strings.Contains(lines[1], "connection lost") || !strings.Contains(lines[2], "cannot connect") || !strings.HasSuffix(lines[3], summary) {
			t.Errorf("the log is\n%s\nand should end with %s", out, summary)
		}
	})
}

func TestARefusalIsNotRetried(t *testing.T) {
	refused := &RefusedError{Code: "agent_revoked"}
	attempts := 0
	s := supervisor{delays: newDelays(), clock: time.Now, log: slog.New(slog.DiscardHandler)}
	s.onRefused = func(_ context.Context, r *RefusedError) (time.Duration, error) { return 0, r }
	s.connect = func(context.Context, func(session)) outcome {
		attempts++
		return outcome{err: refused}
	}
	if err := s.run(t.Context()); err != refused || attempts != 1 {
		t.Errorf("after %d attempts it ended with %v", attempts, err)
	}
}
