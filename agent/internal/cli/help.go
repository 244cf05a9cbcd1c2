package cli

// defaultManager is the manager of a host that is not enrolled and is given no other.
const defaultManager = "http://127.0.0.1:8787"

// help is the answer to --help.
const help = `zedops-agent connects this host to a ZedOps manager and keeps it connected.

The first start needs an enrolment token. The manager's dashboard or "make token"
gives you one. The manager answers it with a permanent token for this host. The
agent stores that token and needs no enrolment token afterwards. If you give one
all the same, the agent uses it only if the manager has removed or revoked this
host, or keeps refusing its token.

  zedops-agent --manager https://zedops.example.com --token-file -
  ZEDOPS_TOKEN=... zedops-agent --manager https://zedops.example.com
  zedops-agent

Flags:
  --manager URL       base URL of the manager (http, https, ws or wss).
                      Default: the manager that this host is enrolled with,
                      else ` + defaultManager + `. Environment: ZEDOPS_MANAGER
  --token-file PATH   file whose first line is the enrolment token; - reads it
                      from standard input
  --token TOKEN       the enrolment token itself. Any user can read process
                      arguments: prefer the file or the environment variable
                      ZEDOPS_TOKEN
  --name NAME         name of this host in the dashboard (1 to 64 characters).
                      Used when enrolling only, and ignored later: rename the
                      host in the dashboard. Default: the enrolment token's name,
                      else the hostname
  --label LABEL       label of this host: a key, or key=value, such as env=prod.
                      May be repeated, 16 times at most. Used when enrolling
                      only: an operator changes the labels later. A label of
                      the enrolment token with the same key wins
  --state-dir DIR     directory of the agent's identity.
                      Default: ~/.zedops-agent
  --subscribe PATTERN write each message that is published to the pattern to
                      standard output; see below. May be repeated, 32 times
                      at most
  --max-retries N     give up after N failed connection attempts in a row.
                      Default: 0, which never gives up
  --log-format F      text or json. Default: text
  --verbose           also log every attempt to connect
  --version           print the version
  --help              print this help

Published messages: an operator publishes a message to a subject. With
--subscribe, each message with a matching subject becomes one line of JSON on
standard output, for a script:

  zedops-agent --subscribe 'fleet.>' --subscribe 'agents.self.>' |
    while read -r line; do ...; done

  {"subject":"fleet.announce","data":{"text":"hi"},"timestamp":1790000000000}

The line has no data or timestamp if the message has none. A pattern begins with
"fleet." or "agents.self."; "agents.self." stands for this agent's own subjects.
"*" stands for one token, a last ">" for one or more. The manager keeps no
messages for an agent that is offline. While the reader is busy, the agent holds
one window of messages (256, or 1 MiB) and the manager drops the others. Nothing
else waits for the reader. If the reader goes away, the messages are lost and
the agent stays connected.

State: the state directory (mode 0700) holds these files:
  token            the permanent token
  token.candidate  its replacement, while the manager rotates the token
  token.refused, token.candidate.refused
                   the last tokens, if the manager refused them and this host
                   then enrolled again; the agent does not read them
  manager          the manager's URL; the tokens are sent to no other
  install-id       tells this host from others when it enrols again
  lock             locked while an agent runs
Only one agent at a time can use the directory. A running agent writes files that
are deleted again; it leaves a directory alone that was moved. A removed or revoked host comes
back with a new enrolment token. To enrol a host with a second manager, use
another --state-dir.

Network: the agent honours HTTPS_PROXY or HTTP_PROXY, else ALL_PROXY, and
NO_PROXY. A proxy is a URL that begins with http://, https://, socks5:// or
socks5h://. SSL_CERT_FILE names the certificates of a private authority.

Exit codes:
  0    stopped by SIGINT or SIGTERM; SIGHUP does not stop it
  1    a fault on this host, such as a state directory that cannot be written
  2    wrong flags or settings
  75   gave up after --max-retries; starting the agent again may help
  77   the manager refused the enrolment token, or it removed or revoked this
       host; starting the agent again does not help
  78   this host is not enrolled, and no enrolment token was given
After any other refusal an enrolled agent keeps its token and tries again every
5 to 30 minutes.
`
