// Command nats measures request and reply of NATS over WebSocket, to compare the manager with it. "nats serve" runs a
// server, and in it the responder that echoes. Without an argument it is a client, which takes orders as load does.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// subject is where the responder listens.
const subject = "test.echo"

var payload = []byte(`{"text":"a message of the benchmark","number":12345}`)

type order struct {
	// Do is open, echo or flight.
	Do       string `json:"do"`
	URL      string `json:"url"`
	Count    int    `json:"count"`
	InFlight int    `json:"inFlight"`
}

type answer struct {
	Error    string  `json:"error,omitempty"`
	Ms       float64 `json:"ms"`
	MedianUs float64 `json:"medianUs,omitempty"`
	Done     int     `json:"done"`
}

func main() {
	var err error
	if len(os.Args) > 1 {
		err = serve()
	} else {
		err = obeyAll()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve runs until standard input ends. It prints the server's URL.
func serve() error {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		Websocket: server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoTLS: true},
	})
	if err != nil {
		return err
	}
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("the NATS server does not start")
	}
	responder, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		return err
	}
	if _, err := responder.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		return err
	}
	if err := responder.Flush(); err != nil {
		return err
	}
	fmt.Println(s.WebsocketURL())
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	return nil
}

func obeyAll() error {
	var c *nats.Conn
	input := bufio.NewScanner(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var o order
		var a answer
		err := json.Unmarshal(input.Bytes(), &o)
		switch {
		case err != nil:
		case o.Do == "open":
			c, err = nats.Connect(o.URL)
		case o.Do == "echo":
			a, err = echo(c, o.Count)
		case o.Do == "flight":
			a, err = flight(c, o.Count, o.InFlight)
		default:
			err = fmt.Errorf("unknown order %q", o.Do)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := output.Encode(a); err != nil {
			return err
		}
	}
	return input.Err()
}

func echo(c *nats.Conn, count int) (answer, error) {
	times := make([]time.Duration, count)
	start := time.Now()
	for n := range times {
		began := time.Now()
		if _, err := c.Request(subject, payload, 10*time.Second); err != nil {
			return answer{}, err
		}
		times[n] = time.Since(began)
	}
	took := time.Since(start)
	slices.Sort(times)
	return answer{
		Ms: float64(took.Microseconds()) / 1000, MedianUs: float64(times[count/2].Nanoseconds()) / 1000, Done: count,
	}, nil
}

func flight(c *nats.Conn, count, inFlight int) (answer, error) {
	replies := make(chan *nats.Msg, inFlight)
	inbox := nats.NewInbox()
	subscription, err := c.ChanSubscribe(inbox, replies)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = subscription.Unsubscribe() }()
	start := time.Now()
	for n := range count + inFlight {
		if n >= inFlight {
			<-replies
		}
		if n < count {
			if err := c.PublishRequest(subject, inbox, payload); err != nil {
				return answer{}, err
			}
		}
	}
	return answer{Ms: float64(time.Since(start).Microseconds()) / 1000, Done: count}, nil
}
