#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes a veth lab in its own network namespaces, says how to use it, and
# removes it at Ctrl-C. QUEUES=n gives each end n queues.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
. scripts/lib.sh

dir='' sleeper=''
stop() {
	[ -z "$sleeper" ] || kill "$sleeper"
	lab_down
	[ -z "$dir" ] || rm -rf "$dir"
}
trap stop EXIT
trap 'exit 0' INT TERM HUP
dir=$(mktemp -d)
lab_up
lab_config >"$dir/xdhcp.yaml"
: >"$dir/leases6" # dhclient wants it to be there

cat <<TEXT
The lab is up: $srv [srv0 $lab_addr/24, $lab_addr6/64] ═════ [cli0] $cli
               [srv1 $relay_server/24] ═════ [up0] $rly [down0 $relay_addr/24] ═════ [sub0] $sub

  a server       ip netns exec $srv bin/xdhcpd serve -c $dir/xdhcp.yaml --state $dir/state
  a client       ip netns exec $cli udhcpc -f -i cli0 -s $PWD/scripts/udhcpc.script
  one of DHCPv6  ip netns exec $cli dhclient -6 -N -P -d -v -sf $PWD/scripts/dhclient6.script -lf $dir/leases6 -pf $dir/pid6 cli0
  a relay agent  ip netns exec $rly dhcrelay -4 -d -a -id down0 -iu up0 $relay_server
  behind it      ip netns exec $sub udhcpc -f -i sub0 -s $PWD/scripts/udhcpc.script
  a shell        ip netns exec $srv bash
  what passes    ip netns exec $cli tcpdump -eni cli0
  the program    ip netns exec $srv bpftool net
  the leases     bin/xdhcpd leases --state $dir/state

tcpdump sees nothing of DHCP on srv0: XDP takes it before. Ctrl-C removes all of it.
TEXT
# The shell waits in a builtin, so that it handles a signal at once.
sleep infinity &
sleeper=$!
wait
