# throng: `make demo` and `make test` need only Rust, a C compiler, make and git. Both may be run again at any time.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-vm bench build test-engines kill-loop campaign planted-faults fuzz verdicts engine engine-stop examples example-redis example-nats example-alluxio example-grpc ci clean

DEMO_WORKERS ?= 100
export DEMO_WORKERS

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## build, provide an engine, run the Redis scenario (DEMO_WORKERS=100), leave nothing behind
	@scripts/demo

test: ## every test: unit, real kernel, real Docker, end to end; the last line counts them
	@scripts/run-tests

test-vm: ## the demo and the tests of the whole in a guest with systemd and cgroup v2 (QEMU): VM_ACCEL=kvm|tcg, VM_TESTS=all
	@scripts/test-vm

bench: engine ## throng beside the bare engine and other programs: BENCH_PAIRS=10 BENCH_NODES=100 BENCH_ONLY=updown,exec,…
	@cargo build --release -p throng -p throng-agent -p throng-tests --bin throng --bin throng-agent --bin bench --bin sweep
	@scripts/as-root "start engines of the benchmarks' own" env $$(env | grep '^BENCH_') $${CARGO_TARGET_DIR:-target}/release/bench

build: ## the two programs, in target/debug
	@scripts/build

test-engines: ## the tests that face an engine, on Debian's 20.10 and on Docker 29 with both stores (built from source, with Go): an hour
	@scripts/test-engines

kill-loop: engine killable ## kill daemons at named points of operations on a live cluster: SEED=… KILLS=100, on from FROM=…, one again with ROUND=…
	@$${CARGO_TARGET_DIR:-target}/debug/kill-loop

campaign: engine killable ## operations and faults drawn from a seed on a live cluster: SEED=… STEPS=50, some of them again with ONLY=…
	@$${CARGO_TARGET_DIR:-target}/debug/campaign

planted-faults: engine killable ## plant each fault of throng's own that the campaign's checks must find, one by name with FAULTS=…
	@$${CARGO_TARGET_DIR:-target}/debug/planted-faults

fuzz: ## look for bytes that make throng panic, in what it reads and is sent: FUZZ_SECONDS=60 for each of FUZZ_ONLY="scenario wire …"
	@scripts/fuzz

.PHONY: killable
killable:
	@cargo build -p throng-tests --bins --features failpoints
	@scripts/unpack-packages build/busybox busybox-static

verdicts: engine build ## are verdicts right? real load of others and of nodes, real tests: SEED=… BOUND_SECONDS=480 ONLY=…
	@scripts/unpack-packages build/busybox busybox-static
	@$${CARGO_TARGET_DIR:-target}/debug/verdicts

engine: ## a Docker engine: use the one that answers, else install and start one
	@scripts/engine start

engine-stop: ## stop the engine, if it was started from here
	@scripts/engine stop

examples: example-redis example-nats ## what the example scenarios need

example-redis: ## Redis from the distribution's packages, unpacked into build/, never installed
	@examples/redis/prepare.sh

example-nats: ## NATS, likewise
	@examples/nats/prepare.sh

example-alluxio: ## Alluxio from Maven's repository, with a Java runtime cut down to it, in build/alluxio
	@examples/alluxio/prepare.sh

example-grpc: ## Python's grpcio for the API guide's client, in build/python
	@examples/grpc/prepare.sh

ci: ## everything that must hold before a change lands
	@.ci/run

clean: ## remove what was built, but not the note of what `make engine` did
	cargo clean
	find build -mindepth 1 -maxdepth 1 ! -name engine -exec rm -rf {} + 2>/dev/null || true
