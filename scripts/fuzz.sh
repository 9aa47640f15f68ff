#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs every fuzz target of the repository for FUZZTIME (default 20s) each.
set -eu
cd "$(dirname "$0")/.."
go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... |
	while read -r pkg dir; do
		for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go); do
			echo "fuzz $pkg $target ${FUZZTIME:-20s}"
			# By default most of a short run goes into minimizing inputs.
			go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime 20x "$pkg"
		done
	done
