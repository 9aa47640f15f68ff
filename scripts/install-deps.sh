#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs, by apt, the programs that this machine lacks, and says so.
#
#   scripts/install-deps.sh build   to compile the BPF program (make generate)
#   scripts/install-deps.sh run     for make run and make lab
#   scripts/install-deps.sh test    for make test
#   scripts/install-deps.sh compare the servers that make compare measures
#   scripts/install-deps.sh kernels for make kernels
#   scripts/install-deps.sh         for all of it
#
# Nothing is upgraded, no service is started, restarted or enabled.
set -eu

# program:package
build='clang:clang llvm-strip:llvm'
run='ip:iproute2 udhcpc:udhcpc dhclient:isc-dhcp-client dhcrelay:isc-dhcp-relay nsenter:util-linux setpriv:util-linux'
test="$run gcc:gcc ethtool:ethtool tcpdump:tcpdump bpftool:bpftool
	dhcpcd:dhcpcd-base dhcp6c:wide-dhcpv6-client dibbler-client:dibbler-client
	kea-dhcp4:kea-dhcp4-server kea-dhcp6:kea-dhcp6-server named:bind9"
compare="$run kea-dhcp4:kea-dhcp4-server kea-dhcp6:kea-dhcp6-server dhcpd:isc-dhcp-server dnsmasq:dnsmasq-base
	coredhcp:coredhcp-server"
kernels='qemu-system-x86_64:qemu-system-x86 cpio:cpio xz:xz-utils zstd:zstd'

case "${1-all}" in
build) wanted=$build ;;
run) wanted=$run ;;
test) wanted=$test ;;
compare) wanted=$compare ;;
kernels) wanted=$kernels ;;
all) wanted="$build $test $compare $kernels" ;;
*)
	echo "usage: $0 [build|run|test|compare|kernels]" >&2
	exit 2
	;;
esac

# Several of them are in directories that only root has in its PATH.
PATH=$PATH:/usr/sbin:/sbin
export PATH

programs='' packages=''
for w in $wanted; do
	command -v "${w%%:*}" >/dev/null && continue
	programs="$programs ${w%%:*}"
	case " $packages " in
	*" ${w##*:} "*) ;;
	*) packages="$packages ${w##*:}" ;;
	esac
done
# The C compiler is for go test -race, which links against the C library.
case "$wanted" in
*gcc:*)
	if [ ! -e /usr/include/stdlib.h ]; then
		programs="$programs libc-headers" packages="$packages libc6-dev"
	fi
	;;
esac
[ -n "$packages" ] || exit 0

echo "missing here:$programs"
command -v apt-get >/dev/null || {
	echo "no apt-get on this machine: install what Debian has in$packages" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || {
	echo "run as root: apt-get install --no-install-recommends$packages" >&2
	exit 1
}
echo "installing by apt:$packages"

# While this file says no, packages start no daemon (isc-dhcp-relay would).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	trap 'exit 1' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
# shellcheck disable=SC2086 # a list of words
install() { apt-get install -q -y --no-upgrade --no-install-recommends $packages; }
install || {
	echo "trying again with fresh package lists"
	apt-get update -q
	install
}

# Nor shall they start at the next boot.
units=''
for package in $packages; do
	case $package in
	isc-dhcp-relay) units="$units isc-dhcp-relay isc-dhcp-relay6" ;;
	kea-dhcp?-server | isc-dhcp-server | coredhcp-server | wide-dhcpv6-client | dibbler-client) units="$units $package" ;;
	esac
done
for unit in $units; do
	if [ -d /run/systemd/system ]; then
		systemctl -q disable --now "$unit" 2>/dev/null || :
	elif [ -e "/etc/init.d/$unit" ]; then
		update-rc.d "$unit" disable 2>/dev/null || :
	fi
done
