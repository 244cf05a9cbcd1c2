#!/bin/sh
# Installs the locked packages and makes sure that node_modules/.bin/node is Node 24, which runs all scripts.
# Plain sh, because it runs before that Node is installed. No package needs its install script, so none is run.
set -eu
cd "$(dirname "$0")/.."
sh scripts/require-tools.sh node npm

# The last command makes it, so it is missing after Ctrl-C or a failure.
mark=node_modules/.installed
rm -f $mark

# The options override what NODE_ENV, npm_config_… and .npmrc say: every package, here, with a link to every command.
# No option overrides a single workspace.
unset npm_config_workspace NPM_CONFIG_WORKSPACE
echo "zedops: installing packages (once)" >&2
npm ci --include=dev --include=optional --include=peer --workspaces --include-workspace-root \
  --location=project --no-global --install-strategy=hoisted --bin-links --package-lock --no-package-lock-only --no-dry-run \
  --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2

# npm 10 does not link the commands of optional packages. On systems other than Linux the installed Node is used.
node=node_modules/.bin/node
if ! [ -x $node ]; then
  for carried in node_modules/node-linux-*/bin/node; do
    if [ -x "$carried" ]; then ln -sf "../../$carried" $node; else ln -sf "$(command -v node)" $node; fi
  done
fi
major=$($node -p 'process.versions.node.split(".")[0]')
if [ "$major" -lt 24 ]; then
  rm -rf node_modules
  echo "zedops: on this system Node.js 24 or newer is needed (found: $(node -v)). Install it from https://nodejs.org/en/download" >&2
  exit 1
fi
touch $mark
