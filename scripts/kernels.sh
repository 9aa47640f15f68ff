#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the server on other kernels: takes Debian's packages of each, unpacks them
# without installing, and boots each in qemu (emulated, so that it works anywhere)
# with bench/kernels as its first process. Prints its lines PASS and FAIL.
#
#   scripts/kernels.sh [SERIES...]   default: 6.1 6.12
#   TIMEOUT=300                      seconds for each kernel
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 6.1 6.12
root=$PWD
work=build/kernels
rm -rf $work/common
mkdir -p $work/debs $work/common/bin $work/common/scripts

die() {
	echo "$*" >&2
	exit 1
}

# latest prints the package of a series with the highest version.
latest() {
	apt-cache pkgnames "linux-image-$1." | grep -E "^linux-image-$1\.[0-9][^-]*(-[0-9]+)?-amd64\$" | sort -V | tail -1
}

# unpack PACKAGE DIR
unpack() {
	[ ! -e "$2/.done" ] || return 0
	(cd $work/debs && apt-get download -q "$1") >$work/apt.log 2>&1 || die "no package $1: apt-get update? $(cat $work/apt.log)"
	rm -rf "$2"
	mkdir -p "$2"
	dpkg-deb -x "$(find $work/debs -name "$1_*.deb" | sort -V | tail -1)" "$2"
	: >"$2/.done"
}

export CGO_ENABLED=0
go build -trimpath -o $work/common/init ./bench/kernels
go build -trimpath -o $work/common/bin/ ./cmd/xdhcpd ./cmd/xdhcpbench
cp scripts/pktgen.sh $work/common/scripts/
unpack busybox-static $work/busybox
cp "$(find $work/busybox -path '*/bin/busybox' -type f)" $work/common/bin/busybox
for a in sh sed grep cat tr mktemp rm test uname dirname; do ln -sf busybox $work/common/bin/$a; done

failed=''
for series; do
	package=$(latest "$series")
	[ -n "$package" ] || die "apt has no linux-image of $series: apt-get update?"
	version=${package#linux-image-}
	echo "== $version"
	unpack "$package" "$work/$version"
	rm -rf "$work/root" && mkdir "$work/root"
	cp -a $work/common/. "$work/root"
	mkdir "$work/root/modules"
	for module in veth pktgen; do
		file=$(find "$work/$version" -name "$module.ko*" | head -1)
		case $file in
		*.ko) cp "$file" "$work/root/modules/" ;;
		*.xz) xz -dc "$file" >"$work/root/modules/$module.ko" ;;
		*.zst) zstd -qdc "$file" >"$work/root/modules/$module.ko" ;;
		esac
	done
	(cd "$work/root" && find . | cpio -o -H newc --quiet | gzip -1 >"$root/$work/initramfs.gz")
	timeout "${TIMEOUT:-300}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -nographic -no-reboot -nic none \
		-kernel "$(find "$work/$version" -name 'vmlinuz-*' | head -1)" -initrd $work/initramfs.gz \
		-append 'console=ttyS0 quiet panic=-1 mitigations=off' </dev/null >"$work/$version.log" 2>&1 || echo "qemu: exit status $?"
	tr -d '\r' <"$work/$version.log" | grep -aE '^(PASS|FAIL|SKIP|before|during|flood|after) ' || :
	if ! grep -aq 'kernels: done' "$work/$version.log" || grep -aq 'kernels: failed' "$work/$version.log"; then
		failed="$failed $version"
		tail -20 "$work/$version.log"
	fi
done
[ -z "$failed" ] || die "failed:$failed (logs in $work)"
