// Fleet runs many agents in one process, each with the link code of the real agent and an identity of its own, for fault
// tests and benchmarks:
//
//	fleet --manager http://127.0.0.1:8787 --agents 1000 --token-file - < token
//
// It enrols all agents with one enrolment token, which needs as many uses, and names them sim-0001, sim-0002, … . It keeps
// the identities in memory. With --state FILE it also loads them from the file, if there is one, and saves them when it
// stops: then the next start needs no token. Standard output gets one JSON line for each [event]. SIGTERM stops the fleet.
// If one agent cannot go on, the fleet stops with exit code 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/link"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "fleet: %v\n", err)
		os.Exit(1)
	}
}

// settings holds the flags.
type settings struct {
	manager   identity.Manager
	agents    int
	ramp      int // agents that may connect for the first time at once
	enrolment identity.EnrolmentSource
	stateFile string // empty: the identities are not saved
	subscribe []string
}

func parse(args []string) (s settings, err error) {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.Func("manager", "base `URL` of the manager", func(text string) (err error) {
		s.manager, err = identity.ParseManager(text)
		return err
	})
	flags.IntVar(&s.agents, "agents", 1, "how many agents to run")
	flags.IntVar(&s.ramp, "ramp", 50, "how many agents may connect for the first time at once")
	flags.StringVar(&s.enrolment.File, "token-file", "", "`file` whose first line is an enrolment token; - for standard input")
	flags.StringVar(&s.stateFile, "state", "", "`file` that the identities are loaded from and saved to")
	flags.Func("subscribe", "`pattern` that every agent subscribes to; may be repeated", func(pattern string) error {
		s.subscribe = append(s.subscribe, pattern)
		return link.CheckPattern(pattern)
	})
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, errors.New("the fleet takes flags only")
	case s.manager == identity.Manager{}:
		return s, errors.New("--manager is missing")
	case s.agents < 1 || s.ramp < 1:
		return s, errors.New("--agents and --ramp must be at least 1")
	}
	return s, nil
}

func run() error {
	s, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	hosts, err := load(s.stateFile, s.manager)
	if err != nil {
		return err
	}
	for len(hosts) < s.agents {
		hosts = append(hosts, newHost())
	}
	var token string
	if slices.ContainsFunc(hosts[:s.agents], func(h *host) bool { return h.Token == "" }) {
		if token, err = s.enrolment.Read(os.Stdin, io.Discard); err != nil {
			return err
		}
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	events := newJournal(os.Stdout)
	slots := make(chan struct{}, s.ramp)
	g, running := errgroup.WithContext(ctx)
	for i, h := range hosts[:s.agents] {
		g.Go(func() error {
			select {
			case slots <- struct{}{}:
			case <-running.Done():
				return nil
			}
			name := fmt.Sprintf("sim-%04d", i+1)
			recorder := events.recorder(name, func() { <-slots })
			if err := s.link(h, token, name, recorder).Run(running); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	err = g.Wait()
	if s.stateFile != "" {
		err = errors.Join(err, save(s.stateFile, s.manager, hosts))
	}
	return err
}

// link returns the link of one host. A host without a token uses the enrolment token.
func (s settings) link(h *host, enrolment, name string, recorder *recorder) *link.Link {
	token, enrolled := h.Token, h.Token != ""
	if !enrolled {
		token = enrolment
	}
	return link.New(link.Config{
		Manager:   s.manager,
		InstallID: h.InstallID,
		Token:     token,
		Enrolled:  enrolled,
		Candidate: h.Candidate,
		Store:     h,
		Name:      name,
		Hostname:  name,
		Version:   "fleet",
		Log:       slog.New(recorder),
		Subscribe: s.subscribe,
		Output:    recorder,
	})
}
