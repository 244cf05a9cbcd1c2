package test

import (
	"fmt"
	"os"
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

// The agent spends a budget at once, and what it may do on average from then on. So the tricks get some seconds first.
func TestNoManagerCanWearAnAgentOut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	const (
		spend, watch = 4 * time.Second, 8 * time.Second
		mostMemory   = 32_000_000
		mostCPU      = watch / 100
		mostDials    = 14 // in both
		mostLines    = 80 // of at most four texts
	)
	for _, trick := range append(managertest.Loops, managertest.Floods...) {
		t.Run(trick.Name, func(t *testing.T) {
			t.Parallel()
			var dials atomic.Int64
			m := managertest.Start(t, trick.Intercept(&dials))
			a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL), "--subscribe", "fleet.>"}})
			time.Sleep(spend)
			before := cpu(t, a.Process.Pid)
			time.Sleep(watch)
			spent, memory, lines := cpu(t, a.Process.Pid)-before, peak(t, a.Process.Pid), strings.Count(a.output.String(), "\n")
			t.Logf("%d dials, %.1f MB, %v of a core in %v, %d lines", dials.Load(), float64(memory)/1e6, spent.Round(time.Millisecond), watch, lines)
			if dials.Load() == 0 || dials.Load() > mostDials || memory > mostMemory || spent > mostCPU || lines > mostLines {
				t.Error("that is too much")
			}
			select {
			case <-a.ended:
				t.Errorf("it ended with %v", a.ProcessState)
			default:
			}
			a.output.shorten()
		})
	}
}
