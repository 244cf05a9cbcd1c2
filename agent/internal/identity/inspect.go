package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/zedops/zedops/agent/internal/fault"
)

// Inspection is the state directory as a second process finds it.
type Inspection struct {
	Exists     bool // whether there is a directory
	Running    bool // whether an agent has locked it
	InstallID  string
	Manager    Manager     // of the last enrolment; the zero Manager before it
	Credential *Credential // nil before the first enrolment
	Candidate  string
}

// Inspect reads the state directory beside an agent that may run. It neither makes nor keeps anything. The error is a
// *fault.Fault; what was found until then is returned too.
func Inspect(dir string) (i Inspection, err error) {
	s := &Store{dir: dir}
	if s.fd, err = os.Open(dir); errors.Is(err, fs.ErrNotExist) {
		return i, checkParent(dir)
	} else if err != nil {
		return i, unreadable(dir, err)
	}
	defer s.fd.Close()
	i.Exists = true
	if info, err := s.fd.Stat(); err == nil && !info.IsDir() {
		return i, fault.New(fault.StateDamaged, nil, "the state directory "+dir+" is a file")
	}
	if i.Running, err = isLocked(s); err != nil {
		return i, unreadable(s.path(lockFile), err)
	}
	if i.InstallID, err = s.read(installIDFile); err != nil {
		return i, unreadable(s.path(installIDFile), err)
	}
	if i.InstallID != "" && !isInstallID(i.InstallID) {
		return i, fault.New(fault.StateDamaged, nil, s.path(installIDFile)+" is damaged")
	}
	if i.Credential, err = s.Credential(); err == nil {
		i.Candidate, err = s.Candidate()
	}
	if err == nil {
		i.Manager, err = s.Manager()
	}
	if err != nil && errors.Is(err, fs.ErrPermission) {
		return i, unreadable(dir, err)
	} else if err != nil {
		return i, fault.New(fault.StateDamaged, err, err.Error())
	}
	if err := s.checkClosed(); err != nil {
		return i, err
	}
	return i, s.checkWritable()
}

func unreadable(path string, err error) *fault.Fault {
	return fault.New(fault.StateUnreadable, err, path, bareCause(err).Error())
}

// bareCause leaves out the path and the system call.
func bareCause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// isLocked takes the locks for a moment, shared. An agent that starts in this moment waits (takeLocks).
func isLocked(s *Store) (bool, error) {
	file, err := os.Open(s.path(lockFile))
	switch {
	case err == nil:
		defer file.Close()
	case errors.Is(err, fs.ErrNotExist): // an agent before this release, or no room for the file
		file = s.fd
	default:
		return false, err
	}
	for _, lock := range []*os.File{s.fd, file} {
		switch err := flock(int(lock.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return true, nil
		case err == nil:
			_ = flock(int(lock.Fd()), syscall.LOCK_UN)
		} // any other error says that this file system cannot lock this file
	}
	return false, nil
}

// checkClosed returns a fault if other users can enter the directory or read a token.
func (s *Store) checkClosed() error {
	info, err := s.fd.Stat()
	if err != nil {
		return unreadable(s.dir, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fault.New(fault.StateOpen, nil, s.dir, fmt.Sprintf("%04o", mode))
	}
	return nil
}

// checkWritable writes as much as a token has, because a full disk still takes an empty file.
func (s *Store) checkWritable() error {
	const probe = "doctor.new"
	_ = os.Remove(s.path(probe)) // a crash may have left it behind
	f, err := os.OpenFile(s.path(probe), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(make([]byte, 4096))
		err = errors.Join(err, f.Sync(), f.Close(), os.Remove(s.path(probe)))
	}
	if err != nil {
		return fault.New(fault.StateUnwritable, err, s.dir, bareCause(err).Error())
	}
	return nil
}

// checkParent returns a fault if an agent could not make the directory.
func checkParent(dir string) error {
	parent := filepath.Dir(dir)
	for {
		probe := filepath.Join(parent, "zedops-doctor.new")
		_ = os.Remove(probe) // a crash may have left it behind
		err := os.Mkdir(probe, 0o700)
		switch {
		case err == nil:
			return os.Remove(probe)
		case errors.Is(err, fs.ErrNotExist) && parent != filepath.Dir(parent):
			parent = filepath.Dir(parent)
		default:
			return fault.New(fault.StateUnwritable, err, dir, err.Error())
		}
	}
}
