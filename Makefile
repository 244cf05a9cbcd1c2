# The front door of ZedOps. Every recipe is a line or two; what happens is in scripts/, run by the project's own Node 24.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

NODE := node_modules/.bin/node
NPM := PATH="$(CURDIR)/node_modules/.bin:$$PATH" npm
# Folders too: their times tell of files that have gone.
UI_SOURCES := $(shell find ui -mindepth 1 \( -name node_modules -o -name dist \) -prune -o -print)

# `make agent GOOS=linux GOARCH=arm64` builds for another machine, beside the binary for this one.
AGENT := agent/bin/zedops-agent$(if $(GOOS)$(GOARCH),-$(or $(GOOS),$(shell go env GOHOSTOS))-$(or $(GOARCH),$(shell go env GOHOSTARCH)))

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

##@ Run (HOST PORT DATA_DIR MANAGER_URL TOKEN TOKEN_FILE STATE_DIR AGENT_NAME SUBSCRIBE MAX_RETRIES; see README.md)

.PHONY: up
up: node_modules/.package-lock.json ui/dist/index.html agent ## Everything on this machine: manager, dashboard and one agent
	@$(NODE) scripts/up.ts

.PHONY: manager-run
manager-run: node_modules/.package-lock.json ui/dist/index.html ## The manager alone
	@$(NODE) scripts/manager-run.ts

.PHONY: agent-run
agent-run: node_modules/.package-lock.json agent ## An agent alone; mints a token if it has no identity yet
	@$(NODE) scripts/agent-run.ts

.PHONY: token
token: node_modules/.package-lock.json ## Print an enrolment token; ARGS="--name edge-7 --ttl 2h --max-uses 3"
	@$(NODE) scripts/mint-token.ts $(ARGS)

##@ Develop

.PHONY: ui-dev
ui-dev: node_modules/.package-lock.json ## The dashboard on port 5173 with hot reload, against a running manager
	@MANAGER_URL="$${MANAGER_URL:-http://127.0.0.1:$${PORT:-8787}}" $(NPM) run --silent --workspace ui dev

.PHONY: test
test: node_modules/.package-lock.json go ## All checks and tests; the last line is "N passed, N failed"
	@$(NODE) scripts/test.ts

.PHONY: test-faults
test-faults: node_modules/.package-lock.json ui/dist/index.html agent ## The fault suite alone, as in make test; see docs/RELIABILITY.md
	@$(NODE) scripts/test-faults.ts

.PHONY: test-faults-full
test-faults-full: node_modules/.package-lock.json ui/dist/index.html agent ## The same with the default periods and ten times the kills
	@$(NODE) scripts/test-faults.ts --full

.PHONY: format
format: node_modules/.package-lock.json go ## Format and fix what can be fixed
	@node_modules/.bin/biome check --write .
	@cd agent && gofmt -w .

.PHONY: screenshot
screenshot: node_modules/.package-lock.json ui/dist/index.html ## Take docs/images/dashboard.png anew
	@$(NODE) scripts/e2e/screenshot.ts

##@ Build

.PHONY: ui
ui: ui/dist/index.html ## The dashboard, into ui/dist

.PHONY: agent
agent: go ## The agent, into agent/bin; GOOS=linux GOARCH=arm64 for another machine
	@cd agent && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o ../$(AGENT) .

.PHONY: deploy
deploy: node_modules/.package-lock.json ## Check, migrate D1 and deploy the Worker; a dry run without an account
	@$(NODE) scripts/deploy.ts

.PHONY: clean
clean: ## Delete what was built and installed; local data and secrets stay
	@rm -rf node_modules manager/node_modules ui/node_modules ui/dist agent/bin manager/.wrangler

.PHONY: help
help: ## This text
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

node_modules/.package-lock.json: package-lock.json
	@sh scripts/install.sh

ui/dist/index.html: node_modules/.package-lock.json $(UI_SOURCES)
	@$(NPM) run --silent --workspace ui build >&2 && touch $@

.PHONY: go
go:
	@sh scripts/require-tools.sh go
