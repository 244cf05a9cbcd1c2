package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"time"
)

// ErrNoAgent says that no agent answers on a state directory.
var ErrNoAgent = errors.New("no agent runs")

// askLimit is how long an agent may take to answer. It answers at once; others may be served before.
const askLimit = 5 * time.Second

// Ask returns the status of the agent that runs on a state directory, as a JSON object. It returns ErrNoAgent if there is
// none.
func Ask(dir string) (json.RawMessage, error) {
	address, release, err := shortAddress(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoAgent
	}
	if err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	defer release()
	socket, err := net.DialTimeout("unix", address, askLimit)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, ErrNoAgent
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("ask the agent: %w: only root and the agent's own user may", fs.ErrPermission)
	case err != nil:
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	defer socket.Close()
	_ = socket.SetDeadline(time.Now().Add(askLimit))
	if _, err := fmt.Fprintf(socket, "{\"version\":%d,\"request\":%q}\n", version, statusRequest); err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	line, err := bufio.NewReader(io.LimitReader(socket, longestReply)).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the agent does not answer: %w", err)
	}
	return readReply(line)
}
