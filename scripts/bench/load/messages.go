package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// payload is the data of every message.
const payload = `{"text":"a message of the benchmark","number":12345}`

func (g *group) echoFrame(s *socket) []byte {
	return []byte(`{"subject":"test.echo","reply":"` + s.inbox() + `","data":` + payload + `}`)
}

// echo sends count messages to be echoed, one after the other, over the first socket.
func (g *group) echo(ctx context.Context, count int) (answer, error) {
	s := g.sockets[0]
	times := make([]time.Duration, count)
	start := time.Now()
	for n := range times {
		began := time.Now()
		if err := s.conn.Write(ctx, websocket.MessageText, g.echoFrame(s)); err != nil {
			return answer{}, err
		}
		if err := s.readReply(ctx); err != nil {
			return answer{}, err
		}
		times[n] = time.Since(began)
	}
	return answer{Ms: ms(start), MedianUs: median(times), Done: count}, nil
}

// flight does the same with several messages on their way at any time.
func (g *group) flight(ctx context.Context, count, inFlight int) (answer, error) {
	s := g.sockets[0]
	start := time.Now()
	for n := range count + inFlight {
		if n >= inFlight {
			if err := s.readReply(ctx); err != nil {
				return answer{}, err
			}
		}
		if n < count {
			if err := s.conn.Write(ctx, websocket.MessageText, g.echoFrame(s)); err != nil {
				return answer{}, err
			}
		}
	}
	return answer{Ms: ms(start), Done: count}, nil
}

// fanout publishes a message by HTTP, and waits until each socket has received one frame.
func (g *group) fanout(ctx context.Context, o order) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	received := make(chan error, len(g.sockets))
	for _, s := range g.sockets {
		go func() { received <- s.readReply(ctx) }()
	}
	time.Sleep(100 * time.Millisecond) // until all of them wait
	start := time.Now()
	posted := make(chan error, 1)
	go func() { _, err := post(ctx, o); posted <- err }()
	for range g.sockets {
		if err := <-received; err != nil {
			return answer{}, err
		}
	}
	a := answer{Ms: ms(start), Done: len(g.sockets)}
	return a, <-posted
}

// ask sends requests by HTTP, one after the other. The first socket answers them.
func (g *group) ask(ctx context.Context, o order) (answer, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 1)
	if o.Elsewhere {
		failed <- nil
	} else {
		go func() { failed <- g.sockets[0].answerRequests(ctx, o.Count) }()
	}
	times := make([]time.Duration, o.Count)
	start := time.Now()
	for n := range times {
		began := time.Now()
		text, err := post(ctx, o)
		if err != nil {
			return answer{}, err
		}
		if !strings.Contains(text, "a message of the benchmark") {
			return answer{}, fmt.Errorf("not the answer to the request: %s", text)
		}
		times[n] = time.Since(began)
	}
	a := answer{Ms: ms(start), MedianUs: median(times), Done: o.Count}
	return a, <-failed
}

// answerRequests sends the data of each request back.
func (s *socket) answerRequests(ctx context.Context, count int) error {
	for range count {
		f, err := s.read(ctx)
		if err != nil {
			return err
		}
		reply, err := json.Marshal(frame{Subject: f.Reply, Data: f.Data})
		if err != nil {
			return err
		}
		if err := s.conn.Write(ctx, websocket.MessageText, reply); err != nil {
			return err
		}
	}
	return nil
}

func post(ctx context.Context, o order) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL, bytes.NewReader([]byte(o.Body)))
	if err != nil {
		return "", err
	}
	for name, value := range o.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return string(text), err
}
