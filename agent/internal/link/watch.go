package link

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
)

// storeCheck is the longest time between two looks whether the store is still there. It is longer than the usual interval of
// heartbeats, so that a connected agent looks when it is awake to beat: a wake of its own costs as much as a heartbeat.
const storeCheck = 35 * time.Second

// watch looks after the store. The tokens in the agent's memory may be the only copy.
type watch struct {
	link *Link

	turn    chan struct{} // holds a value during a check, and when there are no more
	timer   *time.Timer
	started time.Time
	checked atomic.Int64 // when the last check began, in nanoseconds since started
	lost    string       // what is wrong with the store, as it was logged last; empty if nothing is
}

// watchStore checks the store until stop is called.
func (l *Link) watchStore() *watch {
	w := &watch{link: l, turn: make(chan struct{}, 1), started: time.Now()}
	w.turn <- struct{}{}
	w.timer = time.AfterFunc(storeCheck, w.check) // needs no goroutine between two checks
	<-w.turn
	return w
}

func (w *watch) stop() {
	select {
	case w.turn <- struct{}{}:
	case <-time.After(flushGrace): // a check on a disk that hangs must not delay the end
	}
	w.timer.Stop()
}

// onBeat checks now if the last check is a while ago. It does not wait for the disk. A nil watch checks nothing.
func (w *watch) onBeat() {
	if w != nil && time.Since(w.started)-time.Duration(w.checked.Load()) >= storeCheck/2 {
		w.timer.Reset(0)
	}
}

// check logs each change once.
func (w *watch) check() {
	select {
	case w.turn <- struct{}{}:
	default:
		return // the link has ended
	}
	defer func() {
		w.timer.Reset(storeCheck)
		<-w.turn
	}()
	w.checked.Store(int64(time.Since(w.started)))
	log := w.link.log
	restored, err := w.link.credential.restore()
	switch {
	case err != nil:
		if err.Error() != w.lost {
			log.Warn("the state of this agent is not safe", "error", err)
		}
		w.lost = err.Error()
		return
	case restored:
		log.Warn("files of the state directory were deleted while the agent runs: they are written again; to enrol this host anew, stop the agent first")
	case w.lost != "":
		log.Info("the state of this agent is safe again")
	}
	w.lost = ""
}

// restore writes the tokens again that the store has lost. It does not hold the credential's mutex while the store works:
// a disk that hangs must not keep the agent from connecting. So its tokens may be old, and the store then has a candidate
// that is the token already, or that was refused. The next process presents it and then the token.
func (c *credential) restore() (restored bool, err error) {
	c.mu.Lock()
	var kept identity.Tokens
	if c.token != "" {
		kept = identity.Tokens{Manager: c.manager, Token: c.token, Candidate: c.candidate}
	}
	if c.unpromoted {
		kept.Candidate = c.token
	}
	c.mu.Unlock()
	return c.store.Restore(kept)
}

// serialStore makes one call of a store at a time.
type serialStore struct {
	mu    sync.Mutex
	store Store
}

func (s *serialStore) Save(c identity.Credential) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Save(c)
}

func (s *serialStore) SaveCandidate(token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.SaveCandidate(token)
}

func (s *serialStore) PromoteCandidate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.PromoteCandidate()
}

func (s *serialStore) DropCandidate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.DropCandidate()
}

func (s *serialStore) Restore(t identity.Tokens) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.Restore(t)
}
