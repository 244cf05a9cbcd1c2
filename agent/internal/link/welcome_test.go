package link

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
)

// welcomeWith returns the data of a welcome in which one field has another value. An empty value leaves the field out.
func welcomeWith(name, value string) json.RawMessage {
	fields := []string{`"new":{"connection":"x"}`, `"Connection":"a.b"`, `"LEASEMS":1`}
	for _, field := range [][2]string{{"protocol", "1"}, {"connection", `"c7h2k9"`}, {"serverTime", "1790000000000"}, {"heartbeatIntervalMs", "30000"}, {"heartbeatDelayMs", ""}, {"leaseMs", "40000"},
		{"maxFrameBytes", "65536"}, {"messagesPerSecond", "100"}, {"bytesPerSecond", "1048576"}, {"creditFrames", "256"}, {"creditBytes", "1048576"}, {"reconnectSpreadMs", "1000"}, {"labels", ""}} {
		if field[0] == name {
			field[1] = value
		}
		if field[1] != "" {
			fields = append(fields, fmt.Sprintf("%q:%s", field[0], field[1]))
		}
	}
	return json.RawMessage("{" + strings.Join(fields, ",") + "}")
}

func TestTheRangesOfAWelcome(t *testing.T) {
	usual := welcome{Connection: "c7h2k9", ServerTime: 1790000000000, HeartbeatIntervalMs: 30_000, HeartbeatDelayMs: -1, LeaseMs: 40_000, MaxFrameBytes: 65_536,
		MessagesPerSecond: 100, CreditFrames: 256, CreditBytes: 1 << 20, ReconnectSpreadMs: 1000}
	zeros := "1" + strings.Repeat("0", 400)
	never := []string{"null", "true", `"7"`, "[7]", "{}", "100000.5", "-1e400", "-" + zeros, "-1"}
	for _, field := range []struct {
		name    string
		of      func(*welcome) *int64
		taken   map[string]int64 // "" stands for a field that is missing
		refused []string
	}{
		{"heartbeatIntervalMs", func(w *welcome) *int64 { return &w.HeartbeatIntervalMs }, map[string]int64{"200": 200, "3e4": 30_000, "39999": 39_999, "30000.0": 30_000},
			append(never, "", "0", "-0", "9", "40000", "86400001", "9223372036854775808", "1e400", zeros)},
		{"heartbeatDelayMs", func(w *welcome) *int64 { return &w.HeartbeatDelayMs }, map[string]int64{"": -1, "0": 0, "3e4": 30_000, "30001": 30_000, "1e400": 30_000, zeros: 30_000},
			never},
		{"leaseMs", func(w *welcome) *int64 { return &w.LeaseMs }, map[string]int64{"30001": 30_001, "4e4": 40_000, "172800000": 172_800_000},
			append(never, "", "0", "30000", "172800001", "9223372036854775808", "1e400", zeros)},
		{"maxFrameBytes", func(w *welcome) *int64 { return &w.MaxFrameBytes }, map[string]int64{"1024": 1024, "1048576": 1 << 20, "1048577": 1 << 20, "33554432": 1 << 20},
			append(never, "", "0", "1023", "33554433", "4294967296", "9223372036854775808", "1e400", zeros)},
		{"messagesPerSecond", func(w *welcome) *int64 { return &w.MessagesPerSecond }, map[string]int64{"": 100, "1": 1, "25": 25, "1e3": 100, "9223372036854775808": 100, "1e400": 100, zeros: 100},
			append(never, "0", "-0")},
		{"creditFrames", func(w *welcome) *int64 { return &w.CreditFrames }, map[string]int64{"": 256, "1": 1, "4096": 4096, "4097": 4096, "65536": 4096},
			append(never, "0", "65537", "4294967297", "1e400", zeros)},
		{"creditBytes", func(w *welcome) *int64 { return &w.CreditBytes }, map[string]int64{"": 1 << 20, "1": 1, "1048577": 1 << 20, "67108864": 1 << 20},
			append(never, "0", "67108865", "18446744073709551617", "1e400", zeros)},
		{"reconnectSpreadMs", func(w *welcome) *int64 { return &w.ReconnectSpreadMs }, map[string]int64{"": 1000, "0": 0, "-0": 0, "3600000": 3_600_000,
			"3600001": 3_600_000, "9223372036854775808": 3_600_000, "1e400": 3_600_000, zeros: 3_600_000}, never},
		{"serverTime", func(w *welcome) *int64 { return &w.ServerTime }, map[string]int64{"": 0, "null": 0, `"7"`: 0, "-1": 0, "1.5": 0, "1e400": 0, "1e15": 1e15, "1e16": 0, "1.79e12": 1790000000000}, nil},
		// The agent does not look at these.
		{"protocol", nil, map[string]int64{"": 0, "2": 0, `"1"`: 0, "null": 0, "1e400": 0}, nil},
		{"bytesPerSecond", nil, map[string]int64{"": 0, "0": 0, "-1": 0, `"1"`: 0, "null": 0, "1e400": 0}, nil},
	} {
		for value, number := range field.taken {
			want := usual
			if field.of != nil {
				*field.of(&want) = number
			}
			if got, err := parseWelcome(welcomeWith(field.name, value)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s %.20q: %+v, %v, want %+v", field.name, value, got, err, want)
			}
		}
		for _, value := range field.refused {
			if got, err := parseWelcome(welcomeWith(field.name, value)); err == nil {
				t.Errorf("%s %.20q is taken as %+v", field.name, value, got)
			}
		}
	}
	// A shorter interval keeps its distance to the lease.
	for _, value := range []string{"10", "199"} {
		var short int64
		if _, err := fmt.Sscan(value, &short); err != nil {
			t.Fatal(err)
		}
		if got, err := parseWelcome(welcomeWith("heartbeatIntervalMs", value)); err != nil || got.HeartbeatIntervalMs != 200 || got.LeaseMs != 40_000+200-short {
			t.Errorf("heartbeatIntervalMs %s: %+v, %v", value, got, err)
		}
	}
	for _, connection := range []string{"", "null", "7", `""`, `"a.b"`, `"*"`, `">"`, `"a b"`, `"é"`, `"` + strings.Repeat("x", 65) + `"`} {
		if got, err := parseWelcome(welcomeWith("connection", connection)); err == nil {
			t.Errorf("connection %.20q is taken as %+v", connection, got)
		}
	}
	for _, data := range []string{"", "null", "7", "[]", `"x"`, "{}"} {
		if _, err := parseWelcome(json.RawMessage(data)); err == nil {
			t.Errorf("%q is a welcome", data)
		}
	}
}

func TestAnOddWelcomeThatIsUsable(t *testing.T) {
	for name, data := range map[string]string{
		"another protocol version":      string(welcomeWith("protocol", "2")),
		"no server time":                string(welcomeWith("serverTime", "")),
		"a server time that is huge":    string(welcomeWith("serverTime", "1e400")),
		"a name that must be escaped":   string(welcomeWith("connection", `"c\"\\<&7"`)),
		"numbers that no float holds":   string(welcomeWith("messagesPerSecond", "1e400")),
		"of equal names the last":       `{"connection":7,"leaseMs":"x","heartbeatIntervalMs":30000,"leaseMs":4e4,"maxFrameBytes":65536,"\u0063onnection":"c7h2k9"}`,
		"unknown fields, nested deeply": `{"x":` + strings.Repeat("[", 511) + "1e400" + strings.Repeat("]", 511) + "," + string(welcomeWith("", "")[1:]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := managertest.Start(t, nil)
			r := run(t, m.URL, func(l *Link) { l.config.MaxRetries = 1 })
			p := m.Next(t)
			p.Send(t, `{"subject":"agent.welcome","data":`+data+`}`)
			register := p.Receive(t)
			if !strings.Contains(string(register.Data), `"protocol":1,`) {
				t.Errorf("it registers with %s", register.Data)
			}
			reply, _ := json.Marshal(register.Reply)
			p.Send(t, `{"subject":`+string(reply)+`,"data":{"agentId":"k3v","name":1e400,"name":"edge-7","x":1e400}}`)
			p.Serve()
			r.log.says(t, "msg=connected")
			if strings.Contains(name, "server time") {
				r.log.says(t, "skewMs=0")
			}
		})
	}
}

func TestARegistrationThatCannotBeUsedIsRetried(t *testing.T) {
	deep := strings.Repeat("[", 513) + strings.Repeat("]", 513)
	for name, c := range map[string]struct{ answer, says string }{
		"no data":                     {`"timestamp":1`, "agentId is not a token"},
		"no object":                   {`"data":[]`, "agentId is not a token"},
		"an id of another type":       {`"data":{"agentId":1e400}`, "agentId is not a token"},
		"an id that is a pattern":     {`"data":{"agentId":"*"}`, "agentId is not a token"},
		"an id of two tokens":         {`"data":{"agentId":"a.b"}`, "agentId is not a token"},
		"a bad frame: too deep":       {`"data":` + deep, "register: invalid_message: data is nested"},
		"a bad frame: a wrong type":   {`"data":{},"timestamp":"now"`, "register: invalid_message: timestamp"},
		"a bad frame: error and data": {`"data":{},"error":{"code":"invalid_token","message":""}`, "register: invalid_message: error and data"},
		"a bad frame: its reply":      {`"data":{},"reply":"a.*"`, "register: invalid_subject: reply"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := managertest.Start(t, nil)
			r := run(t, m.URL, func(l *Link) { l.config.MaxRetries = 1 })
			p := m.Next(t)
			p.Welcome(t, managertest.Defaults())
			p.Send(t, `{"subject":"`+p.Receive(t).Reply+`",`+c.answer+`}`)
			answered := time.Now()
			if err := r.ended(t); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it ended with %v", err)
			}
			if took := time.Since(answered); took > managertest.Timeout/2 {
				t.Errorf("it ended after %v", took)
			}
			r.wantFiles(t, managertest.PermanentToken, "")
		})
	}
}

// FuzzWelcome checks that the agent can afford every welcome that it accepts.
func FuzzWelcome(f *testing.F) {
	for _, data := range []string{
		`{"connection":"c1","heartbeatIntervalMs":30000,"leaseMs":40000,"maxFrameBytes":65536}`,
		`{"connection":"c1","heartbeatIntervalMs":10,"leaseMs":11,"maxFrameBytes":33554432,"heartbeatDelayMs":1e308,"creditFrames":65536,"creditBytes":67108864,"reconnectSpreadMs":1e300,"messagesPerSecond":1e9,"serverTime":-1}`,
		`{"connection":"c.1","heartbeatIntervalMs":1}`, `{}`, `null`, `[]`, ``, `{"connection":"c1","heartbeatIntervalMs":1e999}`,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := parseWelcome(data)
		if err != nil {
			return
		}
		interval := time.Duration(w.HeartbeatIntervalMs) * time.Millisecond
		switch {
		case !isToken(w.Connection), interval < shortestInterval, w.LeaseMs <= w.HeartbeatIntervalMs, w.HeartbeatDelayMs > w.HeartbeatIntervalMs,
			w.MaxFrameBytes < 1<<10, w.MaxFrameBytes > longestFrame, w.MessagesPerSecond < 1, w.MessagesPerSecond > mostMessages,
			w.CreditFrames < 1, w.CreditFrames > widestWindow.Frames, w.CreditBytes < 1, w.CreditBytes > widestWindow.Bytes,
			w.spread() < 0, w.spread() > longestSpread, w.ServerTime < 0:
			t.Errorf("it accepts %+v", w)
		}
	})
}

func TestTheLabelsOfAWelcome(t *testing.T) {
	many := `["` + strings.Join(strings.Split(strings.Repeat("x", 17), ""), `","`) + `"]`
	for value, want := range map[string][]string{
		`["edge","site=Büro 4"]`: {"edge", "site=Büro 4"}, `[]`: {},
		``: nil, `null`: nil, `"edge"`: nil, `["edge",7]`: nil, `["=x"]`: nil, `["a=\u001b[2J"]`: nil, many: nil,
	} {
		w, err := parseWelcome(welcomeWith("labels", value))
		if err != nil || !slices.Equal(w.Labels, want) || (w.Labels == nil) != (want == nil) {
			t.Errorf("%s: %q, %v, want %q", value, w.Labels, err, want)
		}
	}
}

func TestTheStatusHasTheLabelsOfTheLatestAnswer(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, retryQuickly)
	for _, c := range []struct {
		welcome []string
		answer  string
		want    []string
	}{
		{[]string{"edge", "env=prod"}, ``, []string{"edge", "env=prod"}},
		{nil, `,"labels":["env=test"]`, []string{"env=test"}},
		{[]string{"edge"}, `,"labels":[]`, nil},
		{nil, ``, nil}, // a manager from before there were labels in answers
	} {
		w := managertest.Defaults()
		w.Labels = c.welcome
		p := m.Next(t)
		p.Welcome(t, w)
		before := r.stats.connections.Load()
		p.Send(t, `{"subject":"`+p.Receive(t).Reply+`","data":{"agentId":"k3v","name":"edge-7"`+c.answer+`}}`)
		p.Serve()
		eventually(t, func() bool { return r.stats.connections.Load() > before && r.Status().State == Connected }, "connected")
		if got := r.Status().Labels; !slices.Equal(got, c.want) {
			t.Errorf("%v and %s: the labels are %q", c.welcome, c.answer, got)
		}
		p.Reset()
	}
}
