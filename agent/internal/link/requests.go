package link

import (
	"strconv"
	"sync"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// requests are this agent's own requests on one connection that have no answer yet.
type requests struct {
	prefix string // of the inboxes

	mu      sync.Mutex
	last    uint64
	pending map[string]chan protocol.Message // by inbox; nil once the connection is lost
}

func newRequests(prefix string) *requests {
	return &requests{prefix: prefix, pending: map[string]chan protocol.Message{}}
}

// open makes an inbox. Its channel yields the one answer, or is closed when the connection is lost.
func (r *requests) open() (inbox string, answer <-chan protocol.Message, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil {
		return "", nil, false
	}
	r.last++
	inbox = r.prefix + strconv.FormatUint(r.last, 36)
	ch := make(chan protocol.Message, 1) // so that delivery never waits for the requester
	r.pending[inbox] = ch
	return inbox, ch, true
}

// deliver reports whether anybody waited. The entry is gone before the answer arrives, so a second one finds nobody.
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

// fail ends all requests, and those yet to come.
func (r *requests) failAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ch := range r.pending {
		close(ch)
	}
	r.pending = nil
}
