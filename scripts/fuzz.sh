#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target of the repository for FUZZTIME (default 20s) each.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT

fuzz() {
	# By default most of a short run goes into minimizing inputs.
	go test -run '^$' -fuzz "^$2\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime 20x "$1" >"$out" 2>&1 && rc=0 || rc=$?
	cat "$out"
	return "$rc"
}

# Go's fuzzer now and then takes the end of its own time for a failure: its
# coordinator compares the errors of two contexts of which one has not heard yet. It
# says no more than this, and there is no input.
ran_out() {
	grep -q '^    context deadline exceeded$' "$out" && ! grep -q 'Failing input' "$out"
}

go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... |
	while read -r pkg dir; do
		for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go); do
			echo "fuzz $pkg $target ${FUZZTIME:-20s}"
			if ! fuzz "$pkg" "$target"; then
				ran_out || exit 1
				echo "fuzz $pkg $target: the time ran out while an input was running; once more"
				fuzz "$pkg" "$target"
			fi
		done
	done
