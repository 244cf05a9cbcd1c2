package cli

// defaultManager is the manager of a host that is not enrolled and is given no other.
const defaultManager = "http://127.0.0.1:8787"

// help is the answer to --help.
const help = `zedops-agent connects this host to a ZedOps manager and keeps it connected.

The first start needs an enrolment token, which the manager's dashboard or
"make token" gives you. The manager answers it with a token of this host's own,
which the agent keeps; from then on it starts without one. Given one all the
same, it uses it only if the manager has removed or revoked this host.

  zedops-agent --manager https://zedops.example.com --token-file -
  ZEDOPS_TOKEN=... zedops-agent --manager https://zedops.example.com
  zedops-agent

Flags:
  --manager URL       base URL of the manager (http, https, ws or wss).
                      Default: the one this host is enrolled with, else
                      ` + defaultManager + `. Environment: ZEDOPS_MANAGER
  --token-file PATH   file whose first line is the enrolment token; - reads it
                      from standard input
  --token TOKEN       the enrolment token itself. Other users of this host can
                      see it in the process list: prefer the file or
                      the environment variable ZEDOPS_TOKEN
  --name NAME         name of this host in the dashboard, given on enrolment
                      (1 to 64 characters); rename it there later. Default:
                      the enrolment token's name, else the hostname
  --state-dir DIR     where the agent keeps its identity.
                      Default: ~/.zedops-agent
  --subscribe PATTERN write what is published to the pattern to standard output;
                      see below. May be repeated, 32 times at most
  --max-retries N     give up after N connection attempts that failed in a row;
                      0 never gives up. Default: 10
  --log-format F      text or json. Default: text
  --verbose           also log every attempt to connect
  --version           print the version
  --help              print this

Published messages: with --subscribe, each message that an operator publishes to
a matching subject becomes one line of JSON on standard output, for a script:

  zedops-agent --subscribe 'fleet.>' --subscribe 'agents.self.>' |
    while read -r line; do ...; done

  {"subject":"fleet.announce","data":{"text":"hi"},"timestamp":1790000000000}

data and timestamp are left out where the message has none. A pattern begins
with "fleet." or with "agents.self.", which stands for this agent's own id; "*"
is any one token, a last ">" one or more. Nothing is kept for an agent that is
away. While the reader is busy the agent holds one window of messages (256, or
1 MiB), the manager drops what goes beyond, and nothing else waits. When the
reader goes away, as in "| head -1", the agent stops at the next message.

State: the directory (mode 0700) holds "token", the credential; for a moment
beside it "token.candidate", which the manager rotates it to; "manager", the
only URL they are ever sent to; and "install-id". One agent at a time can use it.
A host that was removed or revoked comes back with a new enrolment token; its
old credential is then set aside as "token.refused". A host whose credential is
still good enrols with another manager under another --state-dir.

Network: HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured. SSL_CERT_FILE names
the certificates of a private authority.

Exit codes:
  0    stopped by SIGINT or SIGTERM, or by a reader of standard output that
       went away
  1    a fault on this host, such as a state directory that cannot be written
  2    wrong flags or settings
  75   gave up after --max-retries; starting it again may help
  77   the manager refused this host; starting it again will not help
`
