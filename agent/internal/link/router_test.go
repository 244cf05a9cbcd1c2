package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

type answered struct {
	data    string
	failure *protocol.WireError
	after   time.Duration
}

// ask routes one request and returns its answer. It must be called in a synctest bubble.
func ask(ctx context.Context, r *router, subject, data string) <-chan answered {
	answers := make(chan answered, 2)
	start := time.Now()
	r.route(ctx, protocol.Message{Subject: subject, Data: json.RawMessage(data)}, func(data json.RawMessage, failure *protocol.WireError) {
		answers <- answered{data: string(data), failure: failure, after: time.Since(start)}
	})
	return answers
}

func TestHandlers(t *testing.T) {
	secret := errors.New("secret detail")
	r := newRouter(map[string]Handler{
		"echo":  func(_ context.Context, data json.RawMessage) (any, error) { return data, nil },
		"value": func(context.Context, json.RawMessage) (any, error) { return map[string]int{"a": 1}, nil },
		"none":  func(context.Context, json.RawMessage) (any, error) { return nil, nil },
		"typed": func(context.Context, json.RawMessage) (any, error) {
			return nil, fmt.Errorf("wrapped: %w", &protocol.WireError{Code: protocol.InvalidData, Message: "n is missing"})
		},
		"error":   func(context.Context, json.RawMessage) (any, error) { return nil, secret },
		"panic":   func(context.Context, json.RawMessage) (any, error) { panic(secret) },
		"nil":     func(context.Context, json.RawMessage) (any, error) { var p *time.Time; return p.Unix(), nil },
		"badjson": func(context.Context, json.RawMessage) (any, error) { return make(chan int), nil },
		"slow": func(ctx context.Context, _ json.RawMessage) (any, error) {
			<-ctx.Done()
			return "too late", nil
		},
		"deaf": func(context.Context, json.RawMessage) (any, error) {
			time.Sleep(time.Hour)
			return "much too late", nil
		},
	}, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		subject, data, want string
		code                protocol.Code
		after               time.Duration
	}{
		{subject: "echo", data: `{"a":[1]}`, want: `{"a":[1]}`},
		{subject: "echo"},
		{subject: "value", want: `{"a":1}`},
		{subject: "none"},
		{subject: "typed", code: protocol.InvalidData},
		{subject: "error", code: protocol.Internal},
		{subject: "panic", code: protocol.Internal},
		{subject: "nil", code: protocol.Internal},
		{subject: "badjson", code: protocol.Internal},
		{subject: "unknown", code: protocol.NoResponders},
		{subject: "slow", code: protocol.Timeout, after: time.Minute},
		{subject: "deaf", code: protocol.Timeout, after: time.Minute},
	} {
		t.Run(c.subject, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answers := ask(t.Context(), r, c.subject, c.data)
				got := <-answers
				time.Sleep(2 * time.Hour)
				if len(answers) > 0 {
					t.Errorf("a second answer: %+v", <-answers)
				}
				if len(r.slots) > 0 {
					t.Errorf("%d slots are still taken", len(r.slots))
				}
				if got.data != c.want || got.after != c.after {
					t.Errorf("got %s after %v", got.data, got.after)
				}
				switch {
				case (got.failure == nil) != (c.code == ""), got.failure != nil && got.failure.Code != c.code:
					t.Errorf("got the error %v", got.failure)
				case got.failure != nil && strings.Contains(got.failure.Message, "secret"):
					t.Error("the requester sees the inside")
				}
			})
		})
	}
}

func TestRequestsBeyondTheLimitAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := newRouter(map[string]Handler{"wait": func(context.Context, json.RawMessage) (any, error) {
			<-release
			return 1, nil
		}}, slog.New(slog.DiscardHandler))
		var waiting []<-chan answered
		for range cap(r.slots) {
			waiting = append(waiting, ask(t.Context(), r, "wait", ""))
		}
		synctest.Wait()
		if got := <-ask(t.Context(), r, "wait", ""); got.failure == nil || got.failure.Code != protocol.Busy {
			t.Errorf("got %+v", got)
		}
		close(release)
		for _, answers := range waiting {
			if got := <-answers; got.data != "1" {
				t.Errorf("got %+v", got)
			}
		}
		synctest.Wait()
		if got := <-ask(t.Context(), r, "wait", ""); got.data != "1" {
			t.Errorf("afterwards: %+v", got)
		}
	})
}

func TestALostConnectionCancelsItsHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cancelled := make(chan struct{})
		r := newRouter(map[string]Handler{"wait": func(ctx context.Context, _ json.RawMessage) (any, error) {
			<-ctx.Done()
			close(cancelled)
			return nil, nil
		}}, slog.New(slog.DiscardHandler))
		ctx, lose := context.WithCancel(t.Context())
		answers := ask(ctx, r, "wait", "")
		lose()
		<-cancelled
		synctest.Wait()
		if len(answers) > 0 {
			t.Errorf("it answered %+v", <-answers)
		}
	})
}
