package link

import (
	"strconv"
	"sync"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// requests holds this agent's own requests on one connection that have no answer yet.
type requests struct {
	prefix string // of every inbox

	mu      sync.Mutex
	last    uint64
	pending map[string]chan protocol.Message // by inbox; nil when the connection is lost
}

func newRequests(prefix string) *requests {
	return &requests{prefix: prefix, pending: map[string]chan protocol.Message{}}
}

// open makes an inbox. Its channel gets the only answer, or is closed when the connection is lost.
func (r *requests) open() (inbox string, answer <-chan protocol.Message, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil {
		return "", nil, false
	}
	r.last++
	inbox = r.prefix + strconv.FormatUint(r.last, 36)
	ch := make(chan protocol.Message, 1) // the buffer keeps deliver from waiting
	r.pending[inbox] = ch
	return inbox, ch, true
}

// deliver reports whether a request was waiting for the answer. It deletes the request first, so a second answer is not
// delivered.
func (r *requests) deliver(m protocol.Message) bool {
	r.mu.Lock()
	ch, ok := r.pending[m.Subject]
	delete(r.pending, m.Subject)
	r.mu.Unlock()
	if ok {
		ch <- m
	}
	return ok
}

// abandon forgets a request, answered or not.
func (r *requests) abandon(inbox string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pending, inbox)
}

// failAll ends all requests. Later ones fail at once.
func (r *requests) failAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ch := range r.pending {
		close(ch)
	}
	r.pending = nil
}
