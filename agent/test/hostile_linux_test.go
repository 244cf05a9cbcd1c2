package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
)

// cpu is the time that a process has spent on a processor.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	var spent time.Duration
	for _, task := range tasks {
		var ns int64
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name()))
		_, _ = fmt.Sscan(string(text), &ns)
		spent += time.Duration(ns)
	}
	return spent
}

// peak is the most memory that a process was resident with, in bytes.
func peak(t *testing.T, pid int) (bytes int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(text, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}

// faced is an agent and its hostile manager.
type faced struct {
	trick managertest.Trick
	agent *agent
	dials *atomic.Int64
}

func TestNoManagerCanWearAnAgentOut(t *testing.T) {
	const (
		watch      = 5 * time.Second
		mostMemory = 32_000_000
		mostCPU    = watch / 20 // a fault takes the whole core; how much less than this it is depends on the machine
		mostLines  = 80         // of at most four texts
	)
	for batch := range slices.Chunk(append(slices.Clone(managertest.Loops), managertest.Floods...), 20) {
		var all []faced
		for _, trick := range batch {
			f := faced{trick: trick, dials: &atomic.Int64{}}
			m := managertest.Start(t, trick.Intercept(f.dials))
			f.agent = start(t, options{args: []string{"--state-dir", enrolled(t, m.URL), "--subscribe", "fleet.>"}})
			all = append(all, f)
		}
		began := time.Now()
		before := calm(t, all)
		time.Sleep(watch)
		for i, f := range all {
			t.Run(f.trick.Name, func(t *testing.T) {
				spent, memory, lines := cpu(t, f.agent.Process.Pid)-before[i], peak(t, f.agent.Process.Pid), strings.Count(f.agent.output.String(), "\n")
				t.Logf("%d dials in %v, %.1f MB, %v of a core in %v, %d lines", f.dials.Load(), time.Since(began).Round(time.Second), float64(memory)/1e6, spent.Round(time.Millisecond), watch, lines)
				mostDials := 4 + int64(time.Since(began)/time.Second)
				if f.dials.Load() == 0 || f.dials.Load() > mostDials || memory > mostMemory || spent > mostCPU || lines > mostLines {
					t.Error("that is too much")
				}
				select {
				case <-f.agent.ended:
					t.Errorf("it ended with %v", f.agent.ProcessState)
				default:
					_ = f.agent.Process.Kill()
				}
				f.agent.output.shorten()
			})
		}
	}
}

// calm waits until the agents have spent what they may do at once, and returns what each has used of a processor.
func calm(t *testing.T, all []faced) (used []time.Duration) {
	t.Helper()
	used = make([]time.Duration, len(all))
	time.Sleep(2 * time.Second)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Second) {
		busy := false
		for i, f := range all {
			now := cpu(t, f.agent.Process.Pid)
			busy = busy || now-used[i] > 2*time.Second/50
			used[i] = now
		}
		if !busy {
			break
		}
	}
	return used
}
