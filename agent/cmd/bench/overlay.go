//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// The agent waits for up to a minute before it reconnects, until a connection has lasted a minute. The one that reconnects
// thousands of times is compiled with a source file in which a connection is stable at once. Nothing else differs.
const (
	retryFile  = "internal/link/retry.go"
	stable     = "const stableAfter = time.Minute"
	stableSoon = "const stableAfter = time.Nanosecond"
)

// writeOverlay writes that file, and one for go build -overlay, and returns the path of the latter.
func writeOverlay(folder string) (string, error) {
	text, err := os.ReadFile(retryFile)
	if err != nil {
		return "", err
	}
	if !bytes.Contains(text, []byte(stable)) {
		return "", errors.New(retryFile + " does not contain " + stable)
	}
	hurried, overlay := filepath.Join(folder, "retry.go"), filepath.Join(folder, "overlay.json")
	source, err := filepath.Abs(retryFile)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: hurried}})
	if err != nil {
		return "", err
	}
	err = os.WriteFile(hurried, bytes.Replace(text, []byte(stable), []byte(stableSoon), 1), 0o600)
	return overlay, errors.Join(err, os.WriteFile(overlay, list, 0o600))
}
