# Everything that a developer does here. `make run` and `make test` need Rust, Node and git, nothing else: what the tests need
# besides (PostgreSQL, a browser) they install where it is missing, on Debian as root.

PY_CLIENTS := target/clients/py/.ready
JS_CLIENTS := tests/clients/js/node_modules/.package-lock.json
BROWSER := target/clients/browser/.ready
WITH_POSTGRES := scripts/with-postgres
ROUNDS ?= 20
PAUSE ?= 60
EXAMPLES ?= 500

.DEFAULT_GOAL := help
.PHONY: help run test lint fmt crash cluster schemathesis bench clients deny

help: ## Show what there is to make.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 22

run: ## Build and serve on 127.0.0.1:8080 in the development profile, with its data below data/.
	cargo run --release --locked -- serve --dev

test: clients ## Run every test, those of the API on either database, with a PostgreSQL of its own.
	$(WITH_POSTGRES) scripts/tests

lint: ## Check the formatting and the code; every warning is an error.
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

fmt: ## Format the code.
	cargo fmt

crash: ## Kill the gateway ROUNDS times while events stream in, and a few times on PostgreSQL; count what is left.
	CRASH_ROUNDS=$(ROUNDS) cargo test --locked --test it crash -- --nocapture
	RIPOSTE_TEST_DATABASE=postgres $(WITH_POSTGRES) cargo test --locked --test it crash -- --nocapture

cluster: ## Do to three nodes on one PostgreSQL what may happen to them; a node stops for PAUSE seconds.
	PAUSE=$(PAUSE) $(WITH_POSTGRES) cargo test --locked --test it cluster:: -- --nocapture --test-threads 1

schemathesis: clients ## Try what the OpenAPI document says, with EXAMPLES requests of each operation and kind.
	SCHEMATHESIS_EXAMPLES=$(EXAMPLES) cargo test --locked --test it schemathesis -- --nocapture

bench: ## Measure what a backlog and what hanging receivers cost, the first page of each list, and how far one PostgreSQL carries.
	cargo bench --locked --bench backlog
	cargo bench --locked --bench fairness
	$(WITH_POSTGRES) cargo bench --locked --bench nodes
	cargo bench --locked --bench lists

clients: $(PY_CLIENTS) $(JS_CLIENTS) $(BROWSER) ## Install the public clients that the tests use.

deny: ## Check licences, duplicates and sources of the dependencies; needs cargo-deny.
	cargo deny check licenses bans sources

$(PY_CLIENTS): tests/clients/requirements.txt scripts/python-clients
	scripts/python-clients $(@D) $<
	@touch $@

$(JS_CLIENTS): tests/clients/js/package-lock.json
	npm --prefix tests/clients/js ci
	@touch $@

$(BROWSER): scripts/browser
	scripts/browser $(@D)
	@touch $@
