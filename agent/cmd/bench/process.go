//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory is what a process holds, in bytes.
type memory struct {
	resident  int64 // all of its pages in memory, those of its file among them
	anonymous int64 // heap, stacks and the runtime's own tables
}

func readMemory(pid int) (m memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m.resident, m.anonymous = statusField(status, "VmRSS")<<10, statusField(status, "RssAnon")<<10
	return m, err
}

// readWakes returns how often the threads of a process have waited so far, and so how often they woke.
func readWakes(pid int) (wakes int64, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range threads {
		status, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		wakes += statusField(status, "voluntary_ctxt_switches")
	}
	return wakes, err
}

// statusField is a number in the status file of a process or thread.
func statusField(status []byte, field string) (value int64) {
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, field+":"); ok {
			value, _ = strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
		}
	}
	return value
}

// readCPU returns the CPU time that the threads of a process have used so far. /proc/<pid>/stat counts in steps of 10 ms,
// and an agent uses less in minutes. A thread that has ended does not count; the Go runtime keeps its threads.
func readCPU(pid int) (used time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("process %d has no threads: %w", pid, os.ErrNotExist)
	}
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		running, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", file, err)
		}
		used += time.Duration(ns)
	}
	return used, nil
}
