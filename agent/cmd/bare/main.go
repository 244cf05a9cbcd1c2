// Bare is a client of the agent's WebSocket library that does the least: it stays connected, sends a heartbeat every 30 s
// and ignores what comes. What the agent needs beyond that is the agent's own cost: docs/BENCHMARKS.md.
//
//	bare https://127.0.0.1:8443/ws
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/coder/websocket"
)

func main() {
	for {
		log.Print(stayConnected(os.Args[1]))
		time.Sleep(10 * time.Millisecond) // the benchmark ends its connections thousands of times
	}
}

func stayConnected(url string) error {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer ws.CloseNow()
	go beat(ctx, ws)
	for {
		if _, _, err := ws.Read(ctx); err != nil {
			return err
		}
	}
}

func beat(ctx context.Context, ws *websocket.Conn) {
	ticker := time.NewTicker(30 * time.Second)
	defer ticker.Stop()
	for {
		if ws.Write(ctx, websocket.MessageText, []byte(`{"subject":"agent.heartbeat"}`)) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
