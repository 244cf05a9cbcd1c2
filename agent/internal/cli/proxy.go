package cli

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// checkProxy makes net/http use the proxy of the environment for this scheme of the manager, or returns an error: net/http
// itself passes over a proxy that it cannot parse and over ALL_PROXY, and would connect directly.
func checkProxy(scheme string) error {
	own := strings.ToUpper(scheme) + "_PROXY"
	for _, name := range []string{own, strings.ToLower(own), "ALL_PROXY", "all_proxy"} {
		proxy := os.Getenv(name)
		if proxy == "" {
			continue
		}
		if err := checkProxyURL(proxy); err != nil {
			return fmt.Errorf("%s cannot be used as a proxy: %w", name, err)
		}
		return os.Setenv(own, proxy)
	}
	return nil
}

// checkProxyURL accepts what net/http does. Its errors do not repeat the URL, which may hold a password.
func checkProxyURL(proxy string) error {
	if !strings.Contains(proxy, "://") {
		proxy = "http://" + proxy
	}
	u, err := url.Parse(proxy)
	switch {
	case err != nil:
		return errors.New("it is not a URL such as http://proxy.example.com:3128")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" && u.Scheme != "socks5h":
		return errors.New("it begins with none of http://, https://, socks5:// and socks5h://")
	case u.Hostname() == "":
		return errors.New("it names no host")
	}
	return nil
}
