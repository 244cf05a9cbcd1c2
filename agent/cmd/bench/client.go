//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// bundle is the certificates that Debian trusts. A client reads all of them before its first handshake.
const bundle = "/etc/ssl/certs/ca-certificates.crt"

// client is a running agent or bare client.
type client struct {
	*peer
	command *exec.Cmd
}

// startClient copies a program, so that no other process shares the pages of its file, and runs it until it is connected.
// under is a command that runs it; empty to run it directly.
func startClient(m *manager, folder, name, program string, isAgent bool, under ...string) (*client, error) {
	own := filepath.Join(folder, name)
	text, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(own, text, 0o700)
	}
	if err != nil {
		return nil, err
	}
	line := []string{own, m.url + "/" + name}
	if isAgent {
		state := own + ".state"
		if err := writeState(state, map[string]string{"token": name, "manager": m.url, "install-id": "install-0001"}); err != nil {
			return nil, err
		}
		line = []string{own, "--state-dir", state}
	}
	line = append(under, line...)
	c := &client{peer: m.client(name), command: exec.Command(line[0], line[1:]...)}
	c.command.Env = []string{"HOME=" + folder, "SSL_CERT_FILE=" + filepath.Join(folder, authorities)}
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	return c, c.await(1)
}

// authorities is the file of the certificates that the clients trust: the distribution's, and the manager's.
const authorities = "authorities.pem"

func writeAuthorities(m *manager, folder string) error {
	all, err := os.ReadFile(bundle)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, authorities), append(all, m.certificate...), 0o600)
}

func writeState(folder string, files map[string]string) error {
	err := os.Mkdir(folder, 0o700)
	for name, line := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), []byte(line+"\n"), 0o600))
	}
	return err
}

// await waits until the client has connected so many times.
func (c *client) await(times int) error {
	const longestStep = time.Minute
	for last, at := 0, time.Now(); ; time.Sleep(5 * time.Millisecond) {
		connected := c.connections()
		if connected >= times {
			return nil
		}
		if connected > last {
			last, at = connected, time.Now()
		}
		if time.Since(at) > longestStep {
			return fmt.Errorf("%s connected %d times and no more", c.command.Path, connected)
		}
	}
}

// reconnect ends the client's connection so many times, and waits until it is back.
func (c *client) reconnect(times int) error {
	before := c.connections()
	c.dropNext(times)
	return c.await(before + times)
}

func (c *client) stop() {
	_ = c.command.Process.Kill()
	_ = c.command.Wait()
}

// sample is what a client has used at one moment.
type sample struct {
	at    time.Time
	cpu   time.Duration
	wakes int64 // of its threads
	memory
}

func (c *client) measure() (sample, error) {
	pid := c.command.Process.Pid
	cpu, err := readCPU(pid)
	if err != nil {
		return sample{}, err
	}
	wakes, err := readWakes(pid)
	if err != nil {
		return sample{}, err
	}
	m, err := readMemory(pid)
	return sample{at: time.Now(), cpu: cpu, wakes: wakes, memory: m}, err
}
