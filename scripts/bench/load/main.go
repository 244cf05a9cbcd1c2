// Command load is the client of the benchmarks: sockets of a manager, or of an object to compare it with. It reads
// orders from standard input, one JSON object a line, and answers each with one line. It has a process of its own, so
// that its work does not count as the server's.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// order is one line of the input. Each kind of order uses some of its fields.
type order struct {
	// Do is enrol, open, subscribe, close, echo, flight, fanout or ask.
	Do string `json:"do"`
	// Group names the sockets. An order for a group uses all its sockets, or its first one.
	Group string `json:"group"`
	URL   string `json:"url"`
	// Token is an enrolment token. Tokens are the credentials of one socket each.
	Token  string   `json:"token"`
	Tokens []string `json:"tokens"`
	Count  int      `json:"count"`
	// Registers says whether the sockets register as agents.
	Registers bool `json:"registers"`
	InFlight  int  `json:"inFlight"`
	// Elsewhere says that another process answers the requests of an ask.
	Elsewhere bool `json:"elsewhere"`
	// Headers and Body are those of an HTTP request.
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// answer is one line of the output.
type answer struct {
	Error string `json:"error,omitempty"`
	// Ms is how long the whole order took.
	Ms float64 `json:"ms"`
	// MedianUs is the median of the single operations, in microseconds.
	MedianUs float64 `json:"medianUs,omitempty"`
	Done     int     `json:"done"`
}

func main() {
	groups := map[string]*group{}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 64<<20)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var o order
		var a answer
		err := json.Unmarshal(input.Bytes(), &o)
		if err == nil {
			a, err = obey(context.Background(), groups, o)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := output.Encode(a); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func obey(ctx context.Context, groups map[string]*group, o order) (answer, error) {
	g := groups[o.Group]
	if g == nil {
		g = &group{}
		groups[o.Group] = g
	}
	switch o.Do {
	case "enrol":
		return g.enrol(ctx, o)
	case "open":
		return g.open(ctx, o)
	case "subscribe":
		return g.subscribe(ctx)
	case "close":
		return g.close()
	case "echo":
		return g.echo(ctx, o.Count)
	case "flight":
		return g.flight(ctx, o.Count, o.InFlight)
	case "fanout":
		return g.fanout(ctx, o)
	case "ask":
		return g.ask(ctx, o)
	default:
		return answer{}, fmt.Errorf("unknown order %q", o.Do)
	}
}
