#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Floods a server by the kernel's pktgen, beside a legitimate load, and prints the
# goodput before, during and after the flood.
#
#   IFACE=cli0 SERVER=10.67.0.1 SERVER_MAC=02:00:00:00:00:01 scripts/pktgen.sh
#
#   NETNS=name            namespace of IFACE
#   RATE=0                frames a second of the flood; 0: as many as one core can
#   SRC_MAC=02:f1:00:00:00:00 MACS=4096          source addresses of the flood
#   SRC_MIN=10.127.0.0 SRC_MAX=10.127.255.255
#   VLAN=                 tag of the flood's frames
#   LOAD='-r 1000 --relay 10.67.0.2'             the legitimate load, of xdhcpbench
#   DURATION=5s           of each of the three parts
#
# The flood is of 300 bytes of no DHCP at all to the server's port. It needs the
# module pktgen; without it xdhcpbench floods instead (no VLAN, no ranges).
# It runs with nothing but a shell, sed and grep, for it is proven in a small guest
# (make kernels).
set -eu
cd "$(dirname "$0")/.."

die() {
	echo "$*" >&2
	exit 1
}
: "${IFACE:?name the interface to send on}" "${SERVER:?the address of the server}" "${SERVER_MAC:?its hardware address}"
bench=${XDHCPBENCH:-bin/xdhcpbench}
[ -x "$bench" ] || die "$bench is not there: run make build"
duration=${DURATION:-5s}
load=${LOAD:--r 1000 --relay 10.67.0.2}
rate=${RATE:-0}

# inside runs a command where the interface is.
inside() {
	if [ -n "${NETNS-}" ]; then ip netns exec "$NETNS" "$@"; else "$@"; fi
}

# set_ writes a command of pktgen's into one of its files.
set_() {
	inside sh -c 'echo "$2" >/proc/net/pktgen/$1' - "$1" "$2" || die "pktgen: $1: $2"
}

dir=$(mktemp -d)
flood=''
stop_flood() {
	[ -n "$flood" ] || return 0
	if [ "$how" = pktgen ]; then
		set_ pgctrl stop
	else
		kill -INT "$flood" 2>/dev/null || :
	fi
	wait "$flood" || :
	flood=''
}
finish() {
	stop_flood
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

how=pktgen
if ! inside test -d /proc/net/pktgen; then
	modprobe pktgen 2>/dev/null || :
	if ! inside test -d /proc/net/pktgen; then
		echo "pktgen is not in this kernel ($(uname -r)). Debian has it as a module in the package linux-image-amd64 (modprobe pktgen);"
		echo "a kernel of one's own needs CONFIG_NET_PKTGEN. xdhcpbench flood takes its place."
		how=flood
	fi
fi

start_flood() {
	if [ "$how" = flood ]; then
		"$bench" flood -i "$IFACE" ${NETNS:+--netns "$NETNS"} --server "$SERVER" --server-mac "$SERVER_MAC" -r "$rate" -d 10m >"$dir/flood" &
		flood=$!
		return
	fi
	set_ kpktgend_0 rem_device_all
	set_ kpktgend_0 "add_device $IFACE"
	set_ "$IFACE" 'count 0'
	set_ "$IFACE" 'clone_skb 0'
	set_ "$IFACE" 'pkt_size 342'
	set_ "$IFACE" 'delay 0'
	[ "$rate" = 0 ] || set_ "$IFACE" "ratep $rate"
	set_ "$IFACE" "dst $SERVER"
	set_ "$IFACE" "dst_mac $SERVER_MAC"
	set_ "$IFACE" "src_mac ${SRC_MAC:-02:f1:00:00:00:00}"
	set_ "$IFACE" "src_mac_count ${MACS:-4096}"
	set_ "$IFACE" "src_min ${SRC_MIN:-10.127.0.0}"
	set_ "$IFACE" "src_max ${SRC_MAX:-10.127.255.255}"
	set_ "$IFACE" 'flag IPSRC_RND'
	for way in src dst; do
		port=67
		[ $way = dst ] || port=68
		set_ "$IFACE" "udp_${way}_min $port"
		set_ "$IFACE" "udp_${way}_max $port"
	done
	[ -z "${VLAN-}" ] || set_ "$IFACE" "vlan_id $VLAN"
	# The write returns when the flood ends.
	inside sh -c 'echo start >/proc/net/pktgen/pgctrl' &
	flood=$!
}

# offer offers the load and prints what came of it.
offer() {
	# shellcheck disable=SC2086 # a list of words
	"$bench" run -i "$IFACE" ${NETNS:+--netns "$NETNS"} -n 200000 $load -d "$duration" -q \
		--server "$SERVER" --server-mac "$SERVER_MAC" --first-mac "$2" >"$dir/load" || {
		cat "$dir/load"
		die "the load has failed"
	}
	printf '%-7s %s\n' "$1" "$(sed -n 1p "$dir/load")"
}

offer before 02:0a:00:00:00:00
start_flood
offer during 02:0b:00:00:00:00
stop_flood
if [ "$how" = pktgen ]; then
	inside cat "/proc/net/pktgen/$IFACE" >"$dir/flood"
	echo "flood   pktgen: $(sed -n 's/^ *\([0-9]*pps\).*/\1/p; s/^ *pkts-sofar: *\([0-9]*\).*/\1 frames/p' "$dir/flood" | tr '\n' ' ')"
	set_ kpktgend_0 rem_device_all
else
	echo "flood   xdhcpbench: $(cat "$dir/flood")"
fi
offer after 02:0c:00:00:00:00
