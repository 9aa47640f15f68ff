#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Shows the server at work: makes a veth lab in its own network namespaces,
# serves one end, and lets real clients take leases on the other: a plain one, one
# that says it is Windows, and one behind a relay agent. Stays until Ctrl-C
# (ONCE=1: ends when the clients have their leases), then removes all of it.
#
#   IFACE=eth1 CONFIG=xdhcp.yaml scripts/run.sh   serves a real interface instead
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
. scripts/lib.sh

xdhcpd=${XDHCPD:-bin/xdhcpd}
[ -x "$xdhcpd" ] || die "$xdhcpd is not there: run make build"

if [ -n "${IFACE-}${CONFIG-}" ]; then
	if [ -z "${IFACE-}" ] || [ -z "${CONFIG-}" ]; then
		die "IFACE and CONFIG go together: make run IFACE=eth1 CONFIG=xdhcp.yaml"
	fi
	[ -e "/sys/class/net/$IFACE" ] || die "there is no interface $IFACE here"
	grep -qw -- "$IFACE" "$CONFIG" || die "$CONFIG does not serve $IFACE: name it under interfaces"
	if [ -n "${STATE-}" ]; then
		exec "$xdhcpd" serve -c "$CONFIG" --state "$STATE"
	fi
	exec "$xdhcpd" serve -c "$CONFIG"
fi

dir='' server=''
# stop ends the server as a service manager would; one that is not gone after
# five seconds ends with its namespace.
stop() {
	tries=0
	[ -z "$server" ] || kill -TERM "$server" 2>/dev/null || :
	while [ -n "$server" ] && kill -0 "$server" 2>/dev/null && [ $tries -lt 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	lab_down
	[ -z "$dir" ] || rm -rf "$dir"
}
trap stop EXIT
trap 'exit 0' INT TERM HUP
dir=$(mktemp -d)
lab_up
lab_config >"$dir/xdhcp.yaml"
mkdir "$dir/state"

step() { printf '\n== %s\n' "$*"; }

step "the configuration"
cat "$dir/xdhcp.yaml"

step "the server starts"
ip netns exec "$srv" "$xdhcpd" serve -c "$dir/xdhcp.yaml" --state "$dir/state" >"$dir/log" 2>&1 &
server=$!
tail -n +1 -f --pid="$server" "$dir/log" 2>/dev/null | sed -u 's/^/  server| /' &
shown=$!
ended() {
	wait "$shown" # all that it said is on the screen
	die "the server has ended"
}
tries=0
until grep -qw ready "$dir/log"; do
	kill -0 "$server" 2>/dev/null || ended
	tries=$((tries + 1))
	[ $tries -lt 150 ] || die "the server is not ready after 15 seconds"
	sleep 0.1
done

step "a client asks (udhcpc in the namespace $cli)"
lab_udhcpc client "$cli" cli0 &
wait $!
ip -n "$cli" -4 -o addr show dev cli0 | grep -q 'inet 10\.67\.0\.' || die "the client has no lease"

step "the same client asks by DHCPv6 for an address and a prefix (dhclient -6)"
lab_dhclient6 "$dir" &
wait $!
ip -n "$cli" -6 -o addr show dev cli0 | grep -q 'inet6 2001:db8:67::' || die "the client has no IPv6 address"
"$xdhcpd" leases --state "$dir/state" --type pd | grep -q '/56 .*bound' || die "the client has no prefix"
tries=0
until ip -n "$srv" -6 route | grep 'proto 147'; do
	tries=$((tries + 1))
	[ $tries -lt 50 ] || die "there is no route to the delegated prefix"
	sleep 0.1
done

step "another, which says that it is Windows (option 60, MSFT 5.0), gets its class's option 43"
ip -n "$cli" link set cli0 down
ip -n "$cli" link set cli0 address 02:00:00:00:00:02
ip -n "$cli" link set cli0 up
lab_udhcpc windows "$cli" cli0 -V 'MSFT 5.0' -x hostname:desk-7 -O 43 &
wait $!
ip -n "$cli" -4 -o addr show dev cli0 | grep -q 'inet 10\.67\.0\.' || die "the Microsoft client has no lease"

step "a subscriber behind a relay agent (dhcrelay, which adds option 82)"
lab_relay >"$dir/relay.log" 2>&1 &
tries=0
until grep -q 'Sending on' "$dir/relay.log"; do
	tries=$((tries + 1))
	[ $tries -lt 50 ] || die "the relay agent does not start: $(cat "$dir/relay.log")"
	sleep 0.1
done
lab_udhcpc subscriber "$sub" sub0 &
wait $!
ip -n "$sub" -4 -o addr show dev sub0 | grep -q 'inet 10\.68\.0\.' || die "the relayed client has no lease"

step "xdhcpd leases"
"$xdhcpd" leases --state "$dir/state"
step "xdhcpd status"
"$xdhcpd" status --state "$dir/state"
[ "${ONCE-}" != 1 ] || exit 0

step "the server keeps serving; another client:"
echo "  ip netns exec $cli udhcpc -f -i cli0 -s $PWD/scripts/udhcpc.script"
echo "  Ctrl-C ends it"
wait "$server" || ended
