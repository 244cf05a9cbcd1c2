package link

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/managertest"
)

// wakes has the moments at which an agent has done something. In a synctest bubble, time stands still meanwhile.
type wakes struct {
	mu    sync.Mutex
	at    map[time.Time]bool
	looks int // at the store
}

func (w *wakes) note() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[time.Now().Round(0)] = true
}

// count returns how often the agent woke and how often it looked at its store since the last call.
func (w *wakes) count() (woke, looks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	woke, looks = len(w.at), w.looks
	w.at, w.looks = map[time.Time]bool{}, 0
	return woke, looks
}

// watchedStore is a store whose checks are counted.
type watchedStore struct {
	Store
	wakes *wakes
}

func (s watchedStore) Restore(identity.Tokens) (bool, error) {
	s.wakes.note()
	s.wakes.mu.Lock()
	defer s.wakes.mu.Unlock()
	s.wakes.looks++
	return false, nil
}

// counted lets an agent count its wakes. All that it does by itself reads a clock, looks at the store or comes with a beat.
func (w *wakes) counted(l *Link) {
	w.at = map[time.Time]bool{}
	l.clock = func() time.Time { w.note(); return time.Now() }
	l.credential.store = watchedStore{l.credential.store, w}
	l.config.OnBeat = w.note
}

// A wake costs an idle agent more CPU time than what it then does.
func TestAnIdleAgentWakesTwiceForEachHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wakes
		m, r := inMemory(t, nil, w.counted)
		connected(t, m, r, managertest.Defaults())
		time.Sleep(time.Minute)
		w.count()
		time.Sleep(time.Hour)
		if woke, looks := w.count(); woke > 2*120 || looks < 100 {
			t.Errorf("in an hour it woke %d times, at most 240 are allowed, and looked at its store %d times", woke, looks)
		}
	})
}

func TestAnAgentWithoutAManagerLooksAtItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wakes
		inMemory(t, func(answer http.ResponseWriter, _ *http.Request) bool {
			answer.WriteHeader(http.StatusServiceUnavailable)
			return true
		}, w.counted)
		time.Sleep(time.Hour)
		if _, looks := w.count(); looks < 100 {
			t.Errorf("in an hour it looked at its store %d times", looks)
		}
	})
}
