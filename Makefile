# The commands of ZedOps. Recipes are one or two lines long: the logic is in scripts/, and the project's own Node 24
# runs it.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

NODE := node_modules/.bin/node
# scripts/install.sh makes it last. npm's own node_modules/.package-lock.json is there earlier.
INSTALLED := node_modules/.installed
NPM := PATH="$(CURDIR)/node_modules/.bin:$$PATH" npm
# Folders are listed too: the time of a folder changes when a file in it is deleted.
UI_SOURCES := $(shell find ui -mindepth 1 \( -name node_modules -o -name dist \) -prune -o -print)

# `make agent GOOS=linux GOARCH=arm64` builds for another machine. The binary gets a name of its own, beside the one for
# this machine.
AGENT := agent/bin/zedops-agent$(if $(GOOS)$(GOARCH),-$(or $(GOOS),$(shell go env GOHOSTOS))-$(or $(GOARCH),$(shell go env GOHOSTARCH)))

# What seldom runs is compiled without inlining (-l), which saves 160 kB.
AGENT_FLAGS := -buildvcs=false -trimpath -tags nethttpomithttp2 -gcflags=crypto/tls=-l -gcflags=encoding/json=-l -gcflags=flag=-l -gcflags=log/slog=-l -gcflags=./internal/cli=-l -gcflags=./internal/control=-l -gcflags=./internal/doctor=-l -gcflags=./internal/identity=-l -gcflags=./internal/link=-l -gcflags=./internal/protocol=-l

# git and Go refuse the checkout of another user. Whoever runs make here runs its code anyway.
VERSION = $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo dev)

##@ Run (HOST PORT DATA_DIR MANAGER_URL TOKEN TOKEN_FILE STATE_DIR AGENT_NAME SUBSCRIBE MAX_RETRIES; see README.md)

.PHONY: up
up: $(INSTALLED) ui/dist/index.html agent ## Run everything on this machine: manager, dashboard and one agent
	@$(NODE) scripts/up.ts

.PHONY: manager-run
manager-run: $(INSTALLED) ui/dist/index.html ## Run the manager alone
	@$(NODE) scripts/manager-run.ts

.PHONY: agent-run
agent-run: $(INSTALLED) agent ## Run an agent alone; it gets a token if it has no identity yet
	@$(NODE) scripts/agent-run.ts

.PHONY: token
token: $(INSTALLED) ## Print an enrolment token; ARGS="--name edge-7 --label env=prod --ttl 2h --max-uses 3"
	@$(NODE) scripts/mint-token.ts $(ARGS)

.PHONY: watch
watch: $(INSTALLED) ## Print each change of an agent; JSON=1; ARGS="--subject 'fleet.>'" also prints published messages
	@$(NODE) scripts/watch.ts $(if $(JSON),--json) $(ARGS)

##@ Develop

.PHONY: ui-dev
ui-dev: $(INSTALLED) ## Run the dashboard on port 5173 with hot reload, for a manager that runs already
	@MANAGER_URL="$${MANAGER_URL:-http://127.0.0.1:$${PORT:-8787}}" $(NPM) run --silent --workspace ui dev

.PHONY: test-unit
test-unit: $(INSTALLED) go ## Run the checks and tests that start no manager, agent or browser; for use while working
	@$(NODE) scripts/test-unit.ts

.PHONY: test
test: $(INSTALLED) go ## Run all checks and tests; the last line is "N passed, N failed"
	@$(NODE) scripts/test.ts

.PHONY: test-faults
test-faults: $(INSTALLED) ui/dist/index.html agent ## Run the fault suite alone, as in make test; see docs/RELIABILITY.md
	@$(NODE) scripts/test-faults.ts

.PHONY: test-faults-full
test-faults-full: $(INSTALLED) ui/dist/index.html agent ## Run the fault suite with the default heartbeat and lease and ten times the kills
	@$(NODE) scripts/test-faults.ts --full

.PHONY: bench
bench: $(INSTALLED) agent ## Measure the manager beside bare objects and NATS, in less than ten minutes; see docs/BENCHMARKS.md
	@$(NODE) scripts/bench/manager.ts $(ARGS)

.PHONY: bench-full
bench-full: ## Run all benchmarks, messages with more rounds; takes about two hours
	@$(MAKE) bench ARGS="--rounds 15" && $(MAKE) bench-sleep && $(MAKE) bench-ui && $(MAKE) bench-ui ARGS=--manager
	@$(MAKE) bench-agent ARGS=--full

.PHONY: bench-sleep
bench-sleep: $(INSTALLED) ## Measure how hubs sleep and wake, in about ten minutes; see docs/SCALING.md
	@$(NODE) scripts/bench/sleep.ts $(ARGS)

.PHONY: bill
bill: $(INSTALLED) ## Print what Cloudflare bills for a fleet; ARGS="--pages 5 --reconnects 3"; see docs/SCALING.md
	@$(NODE) scripts/bill/main.ts $(ARGS)

.PHONY: simulate
simulate: $(INSTALLED) ## Simulate how fleets of up to a million agents come back after outages; see docs/SCALING.md
	@$(NODE) scripts/simulate/main.ts $(ARGS)

.PHONY: bench-ui
bench-ui: $(INSTALLED) ui/dist/index.html ## Measure the dashboard in Chromium with 10,000 agents
	@$(NODE) scripts/bench/ui.ts $(ARGS)

.PHONY: bench-agent
bench-agent: go ## Measure the agent beside a bare client, in about five minutes; ARGS=--full takes an hour
	@cd agent && go run ./cmd/bench $(ARGS)

.PHONY: format
format: $(INSTALLED) go ## Format and fix what can be fixed
	@node_modules/.bin/biome check --write .
	@cd agent && gofmt -w .

.PHONY: screenshot
screenshot: $(INSTALLED) ui/dist/index.html ## Take the pictures of the dashboard in docs/images
	@$(NODE) scripts/e2e/screenshot.ts

##@ Operate a deployed manager (WORKER MANAGER_URL ADMIN_PASSWORD CLOUDFLARE_ACCOUNT_ID; see docs/OPERATIONS.md)

.PHONY: deploy
deploy: $(INSTALLED) ## Deploy the manager, or upgrade it; DRY_RUN=1 only says what it would do; WATCH=1 watches the fleet
	@$(NODE) scripts/deploy.ts

.PHONY: rollback
rollback: $(INSTALLED) ## Make the release before serve again; WATCH=1 watches the fleet
	@$(NODE) scripts/rollback.ts

.PHONY: admin-password
admin-password: $(INSTALLED) ## Set a new admin password
	@$(NODE) scripts/admin-password.ts

.PHONY: signing-secret
signing-secret: $(INSTALLED) ## Change JWT_SECRET and keep the fleet; FINISH=1 takes the old one away at the end; LEAKED=1 at once
	@$(NODE) scripts/signing-secret.ts

.PHONY: backup
backup: $(INSTALLED) ## Export the database into a file; FILE=zedops.sql
	@$(NODE) scripts/backup.ts

.PHONY: restore
restore: $(INSTALLED) ## Restore a lost database from an export; FILE=zedops.sql
	@$(NODE) scripts/restore.ts

##@ Build

.PHONY: ui
ui: ui/dist/index.html ## Build the dashboard into ui/dist

.PHONY: agent
agent: go ## Build the agent into agent/bin; GOOS=linux GOARCH=arm64 for another machine
	@cd agent && CGO_ENABLED=0 go build $(AGENT_FLAGS) -ldflags "-s -w -X main.version=$(VERSION)" -o ../$(AGENT) .

.PHONY: agents
agents: $(INSTALLED) go ## Build the agent for every platform, for the manager to serve under /download/
	@$(NODE) scripts/agents.ts

.PHONY: clean
clean: ## Delete build results and installed packages; keep local data and secrets
	@rm -rf node_modules manager/node_modules ui/node_modules ui/dist ui/public/download agent/bin manager/.wrangler

.PHONY: help
help: ## Show this text
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): package-lock.json
	@sh scripts/install.sh

ui/dist/index.html: $(INSTALLED) $(UI_SOURCES)
	@$(NPM) run --silent --workspace ui build >&2 && touch $@

.PHONY: go
go:
	@sh scripts/require-tools.sh go
