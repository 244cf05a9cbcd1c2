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
	NoSignOfLife     Code = "no_sign_of_life"
	ClosedByManager  Code = "closed_by_manager"

	Other Code = "other"
)

// kind is what is always the same about the faults of one code.
type kind struct {
	code   Code
	step   Step   // empty if it shows at several
	text   string // with a % for each argument
	remedy string // what an operator can do; empty if the text tells it, or if only time helps
}

var kinds = []kind{
	{StateUnreadable, State, "cannot read % (%)", "use the user that runs the agent, or root"},
	{StateOpen, State, "other users can enter the state directory % (mode %)", "close it with chmod 700, and revoke the agent if somebody may have read its token"},
	{StateDamaged, State, "%", "restore this file from a backup, or enrol this host anew with another --state-dir"},
	{StateUnwritable, State, "the agent cannot store its state in % (%)", "make room on the disk, mount it writable, or correct the owner of the directory"},

	{ClockWrong, Clock, "this host's clock is % the manager's", "set this host's clock and let NTP keep it"},

	{NameNotFound, Names, "the name % is not known", "check the spelling of the name, and whether it is known in this network"},
	{NameServiceDown, Names, "cannot look up %: the name server % (%)", "check the name servers of this host (/etc/resolv.conf) and the way to them"},
	{NoNameServer, Names, "cannot look up %, because this host has no name server", "add a line such as \"nameserver 192.0.2.1\" to /etc/resolv.conf"},

	{ProxyUnusable, Proxy, "%", "correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; a proxy is a URL such as http://proxy.example.com:3128"},
	{ProxyUnreachable, Proxy, "%", "check HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, and whether the proxy runs; NO_PROXY names hosts that need none"},
	{ProxyLogin, Proxy, "the proxy % requires a log-in (it answered %)", "add user and password to the proxy's URL in HTTPS_PROXY (http://user:password@host:port)"},
	{ProxyForbids, Proxy, "the proxy % refuses to connect to the manager (it answered %)", "have the proxy allow connections to the manager, or name the manager in NO_PROXY if it can be reached directly"},
	{ProxyPortal, Proxy, "a captive portal answered for the proxy % (%)", "log in to this network's portal, or have it let this host pass"},
	{ProxyBroken, Proxy, "the proxy % does not answer as a proxy does (%)", "check that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names a proxy of the right kind (http://, https:// or socks5://)"},

	{Refused, TCP, "% refuses connections at %", "check the manager's URL and port, and whether the manager runs"},
	{NoRoute, TCP, "there is no route to % at %", "check this host's network and its routes; a manager with an IPv6 address only needs IPv6 here"},
	{BlockedHere, TCP, "this host forbids connections to % at %", "allow connections to the manager in this host's firewall or security policy"},
	{NoAnswer, TCP, "% does not answer at %", "a firewall on the way may drop the packets, or the manager's host may be down"},
	{ProxyNoRoute, TCP, "the proxy % cannot connect to the manager (it answered %)", "check the manager's URL, and whether the proxy may and can connect to it"},

	{NoAuthorities, TLS, "this host has no certificates of authorities at all, so it cannot check the manager's", "install the package ca-certificates, or name a file of certificates with --ca-file"},
	{CertFileUnusable, TLS, "the file of SSL_CERT_FILE cannot be used (%)", "correct SSL_CERT_FILE, or unset it and use --ca-file"},
	{UnknownAuthority, TLS, "the manager's certificate was signed by an authority that this host does not trust (%)", "if it is your own, name its certificate file with --ca-file, or in SSL_CERT_FILE; if it is a proxy's, have the manager exempted"},
	{CertExpired, TLS, "the manager's certificate is valid from % until %, and this host's clock says %: one of them is wrong", "set the clock if it is wrong; else renew the manager's certificate"},
	{CertNotYetValid, TLS, "the manager's certificate is valid from % until %, and this host's clock says %: one of them is wrong", "set the clock if it is wrong; else wait, or replace the manager's certificate"},
	{CertOtherName, TLS, "the manager's certificate is not for %, but for %", "use one of the certificate's names in the manager's URL, or get a certificate with this name"},
	{CertInvalid, TLS, "the manager's certificate cannot be used (%)", "replace the manager's certificate"},
	{NotTLS, TLS, "the other end does not speak TLS, and the manager's URL begins with https://", "if the manager has no TLS, its URL begins with http://; else check the port"},
	{HandshakeRefused, TLS, "the other end refused the TLS handshake (%)", "check what TLS versions and client certificates the other end wants"},
	{HandshakeCut, TLS, "the connection broke off during the TLS handshake", "a firewall on the way may filter TLS by name; have it let the manager's name pass"},
	{HandshakeNoAnswer, TLS, "the manager does not answer the TLS handshake", "a firewall on the way may filter TLS, or the port may belong to something else"},

	{WantsTLS, Upgrade, "the manager's URL begins with http://, and the other end wants https:// (it answered %)", "begin the manager's URL with https://"},
	{OnlyHTTP2, Upgrade, "the other end does not accept HTTP/1.1 (it answered %)", "let the front of the manager speak HTTP/1.1 too: a WebSocket begins with it"},
	{NoWebSocket, Upgrade, "something between this host and the manager does not pass WebSockets (it answered %)", "have the proxy before the manager pass the headers Upgrade and Connection"},
	{Redirected, Upgrade, "redirected (%) to %, where the token does not belong: a captive portal, or the manager's URL has changed", "log in if this is a network's portal; else use the manager's present URL"},
	{Portal, Upgrade, "something that is not the manager answered % with % (a proxy or a captive portal?)", "log in if this is a network's portal; else have the proxy let this host pass"},
	{NotFound, Upgrade, "there is no manager at this URL (it answered %)", "check the manager's URL"},
	{NotManager, Upgrade, "the other end is not a manager: %", "check the manager's URL"},
	{ServerError, Upgrade, "the manager, or a proxy before it, answered %", "look at the manager and the proxy before it; the agent tries again by itself"},
	{UpgradeNoAnswer, Upgrade, "the manager does not answer the %", "look whether the manager works, and whether a proxy before it passes WebSockets"},
	{UpgradeCut, Upgrade, "the connection broke off before the %", "look whether the manager works, and whether a proxy before it passes WebSockets"},
	{"too_many_requests", Upgrade, "%", "wait a minute; the agent tries again by itself"},
	{"registry_unavailable", Upgrade, "%", "look at the manager's log and its database; the agent tries again by itself"},
	{"hub_unavailable", Upgrade, "%", "look at the manager's log; the agent tries again by itself"},
	{"not_configured", Upgrade, "%", "complete the manager's settings as its message says"},
	{"invalid_header", Upgrade, "%", "have whatever alters the headers Zedops-* let them pass"},

	{BeatNoAnswer, Heartbeat, "the manager's welcome arrives, and the answer to a heartbeat does not", "look whether something on the way holds frames back; WebSockets must pass unbuffered"},
	{CutAtSameAge, Heartbeat, "the connection broke off after %, as did the two before it", "something on the way limits the age of connections, or their idle time to less than a heartbeat; raise its limit for the manager"},
	{ConnectionCut, "", "the connection broke off", ""},
	{Silent, "", "no answer in time", ""},
	{NoSignOfLife, "", "the manager gives no sign of life", ""},
}
