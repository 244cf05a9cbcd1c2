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
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kB, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			m.resident = kB << 10
		case "RssAnon":
			m.anonymous = kB << 10
		}
	}
	return m, nil
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
