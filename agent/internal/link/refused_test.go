package link

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// freshToken is the enrolment token that an operator gives to an enrolled host.
const freshToken = "fresh.enrolment.value"

// registry refuses the bearers that it lists, each with its code; "" is no answer. It remembers when each bearer came.
type registry struct {
	mu      sync.Mutex
	refused map[string]protocol.Code
	came    []string
	at      []time.Time
}

func (g *registry) answer(w http.ResponseWriter, r *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.came, g.at = append(g.came, bearer), append(g.at, time.Now())
	code, refused := g.refused[bearer]
	switch {
	case !refused:
		return false
	case code == "":
		w.WriteHeader(http.StatusBadGateway)
	default:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"code":%q,"message":"because"}}`, code)
	}
	return true
}

// accept takes bearers off the list.
func (g *registry) accept(bearers ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, bearer := range bearers {
		delete(g.refused, bearer)
	}
}

// count is how often any bearer came.
func (g *registry) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.at)
}

// wantCame checks the bearers that came since the last call.
func (g *registry) wantCame(t *testing.T, bearers ...string) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if got := strings.Join(g.came, " "); got != strings.Join(bearers, " ") {
		t.Errorf("there came %s, want %s", got, bearers)
	}
	g.came = nil
}

// mistakes are the codes of a refusal that a mistake can cause.
var mistakes = []protocol.Code{protocol.MissingToken, protocol.InvalidToken, protocol.TokenExpired, protocol.EnrolmentUsed, protocol.EnrolmentRevoked, protocol.BrowserOrigin}

func TestAnEnrolledAgentOutlivesARefusalThatAMistakeCanCause(t *testing.T) {
	const mistake = 5 * time.Hour
	for _, code := range mistakes {
		t.Run(string(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &registry{refused: map[string]protocol.Code{managertest.PermanentToken: code}}
				m, r := inMemory(t, g.answer, nil)
				time.Sleep(mistake)
				g.mu.Lock()
				if n := len(g.at); n < 10 || n > 40 {
					t.Errorf("it came %d times", n)
				}
				for i := range g.at[1:] {
					if waited := g.at[i+1].Sub(g.at[i]); waited < shortestProbe || waited > longestProbe+time.Second {
						t.Errorf("it waited %v", waited)
					}
				}
				g.mu.Unlock()
				if n := strings.Count(r.log.String(), "level=WARN"); n != 1 {
					t.Errorf("it warned %d times", n)
				}
				r.log.says(t, `"cannot connect, keeping the token and trying again every 5 to 30 minutes" error="the manager refused this agent (`+string(code))
				r.wantFiles(t, managertest.PermanentToken, "")
				g.accept(managertest.PermanentToken)
				p := m.NextWithin(t, time.Hour)
				wantBearer(t, p, managertest.PermanentToken)
				p.Register(t, managertest.Defaults())
				p.Serve()
				r.log.says(t, "failedAttempts=")
			})
		})
	}
}

func TestAnEnrolledAgentOutlivesARefusalOfItsRegistration(t *testing.T) {
	for name, refuse := range map[string]func(*testing.T, *managertest.Peer, string){
		"another version": func(t *testing.T, p *managertest.Peer, reply string) {
			p.Send(t, `{"subject":"`+reply+`","error":{"code":"unsupported_protocol","message":"because"}}`)
		},
		"void since the upgrade": func(t *testing.T, p *managertest.Peer, reply string) {
			p.Send(t, `{"subject":"`+reply+`","error":{"code":"invalid_token","message":"because"}}`)
		},
		"4401 alone": func(_ *testing.T, p *managertest.Peer, _ string) { p.Close(protocol.CloseUnauthorized, "unauthorized") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, r := inMemory(t, nil, nil)
				for range 3 {
					p := m.NextWithin(t, longestProbe+time.Minute)
					p.Welcome(t, managertest.Defaults())
					refuse(t, p, p.Receive(t).Reply)
					refused := time.Now()
					if time.Sleep(shortestProbe - time.Second); len(m.Peers) > 0 {
						t.Errorf("it came after %v", time.Since(refused))
					}
				}
				p := m.NextWithin(t, longestProbe+time.Minute)
				p.Register(t, managertest.Defaults())
				p.Serve()
				r.log.says(t, "failedAttempts=3")
			})
		})
	}
}

func TestAConnectionThatIsClosedAsUnauthorizedComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := inMemory(t, nil, nil)
		connected(t, m, r, managertest.Defaults()).Close(protocol.CloseUnauthorized, "unauthorized")
		if time.Sleep(shortestProbe - time.Second); len(m.Peers) > 0 {
			t.Error("it came too early")
		}
		p := m.NextWithin(t, longestProbe)
		p.Register(t, managertest.Defaults())
		p.Serve()
		r.log.says(t, "msg=reconnected")
	})
}

func TestAHostThatHasNeverEnrolledStopsAtARefusal(t *testing.T) {
	for _, code := range append(mistakes, protocol.AgentRemoved, protocol.AgentRevoked) {
		g := &registry{refused: map[string]protocol.Code{managertest.EnrolmentToken: code}}
		m := managertest.Start(t, g.answer)
		r := run(t, m.URL, func(l *Link) { l.credential.reenrol(managertest.EnrolmentToken) })
		var refused *RefusedError
		if err := r.ended(t); !errors.As(err, &refused) || refused.Code != code || g.count() != 1 {
			t.Errorf("%s: after %d attempts it ended with %v", code, g.count(), err)
		}
	}
}

func TestRefusalsCountAsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &registry{refused: map[string]protocol.Code{managertest.PermanentToken: protocol.InvalidToken, firstCandidate: protocol.InvalidToken}}
		_, r := inMemory(t, g.answer, func(l *Link) { l.config.MaxRetries, l.credential.candidate = 2, firstCandidate })
		time.Sleep(longestProbe)
		var gaveUp *GaveUpError
		if err := r.ended(t); !errors.As(err, &gaveUp) || g.count() != 4 {
			t.Errorf("after %d attempts it ended with %v", g.count(), err)
		}
	})
}

// A crash before the promotion, and then another JWT_SECRET for a while: only one of the two tokens on disk is good.
func TestBothTokensAreShownInTurnUntilOneRegisters(t *testing.T) {
	for good, other := range map[string]string{firstCandidate: managertest.PermanentToken, managertest.PermanentToken: firstCandidate} {
		for _, code := range []protocol.Code{protocol.InvalidToken, protocol.TokenExpired} {
			t.Run(good+" is good, "+string(code), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := &registry{refused: map[string]protocol.Code{good: code, other: code}}
					m, r := inMemory(t, g.answer, func(l *Link) {
						l.credential.candidate = firstCandidate
						if err := l.config.Store.SaveCandidate(firstCandidate); err != nil {
							t.Fatal(err)
						}
					})
					time.Sleep(time.Second)
					g.wantCame(t, firstCandidate, managertest.PermanentToken)
					time.Sleep(2 * shortestProbe)
					g.wantCame(t, firstCandidate, managertest.PermanentToken)
					r.wantFiles(t, managertest.PermanentToken, firstCandidate)
					g.accept(good)
					p := m.NextWithin(t, longestProbe)
					wantBearer(t, p, good)
					r.wantFiles(t, managertest.PermanentToken, firstCandidate)
					p.Register(t, managertest.Defaults())
					p.Serve()
					r.log.says(t, "msg=connected")
					r.wantFiles(t, good, "")
					p.Drop()
					wantBearer(t, m.NextWithin(t, 2*time.Minute), good)
				})
			})
		}
	}
}

// restarted runs an enrolled agent that was given a fresh enrolment token.
func restarted(t *testing.T, g *registry, change func(*Link)) (*managertest.Manager, *running) {
	return inMemory(t, g.answer, func(l *Link) {
		l.config.Reenrol = func(context.Context, *RefusedError) (string, error) { return freshToken, nil }
		if change != nil {
			change(l)
		}
	})
}

// acceptFresh registers the agent that comes with the fresh enrolment token.
func acceptFresh(t *testing.T, p *managertest.Peer) {
	t.Helper()
	wantBearer(t, p, freshToken)
	p.Welcome(t, managertest.Defaults())
	p.Send(t, `{"subject":"`+p.Receive(t).Reply+`","data":{"agentId":"k3v","name":"edge-7","token":"anew.token.value"}}`)
	p.Serve()
}

func TestAFreshEnrolmentTokenHelpsAHostWhoseTokensStayRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &registry{refused: map[string]protocol.Code{managertest.PermanentToken: protocol.InvalidToken, firstCandidate: protocol.InvalidToken}}
		m, r := restarted(t, g, func(l *Link) {
			l.credential.candidate = firstCandidate
			if err := l.config.Store.SaveCandidate(firstCandidate); err != nil {
				t.Fatal(err)
			}
		})
		began := time.Now()
		p := m.NextWithin(t, time.Hour)
		if waited := time.Since(began); waited < confirmation || waited > 2*confirmation+time.Second {
			t.Errorf("it enrols after %v", waited)
		}
		own := []string{firstCandidate, managertest.PermanentToken}
		g.wantCame(t, append(append(own, own...), freshToken)...)
		r.wantFiles(t, managertest.PermanentToken, firstCandidate) // until the manager has registered it
		acceptFresh(t, p)
		r.log.says(t, "msg=connected")
		r.wantFiles(t, "anew.token.value", "")
		p.Close(protocol.CloseUnauthorized, "unauthorized")
		wantBearer(t, m.NextWithin(t, longestProbe), "anew.token.value")
	})
}

func TestAMistakeOfAMinuteCostsNoHostItsIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &registry{refused: map[string]protocol.Code{managertest.PermanentToken: protocol.InvalidToken}}
		m, _ := restarted(t, g, nil)
		time.Sleep(confirmation - time.Second)
		g.accept(managertest.PermanentToken)
		p := m.NextWithin(t, 2*confirmation)
		p.Register(t, managertest.Defaults())
		g.wantCame(t, managertest.PermanentToken, managertest.PermanentToken)
	})
}

func TestAnEnrolmentTokenThatIsRefusedTooEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &registry{refused: map[string]protocol.Code{managertest.PermanentToken: protocol.InvalidToken, freshToken: protocol.TokenExpired}}
		m, r := restarted(t, g, nil)
		time.Sleep(2*confirmation + time.Second)
		g.wantCame(t, managertest.PermanentToken, managertest.PermanentToken, freshToken)
		r.log.says(t, `refused the enrolment token, too: the agent goes on trying its own tokens" code=token_expired`)
		g.accept(freshToken) // a used token is not shown again
		time.Sleep(2 * shortestProbe)
		g.wantCame(t, managertest.PermanentToken)
		g.accept(managertest.PermanentToken)
		wantBearer(t, m.NextWithin(t, longestProbe), managertest.PermanentToken)
		r.wantFiles(t, managertest.PermanentToken, "")
	})
}

func TestAnEnrolmentThatIsNotAnsweredBeginsWithTheOwnTokenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &registry{refused: map[string]protocol.Code{managertest.PermanentToken: protocol.InvalidToken, freshToken: ""}}
		m, _ := restarted(t, g, nil)
		time.Sleep(2*confirmation + 5*time.Second)
		g.wantCame(t, managertest.PermanentToken, managertest.PermanentToken, freshToken, managertest.PermanentToken)
		g.accept(freshToken)
		acceptFresh(t, m.NextWithin(t, time.Hour))
		g.wantCame(t, managertest.PermanentToken, freshToken)
	})
}

func TestTheTokensAreTriedWhileNobodyPastesAnEnrolmentToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pasted := make(chan string, 1)
		g := &registry{refused: map[string]protocol.Code{managertest.PermanentToken: protocol.InvalidToken}}
		m, _ := restarted(t, g, func(l *Link) {
			l.config.Reenrol = func(ctx context.Context, _ *RefusedError) (string, error) {
				select {
				case token := <-pasted:
					return token, nil
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}
		})
		time.Sleep(time.Hour)
		if n := g.count(); n < 10 || n > 30 {
			t.Errorf("it came %d times", n)
		}
		pasted <- freshToken
		acceptFresh(t, m.NextWithin(t, 5*time.Minute))
	})
}

func TestAnEnrolmentTokenThatCannotBeReadEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &registry{refused: map[string]protocol.Code{managertest.PermanentToken: protocol.InvalidToken}}
		m, r := restarted(t, g, func(l *Link) {
			l.config.Reenrol = func(context.Context, *RefusedError) (string, error) { return "", errors.New("no such file") }
		})
		time.Sleep(time.Hour)
		if n := strings.Count(r.log.String(), "no such file"); n != 1 {
			t.Errorf("it is said %d times", n)
		}
		g.accept(managertest.PermanentToken)
		wantBearer(t, m.NextWithin(t, longestProbe), managertest.PermanentToken)
	})
}
