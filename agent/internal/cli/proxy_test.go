package cli

import (
	"os"
	"strings"
	"testing"
)

func TestTheProxyOfTheEnvironmentIsUsedOrRefused(t *testing.T) {
	const usable = "http://u:secret@proxy.example.com:3128"
	for name, c := range map[string]struct {
		env    map[string]string
		scheme string
		want   string // of the variable that net/http reads
		says   string // of the error
	}{
		"none":                               {nil, "https", "", ""},
		"a URL":                              {map[string]string{"HTTPS_PROXY": usable}, "https", usable, ""},
		"lower case":                         {map[string]string{"https_proxy": usable}, "https", usable, ""},
		"without a scheme":                   {map[string]string{"HTTP_PROXY": "proxy:3128"}, "http", "proxy:3128", ""},
		"socks5":                             {map[string]string{"HTTP_PROXY": "socks5://[::1]:1080"}, "http", "socks5://[::1]:1080", ""},
		"ALL_PROXY":                          {map[string]string{"ALL_PROXY": usable}, "https", usable, ""},
		"all_proxy":                          {map[string]string{"all_proxy": "socks5h://proxy"}, "http", "socks5h://proxy", ""},
		"the scheme's own before ALL_PROXY":  {map[string]string{"HTTPS_PROXY": usable, "ALL_PROXY": "ftp://x"}, "https", usable, ""},
		"another scheme's does not count":    {map[string]string{"HTTP_PROXY": "http://%zz"}, "https", "", ""},
		"not a URL":                          {map[string]string{"HTTPS_PROXY": "http://secret:%zz@proxy"}, "https", "", "HTTPS_PROXY cannot be used as a proxy"},
		"a port that is none":                {map[string]string{"https_proxy": "proxy:secret"}, "https", "", "https_proxy cannot be used"},
		"a space":                            {map[string]string{"HTTPS_PROXY": "http://my proxy:1/secret"}, "https", "", "it is not a URL"},
		"another protocol":                   {map[string]string{"ALL_PROXY": "socks4://secret:1"}, "http", "", "ALL_PROXY cannot be used as a proxy: it begins with none"},
		"no host":                            {map[string]string{"HTTP_PROXY": "http://:3128"}, "http", "", "names no host"},
		"no host and no scheme":              {map[string]string{"HTTP_PROXY": ":3128"}, "http", "", "names no host"},
		"a bad one of the scheme, good else": {map[string]string{"HTTPS_PROXY": "://", "ALL_PROXY": usable}, "https", "", "HTTPS_PROXY cannot"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
				t.Setenv(variable, c.env[variable])
			}
			err := checkProxy(c.scheme)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v", err)
				}
				return
			}
			if got := os.Getenv(strings.ToUpper(c.scheme) + "_PROXY"); err != nil || got != c.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
