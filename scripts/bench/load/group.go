package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// atOnce is how many sockets are opened at the same time. The manager allows 64 unregistered sockets of one token.
const atOnce = 32

// group is a number of sockets of one server.
type group struct {
	sockets []*socket
	// credentials are one for each socket. Those without a socket are opened by the next open.
	credentials []credential
}

type credential struct{ token, installID string }

// enrol receives permanent tokens for Count hosts with one enrolment token, and leaves again.
func (g *group) enrol(ctx context.Context, o order) (answer, error) {
	return parallel(ctx, o.Count, func(ctx context.Context, client *http.Client, _ int) error {
		id := newInstallID()
		s, err := dial(ctx, client, o.URL, o.Token, id)
		if err != nil {
			return err
		}
		token, err := s.register(ctx)
		if err != nil {
			return err
		}
		return errors.Join(s.conn.Close(websocket.StatusNormalClosure, ""), g.addCredential(credential{token, id}))
	})
}

var mutex sync.Mutex

func (g *group) addCredential(c credential) error {
	mutex.Lock()
	defer mutex.Unlock()
	g.credentials = append(g.credentials, c)
	return nil
}

// open opens a socket for each credential that has none. Tokens are credentials too, and so are Count times Token.
func (g *group) open(ctx context.Context, o order) (answer, error) {
	for _, token := range o.Tokens {
		g.credentials = append(g.credentials, credential{token, newInstallID()})
	}
	for range o.Count {
		g.credentials = append(g.credentials, credential{o.Token, newInstallID()})
	}
	credentials := g.credentials[len(g.sockets):]
	return parallel(ctx, len(credentials), func(ctx context.Context, client *http.Client, n int) error {
		s, err := dial(ctx, client, o.URL, credentials[n].token, credentials[n].installID)
		if err != nil {
			return err
		}
		if o.Registers {
			if _, err := s.register(ctx); err != nil {
				return err
			}
		}
		mutex.Lock()
		g.sockets = append(g.sockets, s)
		mutex.Unlock()
		return nil
	})
}

// subscribe subscribes every socket to the subjects of fan-out.
func (g *group) subscribe(ctx context.Context) (answer, error) {
	return parallel(ctx, len(g.sockets), func(ctx context.Context, _ *http.Client, n int) error {
		_, err := g.sockets[n].request(ctx, "agent.subscribe", `{"patterns":["fleet.>"]}`)
		return err
	})
}

// close closes all sockets of the group.
func (g *group) close() (answer, error) {
	sockets := g.sockets
	g.sockets = nil
	return parallel(context.Background(), len(sockets), func(_ context.Context, _ *http.Client, n int) error {
		return sockets[n].conn.Close(websocket.StatusNormalClosure, "")
	})
}

// parallel does count things, atOnce at a time.
func parallel(ctx context.Context, count int, do func(ctx context.Context, client *http.Client, n int) error) (answer, error) {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	start := time.Now()
	turns := make(chan int)
	var errs []error
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for n := range turns {
				if err := do(ctx, client, n); err != nil {
					mutex.Lock()
					errs = append(errs, err)
					mutex.Unlock()
				}
			}
		})
	}
	for n := range count {
		turns <- n
	}
	close(turns)
	workers.Wait()
	a := answer{Ms: ms(start), Done: count - len(errs)}
	if len(errs) > 0 {
		return a, errs[0]
	}
	return a, nil
}

func ms(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

// median is in microseconds.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Nanoseconds()) / 1000
}
