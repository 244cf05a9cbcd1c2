// Package identity stores the identity of this agent: its install id, the token from its manager, and the URL of that
// manager.
package identity

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files of the state directory. Each holds one line.
const (
	tokenFile     = "token"           // the permanent token
	candidateFile = "token.candidate" // its replacement, until the manager has registered the agent with it
	managerFile   = "manager"         // the manager's URL; the tokens are sent to no other
	installIDFile = "install-id"      // tells this host from others when it enrols again
	lockFile      = "lock"            // empty; locked while an agent runs

	// SocketFile is the socket of a running agent. Package control makes it.
	SocketFile = "control"

	// refusedSuffix is that of a token or candidate that the manager refused before this host enrolled again. The agent does
	// not read these files. A person can bring one back if the refusal was a mistake.
	refusedSuffix = ".refused"
)

// Store is an open state directory. No other process can open it until Close. It is not safe for concurrent use.
type Store struct {
	// InstallID is created before the first enrolment and never changes.
	InstallID string
	// Warnings are sentences for the operator about the directory's permissions.
	Warnings []string

	dir  string
	fd   *os.File // the open directory; carries a lock where the file system allows that
	lock *os.File // the file that carries the other lock; nil if there is no room for it
}

// errDetached is returned instead of a change while the path does not lead to the directory that was opened.
var errDetached = errors.New("the state directory was deleted, moved or replaced")

// Credential is a permanent token and its manager.
type Credential struct {
	Manager Manager
	Token   string
}

// Open creates the state directory if there is none (mode 0700), and locks it.
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	if err := s.openDirectory(); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) openDirectory() (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("create the state directory: %w", err)
	}
	if s.fd, err = os.Open(s.dir); err != nil {
		return fmt.Errorf("open the state directory: %w", err)
	}
	if s.lock, err = takeLocks(s.dir, s.fd); err != nil {
		s.fd.Close()
		return err
	}
	return nil
}

func (s *Store) prepare() error {
	if err := s.checkPermissions(); err != nil {
		return err
	}
	var err error
	if s.InstallID, err = s.read(installIDFile); err != nil {
		return err
	}
	if s.InstallID == "" {
		s.InstallID = rand.Text()
		return s.write(installIDFile, s.InstallID)
	}
	if n := len(s.InstallID); n < 8 || n > 64 || !isURLSafe(s.InstallID) {
		return fmt.Errorf("%s is damaged: restore it, or delete it to have a new one made", s.path(installIDFile))
	}
	return nil
}

// checkPermissions closes the files to other users. It only warns about the directory, which may be shared on purpose
// (--state-dir /tmp).
func (s *Store) checkPermissions() error {
	info, err := s.fd.Stat()
	if err != nil {
		return fmt.Errorf("inspect the state directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("other users can enter the state directory (mode %04o); close it with: chmod 700 %s", mode, s.dir))
	}
	for _, name := range []string{tokenFile, candidateFile, tokenFile + refusedSuffix, candidateFile + refusedSuffix, managerFile, installIDFile} {
		info, err := os.Stat(s.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("inspect the state directory: %w", err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			if err := os.Chmod(s.path(name), 0o600); err != nil {
				return fmt.Errorf("close %s to other users: %w", s.path(name), err)
			}
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s was open to other users (mode %04o) and has been closed; they may have read it", s.path(name), mode))
		}
	}
	return nil
}

// Credential returns nil before the first enrolment, and after SetAside.
func (s *Store) Credential() (*Credential, error) {
	token, err := s.readToken(tokenFile)
	if token == "" || err != nil {
		return nil, err
	}
	manager, err := s.Manager()
	if err != nil {
		return nil, err
	}
	if manager == (Manager{}) {
		return nil, fmt.Errorf("%s is missing: create it with the URL of the manager that the token is for", s.path(managerFile))
	}
	return &Credential{Manager: manager, Token: token}, nil
}

// Candidate returns the offered replacement of the token, or "" if there is none. It is of no use without a Credential.
func (s *Store) Candidate() (string, error) { return s.readToken(candidateFile) }

// Manager returns the manager of the last enrolment, even if the credential has been set aside. It is the zero Manager
// before the first enrolment.
func (s *Store) Manager() (Manager, error) {
	base, err := s.read(managerFile)
	if base == "" || err != nil {
		return Manager{}, err
	}
	manager, err := ParseManager(base)
	if err != nil {
		return Manager{}, fmt.Errorf("%s: %w", s.path(managerFile), err)
	}
	return manager, nil
}

// Save stores a credential. When it returns, the credential survives a power cut. The tokens that it replaces are kept
// aside: the manager may have refused them by mistake.
func (s *Store) Save(c Credential) error {
	if err := checkToken(c.Token); err != nil {
		return fmt.Errorf("save the token: %w", err)
	}
	for _, name := range []string{tokenFile, candidateFile} {
		replaced, err := s.read(name)
		if err == nil && replaced != "" && replaced != c.Token {
			err = s.write(name+refusedSuffix, replaced)
		}
		if err != nil {
			return err
		}
	}
	// A crash must leave neither a token without its manager nor the candidate of another token. So the order matters.
	if err := s.DropCandidate(); err != nil {
		return err
	}
	if err := s.write(managerFile, c.Manager.String()); err != nil {
		return err
	}
	return s.write(tokenFile, c.Token)
}

// SaveCandidate stores a token beside the one in use. When it returns, the candidate survives a power cut.
func (s *Store) SaveCandidate(token string) error {
	if err := checkToken(token); err != nil {
		return fmt.Errorf("save the candidate: %w", err)
	}
	return s.write(candidateFile, token)
}

// PromoteCandidate replaces the token by the candidate.
func (s *Store) PromoteCandidate() error {
	if err := s.rename(candidateFile, tokenFile); err != nil {
		return fmt.Errorf("replace the token by the candidate: %w", err)
	}
	return nil
}

// DropCandidate deletes the candidate if there is one. The token stays.
func (s *Store) DropCandidate() error {
	if !s.isAttached() {
		return errDetached
	}
	err := os.Remove(s.path(candidateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := errors.Join(err, s.fd.Sync()); err != nil {
		return fmt.Errorf("delete the candidate: %w", err)
	}
	return nil
}

// SetAside renames the token and the candidate so that they are not used again. It returns the new path of the token. The
// install id and the manager stay, so that the manager knows this host at the next enrolment.
func (s *Store) SetAside() (path string, err error) {
	if err := s.rename(candidateFile, candidateFile+refusedSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("set the refused candidate aside: %w", err)
	}
	if err := s.rename(tokenFile, tokenFile+refusedSuffix); err != nil {
		return "", fmt.Errorf("set the refused token aside: %w", err)
	}
	return s.path(tokenFile + refusedSuffix), nil
}

// Close unlocks the directory for other agents.
func (s *Store) Close() error {
	var err error
	if s.lock != nil {
		err = s.lock.Close()
	}
	return errors.Join(err, s.fd.Close())
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// read returns "" for a file that does not exist.
func (s *Store) read(name string) (string, error) {
	text, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the state: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// write replaces a file completely or not at all, even if the power fails meanwhile.
func (s *Store) write(name, line string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("save the state: %w", err)
		}
	}()
	if !s.isAttached() { // a directory in its place is not this agent's
		return errDetached
	}
	// The fixed name is safe because of the lock. If a crash leaves the file behind, the next write removes it.
	temporary := s.path(name + ".new")
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return s.rename(name+".new", name)
}

// rename renames a file. When it returns, the new name survives a power cut.
func (s *Store) rename(from, to string) error {
	if !s.isAttached() {
		return errDetached
	}
	if err := os.Rename(s.path(from), s.path(to)); err != nil {
		return err
	}
	return s.fd.Sync()
}

// readToken returns "" for a file that does not exist.
func (s *Store) readToken(name string) (string, error) {
	token, err := s.read(name)
	if err != nil {
		return "", err
	}
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("%s: %w", s.path(name), err)
	}
	return token, nil
}

// longestToken is the length of the longest token, in bytes.
const longestToken = 4096

// checkToken keeps other text out of the Authorization header.
func checkToken(token string) error {
	if err := textFault(token); err != nil {
		return fmt.Errorf("this is not a token: %w", err)
	}
	return nil
}
