package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// State is a locked state directory that can be deleted. Its files may be damaged.
type State struct{ store *Store }

// OpenForReset locks the state directory. It is nil if there is none. It returns a *LockedError while an agent runs.
func OpenForReset(dir string) (*State, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s := &Store{dir: dir}
	if err := s.openDirectory(); err != nil {
		return nil, err
	}
	return &State{store: s}, nil
}

// Delete deletes the agent's own files, and the directory if nothing else is in it. The token goes first: without the rest
// it is of no use to anybody but a thief.
func (s *State) Delete() error {
	for _, name := range []string{tokenFile, candidateFile, tokenFile + refusedSuffix, candidateFile + refusedSuffix, managerFile, installIDFile, SocketFile, lockFile} {
		for _, path := range []string{s.store.path(name), s.store.path(name + ".new")} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("delete the state: %w", err)
			}
		}
	}
	if err := s.store.fd.Sync(); err != nil {
		return fmt.Errorf("delete the state: %w", err)
	}
	_ = syscall.Rmdir(s.store.dir) // it stays if it is not empty, a link, or the service manager's
	return nil
}

// Close unlocks the directory.
func (s *State) Close() error { return s.store.Close() }
