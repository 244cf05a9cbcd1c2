package fault

// Code is the stable, machine-readable name of a fault. The codes of the manager (protocol.Code) are codes of faults too.
type Code string

// The codes of the faults that this host finds by itself. docs/OPERATIONS.md "What doctor says" lists them.
const (
	StateUnreadable Code = "state_unreadable"
	StateOpen       Code = "state_open"
	StateDamaged    Code = "state_damaged"
	StateUnwritable Code = "state_unwritable"

	ClockWrong Code = "clock_wrong"

	NameNotFound    Code = "name_not_found"
	NameServiceDown Code = "name_service_down"
	NoNameServer    Code = "no_name_server"

	ProxyUnusable    Code = "proxy_unusable"
	ProxyUnreachable Code = "proxy_unreachable"
	ProxyLogin       Code = "proxy_login"
	ProxyForbids     Code = "proxy_forbids"
	ProxyPortal      Code = "proxy_portal"
	ProxyBroken      Code = "proxy_broken"

	Refused      Code = "connection_refused"
	NoRoute      Code = "no_route"
	BlockedHere  Code = "blocked_here"
	NoAnswer     Code = "no_answer"
	ProxyNoRoute Code = "proxy_no_route"

	NoAuthorities     Code = "no_authorities"
	CertFileUnusable  Code = "cert_file_unusable"
	UnknownAuthority  Code = "unknown_authority"
	CertExpired       Code = "certificate_expired"
	CertNotYetValid   Code = "certificate_not_yet_valid"
	CertOtherName     Code = "certificate_other_name"
	CertInvalid       Code = "certificate_invalid"
	NotTLS            Code = "not_tls"
	HandshakeRefused  Code = "tls_refused"
	HandshakeCut      Code = "tls_cut"
	HandshakeNoAnswer Code = "tls_no_answer"

	WantsTLS        Code = "wants_tls"
	OnlyHTTP2       Code = "only_http2"
	NoWebSocket     Code = "no_websocket"
	Redirected      Code = "redirected"
	Portal          Code = "portal"
	NotFound        Code = "no_manager_here"
	NotManager      Code = "not_a_manager"
	ServerError     Code = "server_error"
	UpgradeNoAnswer Code = "upgrade_no_answer"
	UpgradeCut      Code = "upgrade_cut"

	BeatNoAnswer     Code = "heartbeat_no_answer"
	ConnectionCut    Code = "connection_cut"
	ConnectionBroken Code = "connection_broken"
	CutAtSameAge     Code = "cut_at_same_age"
	Silent           Code = "connection_silent"
	ClosedByManager  Code = "closed_by_manager"

	Other Code = "other"
)

// remedies say what an operator can do. A code without one tells it in its text, or needs nothing but time.
var remedies = map[Code]string{
	StateUnreadable: "use the user that runs the agent, or root",
	StateOpen:       "close it with chmod, and revoke the agent if somebody may have read its token",
	StateDamaged:    "restore this file from a backup, or enrol this host anew with another --state-dir",
	StateUnwritable: "make room on the disk, mount it writable, or correct the owner of the directory",

	ClockWrong: "set this host's clock and let it be kept by NTP",

	NameNotFound:    "check the spelling of the name, and whether it is known in this network",
	NameServiceDown: "check the name servers of this host (/etc/resolv.conf) and the way to them",
	NoNameServer:    "add a line such as \"nameserver 192.0.2.1\" to /etc/resolv.conf",

	ProxyUnusable:    "correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; a proxy is a URL such as http://proxy.example.com:3128",
	ProxyUnreachable: "check HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, and whether the proxy runs; NO_PROXY names hosts that need none",
	ProxyLogin:       "add user and password to the proxy's URL in HTTPS_PROXY (http://user:password@host:port)",
	ProxyForbids:     "have the proxy allow connections to the manager, or name the manager in NO_PROXY if it can be reached directly",
	ProxyPortal:      "log in to this network's portal, or have it let this host pass",
	ProxyBroken:      "check that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names a proxy of the right kind (http://, https:// or socks5://)",

	Refused:      "check the manager's URL and port, and whether the manager runs",
	NoRoute:      "check this host's network and its routes; a manager with an IPv6 address only needs IPv6 here",
	BlockedHere:  "allow connections to the manager in this host's firewall or security policy",
	NoAnswer:     "a firewall on the way may drop the packets, or the manager's host may be down",
	ProxyNoRoute: "check the manager's URL, and whether the proxy may and can connect to it",

	NoAuthorities:     "install the package ca-certificates, or name a file of certificates with --ca-file",
	CertFileUnusable:  "correct SSL_CERT_FILE, or unset it and use --ca-file",
	UnknownAuthority:  "if it is your own, name its certificate file with --ca-file, or in SSL_CERT_FILE; if it is a proxy's, have the manager exempted",
	CertExpired:       "set the clock if it is wrong; else renew the manager's certificate",
	CertNotYetValid:   "set the clock if it is wrong; else wait, or replace the manager's certificate",
	CertOtherName:     "use one of the certificate's names in the manager's URL, or get a certificate with this name",
	CertInvalid:       "replace the manager's certificate",
	NotTLS:            "if the manager has no TLS, its URL begins with http://; else check the port",
	HandshakeRefused:  "check what TLS versions and client certificates the other end wants",
	HandshakeCut:      "a firewall on the way may filter TLS by name; have it let the manager's name pass",
	HandshakeNoAnswer: "a firewall on the way may filter TLS, or the port may belong to something else",

	WantsTLS:               "begin the manager's URL with https://",
	OnlyHTTP2:              "let the front of the manager speak HTTP/1.1 too: a WebSocket begins with it",
	NoWebSocket:            "have the proxy before the manager pass the headers Upgrade and Connection",
	Redirected:             "log in if this is a network's portal; else use the manager's present URL",
	Portal:                 "log in if this is a network's portal; else have the proxy let this host pass",
	NotFound:               "check the manager's URL",
	NotManager:             "check the manager's URL",
	ServerError:            "look at the manager and the proxy before it; the agent tries again by itself",
	"too_many_requests":    "wait a minute; the agent tries again by itself",
	"registry_unavailable": "look at the manager's log and its database; the agent tries again by itself",
	"hub_unavailable":      "look at the manager's log; the agent tries again by itself",
	"not_configured":       "complete the manager's settings as its message says",
	"invalid_header":       "something between this host and the manager alters the headers Zedops-*; let them pass",
	UpgradeNoAnswer:        "look whether the manager works, and whether a proxy before it passes WebSockets",
	UpgradeCut:             "look whether the manager works, and whether a proxy before it passes WebSockets",

	BeatNoAnswer: "look whether something on the way holds frames back; WebSockets must pass unbuffered",
	CutAtSameAge: "something on the way limits the age of connections, or their idle time to less than a heartbeat; raise its limit for the manager",
}

// Remedy says what an operator can do about a code; it is empty if there is nothing more to say.
func Remedy(code Code) string { return remedies[code] }
