package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// Handler answers requests to one subject. Its result becomes the answer's data; nil, or a nil json.RawMessage, is an
// answer without data. A *protocol.Error goes to the requester, any other error only into the log. Handlers run
// concurrently, and must return soon after the context ends.
type Handler func(ctx context.Context, data json.RawMessage) (any, error)

// router runs handlers for all connections, so that its bound holds across reconnects.
type router struct {
	handlers map[string]Handler
	slots    chan struct{} // its capacity is the number of requests handled at once
	deadline time.Duration // after which a request is answered without its handler
	log      *slog.Logger
}

func newRouter(handlers map[string]Handler, log *slog.Logger) *router {
	return &router{
		handlers: handlers,
		slots:    make(chan struct{}, 256),
		deadline: time.Minute, // the manager's own limit: nobody waits longer
		log:      log,
	}
}

// route answers m exactly once, or not at all if ctx is cancelled first. It answers from a goroutine of its own if there
// is a handler. Otherwise it answers before it returns, so that a flood is slowed down to what the socket takes.
func (r *router) route(ctx context.Context, m protocol.Message, answer func(json.RawMessage, *protocol.WireError)) {
	handler, ok := r.handlers[m.Subject]
	if !ok {
		answer(nil, &protocol.WireError{Code: protocol.NoResponders, Message: "nothing answers this subject"})
		return
	}
	select {
	case r.slots <- struct{}{}:
	default:
		answer(nil, &protocol.WireError{Code: protocol.Busy, Message: "the agent handles as many requests as it will at once"})
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.deadline)
	go func() {
		defer func() { <-r.slots }() // a handler that ignores its deadline keeps its slot, and only that
		defer cancel()
		stop := context.AfterFunc(ctx, func() {
			// Of a connection that ends, the manager knows by itself.
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				answer(nil, &protocol.WireError{Code: protocol.Timeout, Message: "the handler took too long"})
			}
		})
		data, failure := r.call(ctx, handler, m)
		if stop() {
			answer(data, failure)
		}
	}()
}

func (r *router) call(ctx context.Context, handler Handler, m protocol.Message) (data json.RawMessage, failure *protocol.WireError) {
	internal := &protocol.WireError{Code: protocol.Internal, Message: "the handler failed"}
	defer func() {
		if cause := recover(); cause != nil {
			r.log.Error("handler panicked", "subject", m.Subject, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			data, failure = nil, internal
		}
	}()
	result, err := handler(ctx, m.Data)
	if err != nil {
		var known *protocol.WireError
		if errors.As(err, &known) {
			return nil, known
		}
		r.log.Error("handler failed", "subject", m.Subject, "error", err)
		return nil, internal
	}
	switch result := result.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return result, nil
	default:
		data, err = json.Marshal(result)
		if err != nil {
			r.log.Error("handler gave something that is not JSON", "subject", m.Subject, "error", err)
			return nil, internal
		}
		return data, nil
	}
}
