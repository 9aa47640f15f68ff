# SPDX-License-Identifier: Apache-2.0
# xdhcp: `make run` shows a lease, `make test` tests everything. `make help` lists the rest.

GO       ?= go
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -X main.version=$(VERSION)
FUZZTIME ?= 20s
PGO      ?= off

.DEFAULT_GOAL := help
.PHONY: help build pgo generate test race run lab lint fuzz bench bench-journal profile compare kernels docs clean deps-build deps-run deps-test deps-compare deps-kernels

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/xdhcpd and bin/xdhcpbench
	$(GO) build -trimpath -pgo $(PGO) -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

pgo: ## build, optimized by a profile of the fast path's benchmarks (a minute)
	@mkdir -p build
	$(GO) test -run '^$$' -bench 'Handle|Scale' -benchtime 0.3s -cpuprofile $(CURDIR)/build/pgo.pprof -o build/fastpath.test ./fastpath >build/pgo.txt || { cat build/pgo.txt; exit 1; }
	$(MAKE) build PGO=build/pgo.pprof

generate: deps-build ## compile the BPF program and write its Go bindings
	$(GO) generate ./...

test: deps-test build ## install what the tests need, then run them all (root, veth namespaces)
	REQUIRE_ROOT_TESTS=$${REQUIRE_ROOT_TESTS:-1} $(GO) test -count=1 -timeout 20m ./...
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 10m ./... >build/bench-once.txt || { cat build/bench-once.txt; exit 1; }

race: ## the same tests under the race detector, invariants on
	REQUIRE_ROOT_TESTS=$${REQUIRE_ROOT_TESTS:-1} $(GO) test -race -count=1 -timeout 30m ./...

run: deps-run build ## a real client takes a lease in front of you; or IFACE=eth1 CONFIG=xdhcp.yaml
	./scripts/run.sh

lab: deps-run build ## a veth lab in its own namespaces, until Ctrl-C
	./scripts/lab.sh

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'gofmt: the files above are not formatted'; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags invariants ./...
	$(GO) tool staticcheck ./...
	cd bench/journal && $(GO) vet ./... # a module of its own: its peers are no dependencies of ours

fuzz: ## every fuzz target for FUZZTIME (20s)
	FUZZTIME=$(FUZZTIME) ./scripts/fuzz.sh

bench: ## every benchmark, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-journal: ## the journal beside etcd's wal and bbolt, paced at 200,000 leases a second
	cd bench/journal && $(GO) run . $(ARGS)

profile: deps-run build ## a CPU profile and a flame graph of the server under load: build/profile
	./scripts/profile.sh

compare: deps-compare build ## beside Kea, ISC dhcpd, dnsmasq, coredhcp: docs/benchmarks.md (20 to 25 minutes)
	$(GO) build -trimpath -o build/ ./bench/compare ./bench/reflector
	build/compare -out docs -reflector build/reflector $(ARGS)

kernels: deps-kernels ## xdhcpd on Debian's kernels 6.1 and 6.12, in qemu (a smoke test, minutes)
	./scripts/kernels.sh $(ARGS)

docs: ## write what is generated of docs/, README.md and the schema
	$(GO) test -count=1 -run 'TestDocs|TestSchema|TestPage|TestPaths' ./internal/config ./internal/conformance ./cmd/xdhcpd -update

clean: ## remove what was built
	rm -rf bin build

deps-build deps-run deps-test deps-compare deps-kernels:
	@mkdir -p build
	@./scripts/install-deps.sh $(@:deps-%=%)
