package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// Handler answers requests to one subject. Its result becomes the answer's data; nil, or a nil json.RawMessage, makes an
// answer without data. The requester gets a *protocol.WireError as it is; any other error goes into the log only. Handlers
// run concurrently and must return soon after the context ends.
type Handler func(ctx context.Context, data json.RawMessage) (any, error)

// router runs the handlers of all connections, so that its limit also holds across reconnects.
type router struct {
	handlers map[string]Handler
	slots    chan struct{} // its capacity limits the requests that run at once
	held     atomic.Int64  // bytes of the data of those requests
	deadline time.Duration // after it, the router answers with a timeout
	log      *slog.Logger
}

// mostHeld is the most bytes of data that several requests may have together.
const mostHeld = 1 << 20

func newRouter(handlers map[string]Handler, log *slog.Logger) *router {
	return &router{
		handlers: handlers,
		slots:    make(chan struct{}, 256),
		deadline: time.Minute, // the manager's own limit, so no requester waits longer
		log:      log,
	}
}

// route answers m exactly once, or never if ctx is cancelled first. If there is a handler, a new goroutine answers.
// Otherwise route answers before it returns, so that the speed of the socket limits a flood.
func (r *router) route(ctx context.Context, m protocol.Message, answer func(json.RawMessage, *protocol.WireError)) {
	handler, ok := r.handlers[m.Subject]
	if !ok {
		answer(nil, &protocol.WireError{Code: protocol.NoResponders, Message: "nothing answers this subject"})
		return
	}
	busy := &protocol.WireError{Code: protocol.Busy, Message: "the agent has too many requests at once"}
	size := int64(len(m.Data))
	if held := r.held.Add(size); held > mostHeld && held > size {
		r.held.Add(-size)
		answer(nil, busy)
		return
	}
	select {
	case r.slots <- struct{}{}:
	default:
		r.held.Add(-size)
		answer(nil, busy)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.deadline)
	go func() {
		defer func() { r.held.Add(-size); <-r.slots }() // a handler that ignores its deadline keeps its slot and its data
		defer cancel()
		stop := context.AfterFunc(ctx, func() {
			// A connection that ends needs no answer: the manager knows.
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				answer(nil, &protocol.WireError{Code: protocol.Timeout, Message: "the handler took too long"})
			}
		})
		data, failure := r.call(ctx, handler, m)
		// The handler may see the end of its context a moment before the function above is due.
		if stop() && !errors.Is(ctx.Err(), context.Canceled) {
			answer(data, failure)
		}
	}()
}

func (r *router) call(ctx context.Context, handler Handler, m protocol.Message) (data json.RawMessage, failure *protocol.WireError) {
	internal := &protocol.WireError{Code: protocol.Internal, Message: "the handler failed"}
	defer func() {
		if cause := recover(); cause != nil {
			r.log.Error("the handler panicked", "subject", m.Subject, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			data, failure = nil, internal
		}
	}()
	result, err := handler(ctx, m.Data)
	if err != nil {
		var known *protocol.WireError
		if errors.As(err, &known) {
			return nil, known
		}
		r.log.Error("the handler failed", "subject", m.Subject, "error", err)
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
			r.log.Error("the handler's result is not JSON", "subject", m.Subject, "error", err)
			return nil, internal
		}
		return data, nil
	}
}
