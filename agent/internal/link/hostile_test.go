package link

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
)

// The binary's log writes two lines an hour with one text at most, so the number of texts counts here.
func TestNoManagerCanMakeAnAgentDialInALoop(t *testing.T) {
	const hours = 4
	for _, trick := range managertest.Loops {
		t.Run(trick.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dials atomic.Int64
				log := &tally{lines: map[string]int{}}
				_, r := inMemory(t, trick.Intercept(&dials), func(l *Link) {
					l.log = slog.New(slog.NewJSONHandler(log, nil))
					l.router.log = l.log
				})
				time.Sleep(time.Minute)
				first := dials.Load()
				time.Sleep(hours * time.Hour)
				texts := log.texts()
				t.Logf("%d dials in the first minute, %.0f in an hour, %d texts", first, float64(dials.Load()-first)/hours, texts)
				if first == 0 || first > 40 || dials.Load()-first > hours*150 || texts > 6 {
					t.Error("that is too much")
				}
				if c, err := r.store.Credential(); err != nil || c == nil {
					t.Errorf("the credential is %v, %v", c, err)
				}
			})
		})
	}
}

func TestAnOrderAfterAStableConnectionIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := inMemory(t, nil, nil)
		for range 30 {
			p := connected(t, m, r, managertest.Defaults())
			time.Sleep(stableAfter)
			p.Send(t, `{"subject":"agent.reconnect","data":{"delayMs":0}}`)
			ordered := time.Now()
			p = connected(t, m, r, managertest.Defaults())
			if waited := time.Since(ordered); waited > 10*time.Millisecond {
				t.Errorf("it waited %v", waited)
			}
			p.Send(t, `{"subject":"agent.reconnect","data":{"delayMs":0}}`)
			ordered = time.Now()
			p = connected(t, m, r, managertest.Defaults())
			if waited := time.Since(ordered); waited < time.Second || waited > 1100*time.Millisecond {
				t.Errorf("the second time it waited %v", waited)
			}
			time.Sleep(stableAfter)
			p.Send(t, `{"subject":"agent.reconnect","data":{"delayMs":0}}`)
		}
	})
}

func TestTheIntakeIsABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, i := time.Now(), newIntake()
		for range framesAtOnce {
			i.take(t.Context(), 1, 100)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("the first frames waited %v", waited)
		}
		for range 60 * framesPerSecond {
			i.take(t.Context(), 1, 0)
		}
		if waited := time.Since(began); waited < 59*time.Second || waited > 61*time.Second {
			t.Errorf("a minute's frames took %v", waited)
		}
		began, i = time.Now(), newIntake()
		for range (bytesAtOnce + 60*bytesPerSecond) / largestRead {
			i.take(t.Context(), 0, largestRead)
		}
		if waited := time.Since(began); waited < 59*time.Second || waited > 61*time.Second {
			t.Errorf("a minute's bytes took %v", waited)
		}
	})
}

func TestRequestsThatHoldTooMuchAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := newRouter(map[string]Handler{"wait": func(context.Context, json.RawMessage) (any, error) {
			<-release
			return nil, nil
		}}, slog.New(slog.DiscardHandler))
		large := string(make([]byte, mostHeld*3/4))
		first := ask(t.Context(), r, "wait", string(make([]byte, 2*mostHeld))) // alone it may
		if got := <-ask(t.Context(), r, "wait", "1"); got.failure == nil || got.failure.Code != "busy" {
			t.Errorf("got %+v", got)
		}
		close(release)
		<-first
		synctest.Wait()
		if got := <-ask(t.Context(), r, "wait", large); got.failure != nil || r.held.Load() > int64(len(large)) {
			t.Errorf("afterwards: %+v", got.failure)
		}
	})
}
