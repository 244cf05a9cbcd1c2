#!/bin/sh
# Installs, upgrades or removes the ZedOps agent on this host. The manager serves this script with its own URL in it:
#
#   curl -fsSL @MANAGER@/install.sh | sh
#
# It runs in any POSIX shell, with curl or wget. Everything is a function, and the last line calls the first one: a
# download that was cut off runs nothing. Until the agent is connected, every step can be undone, and is if one fails.
set -eu

MANAGER='@MANAGER@'

usage() {
  cat <<END
Installs the ZedOps agent on this host and connects it to $MANAGER.
Run it again to upgrade: the host keeps its identity.

  curl -fsSL $MANAGER/install.sh | sh
  curl -fsSL $MANAGER/install.sh | sh -s -- --name edge-7 --label env=prod

It asks for the enrolment token. Without a terminal, put the token into the
environment variable ZEDOPS_TOKEN or into a file (--token-file).

  --name NAME         name of this host in the dashboard. Default: the token's
                      name, else the hostname
  --label LABEL       label of this host, such as env=prod; may be repeated
  --token-file PATH   file whose first line is the enrolment token
  --ca-file PATH      certificates (PEM) of the authority that has signed the
                      manager's certificate, if it is a private one
  --prefix DIR        install into DIR/bin. Default: /usr/local
  --no-service        install the program only, and enrol if there is a token;
                      needs no root with --prefix ~/.local
  --uninstall         remove the agent with its service, identity and settings
  --help              print this text
END
}

main() {
  read_arguments "$@"
  trap 'leave $?' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # Files hold secrets unless they are made readable.
  umask 077
  choose_service_manager
  if [ -n "$uninstalling" ]; then
    uninstall
  else
    install_agent
  fi
}

say() { printf 'zedops: %s\n' "$*"; }

warn() { printf 'zedops: %s\n' "$*" >&2; }

fail() {
  warn "$*"
  exit 1
}

# Arguments and surroundings

read_arguments() {
  prefix=/usr/local name='' labels='' token_file='' ca_file='' with_service=1 uninstalling='' given_token="${ZEDOPS_TOKEN-}"
  # No program that this script starts needs it.
  unset ZEDOPS_TOKEN
  work='' staged='' undoing='' tty_settings='' token_given='' was_enrolled=''
  while [ $# -gt 0 ]; do
    case $1 in
      --name | --label | --token-file | --ca-file | --prefix)
        [ $# -gt 1 ] || fail "$1 needs a value (--help shows the options)"
        case $1 in
          --name) name=$2 ;;
          --label) labels="$labels$2
" ;;
          --token-file) token_file=$2 ;;
          --ca-file) ca_file=$2 ;;
          --prefix) prefix=$2 ;;
        esac
        shift
        ;;
      --no-service) with_service='' ;;
      --uninstall) uninstalling=1 ;;
      --help)
        usage
        exit 0
        ;;
      # The argument is not printed, because it may be a token.
      *) fail "unknown option (--help shows the options)" ;;
    esac
    shift
  done
  case $name in *'
'*) fail "--name must be one line" ;; esac
  case $prefix in
    /*) ;;
    *) prefix=$PWD/$prefix ;;
  esac
  case $prefix in *[!A-Za-z0-9/._+@-]*) fail "--prefix must be a path of letters, digits and . _ + @ -" ;; esac
  program=$prefix/bin/zedops-agent
}

# Sets service (systemd, openrc or none), and where the state is.
choose_service_manager() {
  settings=/etc/zedops-agent
  runtime=/run/zedops-agent-enrolment
  unit=/etc/systemd/system/zedops-agent.service
  drop_in=/run/systemd/system/zedops-agent.service.d/enrolment.conf
  init_script=/etc/init.d/zedops-agent
  service=none state=/var/lib/zedops-agent
  if [ -z "$with_service" ]; then
    [ -n "${HOME-}" ] || fail "HOME is not set: it is where the agent keeps its state without a service"
    state=$HOME/.zedops-agent
    return
  fi
  [ "$(id -u)" = 0 ] ||
    fail "a service can be installed by root only: pipe this script into \"sudo sh\", or give --no-service --prefix ~/.local"
  if [ -d /run/systemd/system ]; then
    service=systemd
  elif [ -d /run/openrc ] && have rc-service; then
    service=openrc
  else
    fail "neither systemd nor OpenRC runs on this host: give --no-service, and start $program by other means"
  fi
}

have() { command -v "$1" >/dev/null 2>&1; }

# The name of the binary for this host.
platform() {
  case $(uname -s) in
    Linux) system=linux ;;
    Darwin) system=darwin ;;
    FreeBSD) system=freebsd ;;
    *) fail "there is no agent for $(uname -s)" ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) processor=amd64 ;;
    aarch64 | arm64) processor=arm64 ;;
    armv7* | armv8*) processor=armv7 ;;
    i?86) processor=386 ;;
    riscv64) processor=riscv64 ;;
    *) fail "there is no agent for a processor of the kind $(uname -m)" ;;
  esac
  printf 'zedops-agent-%s-%s' "$system" "$processor"
}

# Installation

install_agent() {
  case $MANAGER in
    https://* | http://localhost | http://localhost:* | http://127.* | 'http://[::1]'*) ;;
    *) warn "WARNING: $MANAGER is not encrypted: whoever is on the way can replace the program and read the token" ;;
  esac
  if [ -n "$ca_file" ] && ! [ -r "$ca_file" ]; then fail "cannot read $ca_file"; fi
  # Found out here and not in a substitution, so that a failure ends the script.
  binary=$(platform) || exit 1
  make_folders
  take_token
  check_manager
  fetch_program
  remember_service
  undoing=1
  put "$staged" "$program" 755
  "install_$service"
  undoing=''
  report
}

# A private folder for this run, and the one that the program goes to.
make_folders() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/zedops-install.XXXXXX") || fail "cannot make a folder in ${TMPDIR:-/tmp}"
  : >"$work/undo"
  made_folder=''
  if ! [ -d "$prefix/bin" ]; then
    made_folder=$prefix
    while ! [ -d "$(dirname "$made_folder")" ]; do made_folder=$(dirname "$made_folder"); done
    # Programs are for everybody, whatever umask says about secrets.
    (umask 022 && mkdir -p "$prefix/bin") || fail "cannot make $prefix/bin: run this as root, or give another --prefix"
  fi
  [ -w "$prefix/bin" ] || fail "cannot write into $prefix/bin: run this as root, or give another --prefix"
}

is_enrolled() { [ -s "$state/token" ]; }

# Puts the enrolment token into $work/token, if the host has one or needs one.
take_token() {
  if is_enrolled; then was_enrolled=1; fi
  if [ -n "$given_token" ]; then
    printf '%s\n' "$given_token" >"$work/token"
  elif [ -n "$token_file" ]; then
    cat <"$token_file" >"$work/token" || fail "cannot read $token_file"
  elif is_enrolled; then
    return 0
  elif (: </dev/tty) 2>/dev/null; then
    ask_token
  elif [ "$service" = none ]; then
    return 0
  else
    fail "this host needs an enrolment token, and there is no terminal to ask on: set ZEDOPS_TOKEN or give --token-file"
  fi
  [ -s "$work/token" ] || fail "the enrolment token is empty"
  token_given=1
  given_token=''
}

# Standard input may be this script, so the terminal is opened by its own name.
ask_token() {
  printf 'Enrolment token for %s (Add agent in its dashboard makes one; typing is hidden): ' "$MANAGER" >/dev/tty
  tty_settings=$(stty -g </dev/tty)
  stty -echo </dev/tty
  IFS= read -r given_token </dev/tty || :
  restore_tty
  printf '\n' >/dev/tty
  printf '%s\n' "$given_token" >"$work/token"
}

restore_tty() {
  [ -z "$tty_settings" ] || stty "$tty_settings" </dev/tty
  tty_settings=''
}

# An identity is good for its own manager only.
check_manager() {
  is_enrolled || return 0
  IFS= read -r theirs <"$state/manager" || theirs=unknown
  [ "$theirs" != "$MANAGER" ] || return 0
  [ -z "$token_given" ] ||
    fail "this host is enrolled with $theirs. To enrol it with $MANAGER, remove the agent first (--uninstall)"
  say "this host is enrolled with $theirs and stays so"
}

# Downloads the program beside its place, unless it is there already, and checks it.
fetch_program() {
  fetch SHA256SUMS "$work/sums" ||
    fail "cannot download $MANAGER/download/SHA256SUMS. A manager has it after \"make agents\" and a deploy"
  wanted=$(sed -n "s/^\([0-9a-f]\{64\}\)  $binary\$/\1/p" "$work/sums")
  [ -n "$wanted" ] || fail "this manager has no agent for this host ($binary)"
  before='' staged=$program.new.$$
  if [ -x "$program" ]; then before=$("$program" --version 2>/dev/null) || before=unknown; fi
  if [ -f "$program" ] && [ "$(sum_of "$program")" = "$wanted" ]; then
    cp "$program" "$staged" || fail "cannot write $staged"
  else
    say "downloading $MANAGER/download/$binary"
    fetch "$binary" "$staged" || fail "cannot download $MANAGER/download/$binary"
  fi
  [ "$(sum_of "$staged")" = "$wanted" ] ||
    fail "the download is damaged: its SHA-256 sum is not the one that the manager gives. Try again"
  chmod 755 "$staged" || fail "cannot make $staged executable"
  version=$("$staged" --version) || fail "the program does not run on this host; is $prefix mounted with noexec?"
}

# fetch FILE TO: downloads a file of /download/. A redirect is a failure.
fetch() {
  case $MANAGER in https:*) scheme=https ;; *) scheme=http ;; esac
  if have curl; then
    set -- "$1" "$2" --proto "=$scheme" --max-redirs 0 -fsSL --retry 2 --connect-timeout 20
    [ -z "$ca_file" ] || set -- "$@" --cacert "$ca_file"
    fetched_file=$1 to=$2
    shift 2
    curl "$@" -o "$to" "$MANAGER/download/$fetched_file"
  elif have wget; then
    fetched_file=$1 to=$2
    if wget --help 2>&1 | grep -qi busybox; then
      # By itself it would take any certificate.
      [ "$scheme" = http ] || have ssl_client || fail "the wget of busybox checks no certificates here: install curl"
      [ -z "$ca_file" ] || fail "the wget of busybox knows no --ca-file: install curl"
      wget -q -O "$to" "$MANAGER/download/$fetched_file"
    elif [ -n "$ca_file" ]; then
      wget -q --max-redirect=0 --ca-certificate="$ca_file" -O "$to" "$MANAGER/download/$fetched_file"
    else
      wget -q --max-redirect=0 -O "$to" "$MANAGER/download/$fetched_file"
    fi
  else
    fail "neither curl nor wget is installed"
  fi
}

# The SHA-256 sum of a file. Empty, and so wrong, if it cannot be computed.
sum_of() {
  if have sha256sum; then
    sha256sum <"$1" | cut -c 1-64
  elif have shasum; then
    shasum -a 256 <"$1" | cut -c 1-64
  elif have sha256; then
    sha256 -q "$1"
  else
    openssl dgst -sha256 <"$1" | sed 's/^.*= *//'
  fi
}

# What undo needs to know of the service.
remember_service() {
  was_active='' was_enabled='' made_user=''
  case $service in
    systemd)
      if systemctl is-active --quiet zedops-agent; then was_active=1; fi
      if systemctl is-enabled --quiet zedops-agent 2>/dev/null; then was_enabled=1; fi
      ;;
    openrc)
      if rc-service --quiet zedops-agent status >/dev/null 2>&1; then was_active=1; fi
      if [ -e /etc/runlevels/default/zedops-agent ]; then was_enabled=1; fi
      ;;
  esac
}

# put FILE TARGET MODE: replaces a file in one step. undo brings back the one before.
put() {
  if [ -e "$2" ]; then
    kept=$(grep -c '' "$work/undo") || :
    cp -p "$2" "$work/kept.$kept" || fail "cannot read $2"
    printf '%s %s\n' "kept.$kept" "$2" >>"$work/undo"
  else
    printf '%s %s\n' none "$2" >>"$work/undo"
  fi
  if [ "$1" != "$2.new.$$" ]; then cp "$1" "$2.new.$$" || fail "cannot write $2"; fi
  { chmod "$3" "$2.new.$$" && mv -f "$2.new.$$" "$2"; } || fail "cannot write $2"
}

# make_folder PATH MODE: makes a folder, which undo removes if it is empty then.
make_folder() {
  [ -d "$1" ] || { mkdir -p "$1" && chmod "$2" "$1" && printf '%s %s\n' folder "$1" >>"$work/undo"; } ||
    fail "cannot make $1"
}

# The agent reaches the manager as this script did: through the same proxy, and with the same authority.
put_settings() {
  : >"$work/environment"
  for variable in HTTPS_PROXY HTTP_PROXY ALL_PROXY NO_PROXY; do
    lower=$(printf '%s' "$variable" | tr '[:upper:]' '[:lower:]')
    value=''
    eval "value=\${$variable:-\${$lower-}}"
    case $value in
      '') ;;
      *[\'\\]* | *'
'*) warn "$variable is not passed to the service, because it has a quote, a backslash or a line break in it" ;;
      *) printf "%s='%s'\n" "$variable" "$value" >>"$work/environment" ;;
    esac
  done
  if [ -n "$ca_file" ]; then
    make_folder "$settings" 755
    put "$ca_file" "$settings/ca.pem" 644
    printf "ZEDOPS_CA_FILE='%s'\n" "$settings/ca.pem" >>"$work/environment"
  fi
  # Without any, those of an earlier run stay. A proxy's URL may hold a password, so only root reads the file.
  if [ -s "$work/environment" ]; then
    make_folder "$settings" 755
    put "$work/environment" "$settings/environment" 600
  fi
}

# systemd

install_systemd() {
  put_settings
  unit_text >"$work/unit"
  put "$work/unit" "$unit" 644
  if [ -n "$token_given" ]; then
    mkdir -p "$runtime" "${drop_in%/*}" || fail "cannot make $runtime"
    cp "$work/token" "$runtime/token" || fail "cannot write $runtime/token"
    drop_in_text >"$drop_in" || fail "cannot write $drop_in"
    # Names and labels are no secrets, but systemd warns about a unit that only root can read.
    chmod 644 "$drop_in"
  fi
  systemctl daemon-reload || fail "systemd does not read its units again"
  systemctl enable --quiet zedops-agent || fail "systemd does not enable the service"
  systemctl restart zedops-agent || no_start
  await_connection
  forget_token
}

no_start() {
  journalctl -t zedops-agent -n 4 --no-pager -o cat >&2 2>/dev/null || :
  fail "the service does not start"
}

# The service as it is from the second start on: the identity and the manager's URL are in the state.
unit_text() {
  cat <<END
# Written by $MANAGER/install.sh, which replaces it at an upgrade. Settings of your own: systemctl edit zedops-agent
[Unit]
Description=ZedOps agent
Wants=network-online.target
After=network-online.target
RequiresMountsFor=$prefix/bin
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=$program --state-dir \${STATE_DIRECTORY}
EnvironmentFile=-$settings/environment
Restart=always
RestartSec=10
# Starting again does not help. 64: wrong settings. 77: removed, revoked, or a bad enrolment token. 78: not enrolled.
RestartPreventExitStatus=64 77 78
WatchdogSec=180
TimeoutStopSec=10

# A user of its own that exists only while the service runs. systemd gives it the state.
DynamicUser=yes
StateDirectory=zedops-agent
StateDirectoryMode=0700
UMask=0077

# The agent needs 9 to 13 MB, and never more than 32.
MemoryMax=64M
TasksMax=64

# What a program needs that talks to one manager and writes one folder, and nothing else.
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
# Netlink tells the number of a network interface, which a link-local address of the manager may name.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
END
}

# The first start. It is in /run, so that not even a power cut makes it last. systemd opens the token's file as root; a
# service whose LoadCredential is gone would not start at all.
drop_in_text() {
  printf '[Service]\nStandardInput=file:%s/token\nExecStart=\n' "$runtime"
  # shellcheck disable=SC2016
  printf 'ExecStart=%s --state-dir ${STATE_DIRECTORY} --manager %s --token-file -' "$program" "$MANAGER"
  [ -z "$name" ] || printf ' --name "%s"' "$(unit_quoted "$name")"
  printf '%s' "$labels" | while IFS= read -r label; do printf ' --label "%s"' "$(unit_quoted "$label")"; done
  printf '\n'
}

unit_quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g; s/%/%%/g; s/\$/$$/g'; }

# The service that runs already is not touched.
forget_token() {
  rm -rf "$runtime" "${drop_in%/*}"
  systemctl daemon-reload || :
}

# OpenRC

install_openrc() {
  put_settings
  make_user
  make_folder "$state" 700
  chown zedops-agent: "$state" || fail "cannot give $state to the user zedops-agent"
  init_text >"$work/init"
  put "$work/init" "$init_script" 755
  [ -z "$was_active" ] || rc-service --quiet zedops-agent stop || fail "OpenRC does not stop the service"
  if [ -n "$token_given" ]; then enrol; fi
  [ -n "$was_enabled" ] || rc-update --quiet add zedops-agent default || fail "OpenRC does not enable the service"
  rc-service --quiet zedops-agent start || fail "the service does not start"
  await_connection
}

make_user() {
  ! id zedops-agent >/dev/null 2>&1 || return 0
  if have useradd; then
    useradd --system --user-group --home-dir "$state" --no-create-home --shell /sbin/nologin zedops-agent
  else
    addgroup -S zedops-agent && adduser -S -D -H -h "$state" -s /sbin/nologin -G zedops-agent zedops-agent
  fi || fail "cannot make the user zedops-agent"
  made_user=1
}

init_text() {
  cat <<END
#!/sbin/openrc-run
# Written by $MANAGER/install.sh, which replaces it at an upgrade.
name="ZedOps agent"
description="Connects this host to its ZedOps manager"
supervisor=supervise-daemon
command=$program
command_args="--state-dir $state"
command_user=zedops-agent:zedops-agent
output_log=/var/log/zedops-agent.log
error_log=/var/log/zedops-agent.log
umask=0077
# OpenRC knows no exit codes that end a service. With this delay a host that was removed asks once a minute.
respawn_delay=60
respawn_max=0

depend() {
  use net dns logger
  after firewall
}

start_pre() {
  checkpath --file --owner zedops-agent:zedops-agent --mode 0600 /var/log/zedops-agent.log
  if [ -r $settings/environment ]; then
    set -a
    . $settings/environment
    set +a
  fi
}
END
}

# Without a service

install_none() {
  if [ -n "$token_given" ]; then enrol; fi
}

# Enrols once, and ends when the manager has acknowledged it. Root enrols for the service's user.
enrol() {
  set -- "$program" enroll --state-dir "$state" --manager "$MANAGER" --token-file -
  [ -z "$name" ] || set -- "$@" --name "$name"
  while IFS= read -r label; do
    [ -z "$label" ] || set -- "$@" --label "$label"
  done <<END
$labels
END
  if [ "$service" = none ]; then
    [ -z "$ca_file" ] || export ZEDOPS_CA_FILE="$ca_file"
    "$@" <"$work/token"
  else
    # In one argument: the su of busybox takes later ones for its own options.
    with_settings su -s /bin/sh zedops-agent -c "exec $(shell_quoted "$@")" <"$work/token"
  fi || fail "the manager did not enrol this host"
}

# Runs a program with the proxy and the authority of the service.
with_settings() (
  if [ -r "$settings/environment" ]; then
    set -a
    # shellcheck source=/dev/null
    . "$settings/environment"
    set +a
  fi
  exec "$@"
)

# The arguments as one line of shell.
shell_quoted() {
  for argument in "$@"; do
    printf "'%s' " "$(printf '%s' "$argument" | sed "s/'/'\\\\''/g")"
  done
}

# The end

# Waits until the agent is connected. A host whose own token is refused shows it for up to two minutes before it uses the
# enrolment token.
await_connection() {
  say "waiting for the connection"
  attempts=0 patience=60
  if [ -n "$token_given" ] && [ -n "$was_enrolled" ]; then patience=240; fi
  until "$program" status --state-dir "$state" >/dev/null 2>&1; do
    attempts=$((attempts + 1))
    if [ "$attempts" -ge "$patience" ] || has_ended; then diagnose; fi
    sleep 1
  done
}

# An agent whose token was refused has ended, and waiting does not help.
has_ended() {
  [ "$service" = systemd ] && systemctl is-failed --quiet zedops-agent
}

diagnose() {
  warn "the agent is not connected"
  if [ "$service" = systemd ]; then journalctl -t zedops-agent -n 4 --no-pager -o cat >&2 2>/dev/null || :; fi
  if "$program" help doctor >/dev/null 2>&1; then
    set -- doctor --state-dir "$state"
    is_enrolled || set -- "$@" --manager "$MANAGER"
    with_settings "$program" "$@" >&2 || :
  fi
  exit 1
}

report() {
  say "the SHA-256 sum of the program is right: it arrived as the manager has it. Only the manager's certificate tells"
  say "that it is the manager's; the sum does not protect against a manager that somebody else has taken over"
  case $before in
    '') say "installed $program $version" ;;
    "$version") say "$program is $version already" ;;
    *) say "upgraded $program from $before to $version" ;;
  esac
  if [ "$service" != none ]; then
    say "this host is connected to its manager ✓"
  elif is_enrolled; then
    say "this host is enrolled. Start the agent with: $program"
  else
    say "to enrol this host: $program --manager $MANAGER --token-file -"
  fi
}

# Ends the script, however it ends.
leave() {
  trap - EXIT
  trap '' HUP INT TERM
  set +e
  restore_tty
  if [ -n "$undoing" ]; then
    if [ -z "$before" ] && is_enrolled && [ "$service" != none ]; then
      [ "$service" != systemd ] || forget_token
      warn "this host is enrolled, so the installation stays. The service goes on trying; \"$program doctor\" says what is wrong"
    else
      undo
    fi
  fi
  [ -z "$staged" ] || rm -f "$staged"
  if [ -n "$work" ]; then
    rm -rf "$work"
    [ -z "${made_folder-}" ] || [ "$1" = 0 ] || [ -e "$program" ] || remove_empty "$prefix/bin"
  fi
  exit "$1"
}

# Removes an empty folder and the empty ones around it, as far as this run has made them.
remove_empty() {
  rmdir "$1" 2>/dev/null || return 0
  [ "$1" = "$made_folder" ] || remove_empty "$(dirname "$1")"
}

# Brings the host back to where it was before this run.
undo() {
  warn "undoing this installation"
  case $service in
    systemd) [ -n "$was_active" ] || systemctl stop zedops-agent 2>/dev/null ;;
    openrc) rc-service --quiet zedops-agent stop 2>/dev/null ;;
  esac
  [ "$service" != systemd ] || [ -n "$was_enabled" ] || systemctl disable --quiet zedops-agent 2>/dev/null
  [ "$service" != openrc ] || [ -n "$was_enabled" ] || rc-update --quiet delete zedops-agent default 2>/dev/null
  # The newest first, so that folders are empty by then.
  sed -n '1!G;h;$p' "$work/undo" | while read -r kind target; do
    rm -f "$target.new.$$"
    case $kind in
      none) rm -f "$target" ;;
      folder) rmdir "$target" 2>/dev/null ;;
      *) cp -p "$work/$kind" "$target.new.$$" && mv -f "$target.new.$$" "$target" ;;
    esac
  done
  case $service in
    systemd)
      forget_token
      if [ -n "$was_active" ]; then
        give_state_back
        systemctl restart zedops-agent
      elif [ -z "$before" ] && ! is_enrolled; then
        remove_state
      fi
      ;;
    openrc)
      if [ -n "$was_active" ]; then
        rc-service --quiet zedops-agent start
      elif [ -z "$before" ]; then
        is_enrolled || remove_state
        [ -z "$made_user" ] || remove_user
      fi
      ;;
  esac
}

# A unit without DynamicUser cannot reach the folder that systemd has moved for one that has it.
give_state_back() {
  if [ -L "$state" ] && ! grep -q '^DynamicUser=yes' "$unit"; then
    systemctl stop zedops-agent
    rm "$state" && mv /var/lib/private/zedops-agent "$state"
  fi
}

remove_state() {
  rm -rf "$state" /var/lib/private/zedops-agent
}

remove_user() {
  if have userdel; then userdel zedops-agent; else deluser zedops-agent; fi 2>/dev/null
  ! grep -q '^zedops-agent:' /etc/group || { if have groupdel; then groupdel zedops-agent; else delgroup zedops-agent; fi; } 2>/dev/null
}

uninstall() {
  case $service in
    systemd)
      systemctl disable --quiet --now zedops-agent 2>/dev/null || :
      rm -rf "$unit" "$unit.d" "$runtime" "${drop_in%/*}"
      systemctl daemon-reload || :
      systemctl reset-failed zedops-agent 2>/dev/null || :
      ;;
    openrc)
      rc-service --quiet zedops-agent stop 2>/dev/null || :
      rc-update --quiet delete zedops-agent default 2>/dev/null || :
      rm -f "$init_script" /var/log/zedops-agent.log
      ;;
  esac
  rm -f "$program"
  if [ "$service" = none ]; then
    rm -rf "$state"
  else
    rm -rf "$settings"
    remove_state
    ! grep -q '^zedops-agent:' /etc/passwd || remove_user || :
  fi
  say "removed the agent, its identity and its settings. Remove the host in the dashboard too"
}

main "$@"
