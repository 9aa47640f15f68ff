# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# A veth lab: a server's network namespace, a client's on a wire of its own, and
# a subscriber's behind a relay agent's. Names carry the process id, so labs do
# not meet.
#
#   $srv [srv0 10.67.0.1/24, 2001:db8:67::1/64] ═════ [cli0] $cli
#        [srv1 10.67.1.1/24] ═════ [up0 10.67.1.2/24] $rly [down0 10.68.0.1/24] ═════ [sub0] $sub
#
# lab_up makes it, lab_down removes it with all that runs in it.

srv=xdhcp-$$-server
cli=xdhcp-$$-client
rly=xdhcp-$$-relay
sub=xdhcp-$$-subscriber
lab_addr=10.67.0.1
lab_addr6=2001:db8:67::1
relay_server=10.67.1.1
relay_addr=10.68.0.1
queues=${QUEUES:-1}

die() {
	echo "$*" >&2
	exit 1
}

lab_up() {
	[ "$(id -u)" = 0 ] || die "needs root: network namespaces, XDP and raw sockets"
	for ns in "$srv" "$cli" "$rly" "$sub"; do ip netns add "$ns"; done
	# Equal interface numbers would make the kernel take a second to open the
	# queues (see internal/nettest).
	ip link add name srv0 index 1001 netns "$srv" numrxqueues "$queues" numtxqueues "$queues" type veth \
		peer name cli0 index 1002 netns "$cli" numrxqueues "$queues" numtxqueues "$queues"
	ip link add name srv1 index 1003 netns "$srv" type veth peer name up0 index 1004 netns "$rly"
	ip link add name down0 index 1005 netns "$rly" type veth peer name sub0 index 1006 netns "$sub"
	for ns in "$srv" "$cli" "$rly" "$sub"; do
		ip -n "$ns" link set lo up
		# No IPv6 but what is asked for.
		# shellcheck disable=SC2016 # for the inner shell
		ip netns exec "$ns" sh -c 'for k in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 >"$k"; done'
	done
	ip -n "$srv" addr add $lab_addr/24 dev srv0
	ip -n "$srv" addr add $lab_addr6/64 dev srv0 nodad
	ip -n "$srv" addr add $relay_server/24 dev srv1
	ip -n "$rly" addr add 10.67.1.2/24 dev up0
	ip -n "$rly" addr add $relay_addr/24 dev down0
	ip -n "$srv" link set srv0 up
	ip -n "$srv" link set srv1 up
	ip -n "$rly" link set up0 up
	ip -n "$rly" link set down0 up
	ip -n "$cli" link set cli0 up
	ip -n "$sub" link set sub0 up
}

lab_down() {
	for ns in "$srv" "$cli" "$rly" "$sub"; do
		pids=$(ip netns pids "$ns" 2>/dev/null || :)
		# shellcheck disable=SC2086 # a list of words
		[ -z "$pids" ] || kill -9 $pids 2>/dev/null || :
		ip netns del "$ns" 2>/dev/null || :
	done
}

# lab_config prints a configuration for the lab's server.
lab_config() {
	cat <<YAML
interfaces: [srv0, srv1]
dhcpv6: {routes: true}   # to delegated prefixes, by their clients
classes:
  - {name: windows, match: {vendor-class: "MSFT 5.0"}, options: {vendor-specific: {microsoft-disable-netbios: 2}}}
subnets:
  - subnet: 10.67.0.0/24
    pools: [10.67.0.100-10.67.0.199]
    lease: {valid: 1h, renew: 30m, rebind: 52m30s}
    options: {routers: [$lab_addr], domain-name-servers: [$lab_addr], domain-name: lab.example}
  - subnet: 10.68.0.0/24   # behind a relay agent
    pools: [10.68.0.100-10.68.0.199]
    options: {routers: [$relay_addr], domain-name-servers: [$lab_addr], domain-name: street.example}
  - subnet: 2001:db8:67::/64
    pools: [2001:db8:67::1000-2001:db8:67::ffff]
    delegate: [{prefix: 2001:db8:6700::/40, length: 56}]
    lease: {preferred: 1h, valid: 2h}
    options: {dns-servers: ["$lab_addr6"], domain-search: [lab.example]}
YAML
}

# lab_dhclient6 runs dhclient in the client's namespace until it has an address and
# a prefix, with its files in the directory $1.
lab_dhclient6() {
	: >"$1/leases6"
	ip netns exec "$cli" dhclient -6 -N -P -1 -v -D LL -sf "$PWD/scripts/dhclient6.script" -lf "$1/leases6" -pf "$1/pid6" cli0 2>&1 |
		sed -un 's/^\(lease\|prefix\|XMT: [A-Z]\|RCV: [A-Z]\)/  client| &/p'
}

# lab_udhcpc runs the client $1, in namespace $2 on interface $3, until it has its
# lease; the other arguments are udhcpc's.
lab_udhcpc() {
	ns=$2 ifc=$3
	who=$1
	shift 3
	ip netns exec "$ns" udhcpc -f -q -n -t 5 -T 1 -i "$ifc" -s "$PWD/scripts/udhcpc.script" "$@" 2>&1 | sed -u "s/^/  $who| /"
}

# lab_relay runs the relay agent, which adds option 82 (-a).
lab_relay() {
	exec ip netns exec "$rly" dhcrelay -4 -d -a -id down0 -iu up0 $relay_server
}
