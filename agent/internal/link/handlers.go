package link

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// builtinHandlers is the table of the subjects that every agent answers.
func (l *Link) builtinHandlers() map[string]Handler {
	return map[string]Handler{
		protocol.SubjectEcho:   func(_ context.Context, data json.RawMessage) (any, error) { return data, nil },
		protocol.SubjectInfo:   func(context.Context, json.RawMessage) (any, error) { return l.info(), nil },
		protocol.SubjectRotate: l.rotate,
	}
}

// rotate stores the token that the manager offers. The connection ends after the answer.
func (l *Link) rotate(ctx context.Context, data json.RawMessage) (any, error) {
	offer, _ := protocol.ReadObject(data, "token")
	token, _ := offer["token"].AsString()
	if !identity.IsToken(token) {
		return nil, &protocol.WireError{Code: protocol.InvalidData, Message: "token is not a JWT"}
	}
	if err := l.credential.storeCandidate(ctx, token); err != nil {
		if !errors.Is(err, context.Canceled) {
			l.log.Warn("the token that the manager offered could not be saved", "error", err)
		}
		return nil, &protocol.WireError{Code: protocol.NotSaved, Message: "the agent could not save the token and keeps the old one"}
	}
	return struct{}{}, nil
}

type info struct {
	Version    string `json:"version"`
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Hostname   string `json:"hostname"`
	UptimeMs   int64  `json:"uptimeMs"` // of this process
	Reconnects int64  `json:"reconnects"`
	RTTMs      *int64 `json:"rttMs"`
	SkewMs     *int64 `json:"skewMs"`
	// The memory that the Go runtime holds: heap, stacks and its own tables. It leaves out the pages of the binary and the
	// memory that the runtime has returned.
	MemoryBytes uint64 `json:"memoryBytes"`
	Goroutines  int    `json:"goroutines"`
}

func (l *Link) info() info {
	// Unlike runtime.ReadMemStats, this does not stop the world.
	memory := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(memory)
	return info{
		Version:     l.config.Version,
		OS:          runtime.GOOS,
		Arch:        runtime.GOARCH,
		Hostname:    l.config.Hostname,
		UptimeMs:    time.Since(l.stats.started).Milliseconds(),
		Reconnects:  max(0, l.stats.connections.Load()-1),
		RTTMs:       l.stats.rttMs.Load(),
		SkewMs:      l.stats.skewMs.Load(),
		MemoryBytes: memory[0].Value.Uint64() - memory[1].Value.Uint64(),
		Goroutines:  runtime.NumGoroutine(),
	}
}
