package link

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const longest = 10 * time.Minute
	for header, want := range map[string]time.Duration{
		"":                               0,
		"5":                              5 * time.Second,
		"0":                              0,
		"007":                            7 * time.Second,
		"599":                            599 * time.Second,
		"601":                            longest,
		"99999999":                       longest,
		"2147483648":                     longest, // 2^31
		"9223372036854775808":            longest, // 2^63
		"18446744073709551616":           longest, // 2^64
		"1" + strings.Repeat("0", 30):    longest,
		"1" + strings.Repeat("0", 3000):  longest,
		strings.Repeat("0", 3000) + "5":  5 * time.Second,
		"-5":                             0,
		"-9223372036854775809":           0,
		"+5":                             0,
		"1.5":                            0,
		"1e3":                            0,
		"0x10":                           0,
		"5s":                             0,
		"5, 10":                          0,
		"99999999999999999999x":          0,
		"soon":                           0,
		"NaN":                            0,
		"Infinity":                       0,
		"\u0665":                         0, // an Arabic five
		"Fri, 02 Jan 2026 03:05:05 GMT":  time.Minute,
		"Friday, 02-Jan-26 03:05:05 GMT": time.Minute,
		"Fri Jan  2 03:05:05 2026":       time.Minute,
		"Fri, 02 Jan 2026 03:00:00 GMT":  0,
		"Sat, 02 Jan 2027 03:00:00 GMT":  longest,
		"Fri, 31 Dec 9999 23:59:59 GMT":  longest,
		"Mon, 01 Jan 0001 00:00:00 GMT":  0,
		"Fri, 32 Jan 2026 03:05:05 GMT":  0,
	} {
		if got := retryAfter([]string{header}, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
	for _, c := range []struct {
		headers []string
		want    time.Duration
	}{
		{nil, 0},
		{[]string{"5", "7"}, 7 * time.Second},
		{[]string{"soon", "-1", "7", "Fri, 02 Jan 2026 03:00:00 GMT"}, 7 * time.Second},
		{[]string{"5", "Fri, 02 Jan 2026 03:05:05 GMT"}, time.Minute},
		{[]string{"5", strings.Repeat("9", 40)}, longest},
	} {
		if got := retryAfter(c.headers, now); got != c.want {
			t.Errorf("%q: %v, want %v", c.headers, got, c.want)
		}
	}
	// A clock that is far off must not overflow either.
	for date, want := range map[string]time.Duration{"Fri, 31 Dec 9999 23:59:59 GMT": longest, "Mon, 01 Jan 0001 00:00:00 GMT": 0} {
		for _, now := range []time.Time{{}, time.Unix(1<<40, 0), time.Unix(-1<<40, 0)} {
			if got := retryAfter([]string{date}, now); got != want && !(now.Year() > 9999 || now.Year() < 1) {
				t.Errorf("%s at %v: %v", date, now, got)
			}
		}
	}
}

func TestUpgradeRefusals(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("it followed the redirect")
	}))
	defer elsewhere.Close()
	ours := func(code string) string { return `{"error":{"code":"` + code + `","message":"because"}}` }
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		ours   bool // whether it is a refusal of the manager itself
		says   string
	}{
		"invalid_token":         {401, nil, ours("invalid_token"), true, "JWT_SECRET"},
		"token_expired":         {401, nil, ours("token_expired"), true, "new enrolment token"},
		"missing_token":         {401, nil, ours("missing_token"), true, "Authorization header"},
		"enrolment_used":        {403, nil, ours("enrolment_used"), true, "new enrolment token"},
		"enrolment_revoked":     {403, nil, ours("enrolment_revoked"), true, "new enrolment token"},
		"agent_revoked":         {403, nil, ours("agent_revoked"), true, "start it with a new enrolment token"},
		"agent_removed":         {403, nil, ours("agent_removed"), true, "start it with a new enrolment token"},
		"browser_origin":        {403, nil, ours("browser_origin"), true, "Origin"},
		"our code, other place": {400, nil, ours("invalid_token"), false, "400 Bad Request (invalid_token: because)"},
		"another's code":        {403, nil, ours("quota"), false, "403 Forbidden (quota: because)"},
		"captive portal":        {403, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<html>log in</html>", false, "something that is not the manager answered 403 Forbidden with text/html"},
		"bare 401":              {401, nil, "", false, "something that is not the manager answered 401"},
		"portal with 200":       {200, map[string]string{"Content-Type": "text/html"}, "<html>", false, "something that is not the manager answered 200 OK with text/html"},
		"no upgrade":            {426, nil, ours("upgrade_required"), false, "does not pass WebSockets (it answered 426"},
		"proxy log-in":          {407, nil, "", false, "the proxy on the way requires a log-in"},
		"nothing there":         {404, nil, "nope", false, "there is no manager at this URL"},
		"gateway":               {502, nil, "", false, "answered 502 Bad Gateway"},
		"not configured":        {503, nil, ours("not_configured"), false, "503 Service Unavailable (not_configured: because)"},
		"redirect":              {302, map[string]string{"Location": elsewhere.URL + "/login?session=1"}, "", false, "to " + elsewhere.URL + ", where the token does not belong"},
		"permanent redirect":    {308, map[string]string{"Location": "/elsewhere"}, "", false, "to another path"},
		"redirect to ws":        {307, map[string]string{"Location": strings.Replace(elsewhere.URL, "http", "ws", 1)}, "", false, "redirected"},
	} {
		t.Run(name, func(t *testing.T) {
			m := managertest.Start(t, func(w http.ResponseWriter, _ *http.Request) bool {
				for name, value := range c.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
				return true
			})
			r := run(t, m.URL, func(l *Link) { l.config.MaxRetries = 1 })
			err := r.ended(t)
			var refused *RefusedError
			if got := errors.As(err, &refused); got != c.ours || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

func TestAnAgentThatWasRevokedStops(t *testing.T) {
	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	connected(t, m, r, managertest.Defaults()).Close(4000, "x") // any other code is retried
	connected(t, m, r, managertest.Defaults()).Close(protocol.CloseRevoked, "x")
	var refused *RefusedError
	if err := r.ended(t); !errors.As(err, &refused) || refused.Code != protocol.AgentRevoked {
		t.Errorf("it ended with %v", err)
	}
}
