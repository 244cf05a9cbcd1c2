#!/bin/sh
# Usage: require-tools.sh TOOL...   Checks that each of node, npm and go is here and new enough; one line per problem.
# Plain sh, because it runs before the project's own Node is installed.
status=0

lacking() {
  echo "zedops: $1" >&2
  status=1
}

for tool in "$@"; do
  case $tool in
    node)
      major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null)
      [ "${major:-0}" -ge 20 ] || lacking "Node.js 20 or newer is needed (found: $(node -v 2>/dev/null || echo none)). Install it from https://nodejs.org/en/download"
      ;;
    npm)
      command -v npm >/dev/null || lacking "npm is needed (found: none). It comes with Node.js: https://nodejs.org/en/download"
      ;;
    go)
      minor=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
      [ "${minor:-0}" -ge 25 ] || lacking "Go 1.25 or newer is needed (found: $(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || echo none)). Install it from https://go.dev/dl"
      ;;
    *)
      lacking "require-tools.sh does not know $tool"
      ;;
  esac
done
exit $status
