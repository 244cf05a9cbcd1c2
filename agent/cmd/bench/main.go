//go:build linux

// Bench measures the agent beside a bare client of the same WebSocket library, and writes its section of
// docs/BENCHMARKS.md:
//
//	go run ./cmd/bench          in about five minutes
//	go run ./cmd/bench --full   in a bit more than an hour, with 10,000 reconnects
//
// It runs in the folder of the agent's module. All clients are connected over TLS to a manager in this process.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/zedops/zedops/agent/internal/compile"
)

// plan is how long and how often.
type plan struct {
	reconnects int
	settle     time.Duration // from the start of the clients until the idle ones are measured
	idle       time.Duration // for which they are measured
}

var (
	short = plan{reconnects: 500, settle: 30 * time.Second, idle: 4 * time.Minute}
	full  = plan{reconnects: 10_000, settle: 5 * time.Minute, idle: time.Hour}
)

// copies is how many clients of each kind are idle. The spread of their figures tells how far to trust them.
const copies = 3

// manyCores is how many a large host has.
const manyCores = 192

func main() {
	chosen := short
	isFull := flag.Bool("full", false, "measure for an hour, and 10,000 reconnects")
	flag.Parse()
	if *isFull {
		chosen = full
	}
	if err := run(chosen); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(p plan) error {
	folder, err := os.MkdirTemp("", "zedops-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	m, err := startManager()
	if err != nil {
		return err
	}
	defer m.server.Close()
	if err := writeAuthorities(m, folder); err != nil {
		return err
	}
	figures := figures{plan: p}
	sides := []*side{{name: "agent", program: compile.Agent, isAgent: true, figures: &figures.agent}, {name: "bare", program: compile.Bare, figures: &figures.bare}}
	defer func() {
		for _, s := range sides {
			s.stop()
		}
	}()
	for _, s := range sides {
		if err := s.start(m, folder); err != nil {
			return err
		}
	}
	time.Sleep(p.settle)
	fmt.Fprintf(os.Stderr, "all clients are connected; they are measured for %v, and two others reconnect %d times\n", p.idle, p.reconnects)
	var both errgroup.Group
	for _, s := range sides {
		both.Go(func() error { return s.measureIdle(p.idle) })
		both.Go(func() error { return s.measureReconnects(p.reconnects) })
	}
	if err := both.Wait(); err != nil {
		return err
	}
	fmt.Print(figures.table())
	return figures.write()
}

// side is one of the two programs that are compared, and its clients.
type side struct {
	name    string
	program string // in the agent's module
	isAgent bool
	figures *sideFigures

	idle     []*client
	wide     *client // the one that believes in many cores; nil without strace
	restless *client // the one that reconnects
}

func (s *side) start(m *manager, folder string) (err error) {
	file, hurried := filepath.Join(folder, s.name), filepath.Join(folder, s.name+"-hurried")
	if s.figures.bytes, err = compile.Program(".", s.program, file); err != nil {
		return err
	}
	overlay, err := writeOverlay(folder)
	if err != nil {
		return err
	}
	if _, err := compile.Program(".", s.program, hurried, "-overlay", overlay); err != nil {
		return err
	}
	for n := range copies {
		c, err := startClient(m, folder, fmt.Sprintf("%s-%d", s.name, n), file, s.isAgent)
		if c != nil {
			s.idle = append(s.idle, c)
		}
		if err != nil {
			return err
		}
		first, err := c.measure()
		if err != nil {
			return err
		}
		s.figures.connected = append(s.figures.connected, first)
	}
	if under, err := compile.OnCores(manyCores); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else if s.wide, err = startClient(m, folder, s.name+"-wide", file, s.isAgent, under...); err != nil {
		return err
	}
	s.restless, err = startClient(m, folder, s.name+"-restless", hurried, s.isAgent)
	return err
}

func (s *side) measureIdle(span time.Duration) error {
	var before []sample
	for _, c := range s.idle {
		first, err := c.measure()
		if err != nil {
			return err
		}
		before = append(before, first)
	}
	time.Sleep(span)
	for n, c := range s.idle {
		last, err := c.measure()
		if err != nil {
			return err
		}
		if c.connections() != 1 {
			return fmt.Errorf("%s lost its connection", c.command.Path)
		}
		s.figures.idle = append(s.figures.idle, last)
		rate := (last.cpu - before[n].cpu).Seconds() / last.at.Sub(before[n].at).Hours()
		s.figures.cpuPerHour = append(s.figures.cpuPerHour, rate)
		wakes := float64(last.wakes-before[n].wakes) / last.at.Sub(before[n].at).Hours()
		s.figures.wakesPerHour = append(s.figures.wakesPerHour, wakes)
	}
	if s.wide != nil {
		last, err := s.wide.measure()
		if err != nil {
			return err
		}
		s.figures.onManyCores = []sample{last}
	}
	if s.isAgent {
		goroutines, err := s.idle[0].goroutines()
		s.figures.goroutines = goroutines
		return err
	}
	return nil
}

// restAfter is the time that a client has after its last reconnect: the Go runtime returns memory in the background.
const restAfter = 2 * time.Minute

func (s *side) measureReconnects(times int) error {
	before, err := s.restless.measure()
	if err != nil {
		return err
	}
	if err := s.restless.reconnect(times); err != nil {
		return err
	}
	after, err := s.restless.measure()
	if err != nil {
		return err
	}
	s.figures.cpuPerReconnect = (after.cpu - before.cpu) / time.Duration(times)
	time.Sleep(restAfter)
	s.figures.reconnected, err = s.restless.measure()
	return err
}

func (s *side) stop() {
	for _, c := range slices.Concat(s.idle, []*client{s.wide, s.restless}) {
		if c != nil {
			c.stop()
		}
	}
}
