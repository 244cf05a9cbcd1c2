module github.com/zedops/zedops/agent

go 1.25.0

require (
	github.com/cenkalti/backoff/v6 v6.0.1
	github.com/coder/websocket v1.8.15
	golang.org/x/sync v0.22.0
)
