#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Compiles the BPF program twice, in two other directories, and compares the
# bytes with what is committed: they depend on the sources and the compiler, not
# on the place. The work tree stays as it is.
set -eu
cd "$(dirname "$0")/../bpf"

tool=$(go tool -n bpf2go)
args=$(sed -n 's,^//go:generate go tool bpf2go ,,p' doc.go)
[ -n "$args" ] || {
	echo "no go:generate line for bpf2go in bpf/doc.go" >&2
	exit 1
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

status=0
for dir in "$tmp/a" "$tmp/another/place"; do
	mkdir -p "$dir"
	cp -R dhcp.bpf.c include "$dir"
	(cd "$dir" && export GOPACKAGE=bpf && eval "$tool $args" >/dev/null)
	for f in dhcp_bpfel.o dhcp_bpfeb.o dhcp_bpfel.go dhcp_bpfeb.go; do
		cmp "$f" "$dir/$f" || status=1
	done
done
[ $status = 0 ] || echo "bpf/: run make generate with Debian's clang and commit the result" >&2
exit $status
