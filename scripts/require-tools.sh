#!/bin/sh
# Usage: require-tools.sh TOOL...   Checks that each tool (node, npm, go) is installed and new enough; prints a line per
# problem.
# Plain sh, because it runs before the project's own Node is installed.
status=0

# Prints the first number after the pattern, of up to four digits, or 0. The version may be any text.
number() {
  found=$(printf '%s\n' "$2" | sed -n "1s/^$1\([0-9]\{1,4\}\)\([^0-9].*\)\{0,1\}\$/\1/p")
  echo "${found:-0}"
}

lacking() {
  echo "zedops: $1" >&2
  status=1
}

for tool in "$@"; do
  case $tool in
    node)
      version=$(node -v 2>/dev/null | head -n 1)
      [ "$(number v "$version")" -ge 20 ] || lacking "Node.js 20 or newer is needed (found: ${version:-none}). Install it from https://nodejs.org/en/download"
      ;;
    npm)
      command -v npm >/dev/null || lacking "npm is needed (found: none). It comes with Node.js: https://nodejs.org/en/download"
      ;;
    go)
      version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | head -n 1)
      [ "$(number 'go1\.' "${version#devel }")" -ge 25 ] || lacking "Go 1.25 or newer is needed (found: ${version:-none}). Install it from https://go.dev/dl"
      ;;
    *)
      lacking "require-tools.sh does not know $tool"
      ;;
  esac
done
exit $status
