# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# A veth lab: a server's and a client's network namespace with a wire between
# them. Names carry the process id, so labs do not meet.
#
#   $srv [srv0 10.67.0.1/24] ═════ [cli0] $cli
#
# lab_up makes it, lab_down removes it with all that runs in it.

srv=xdhcp-$$-server
cli=xdhcp-$$-client
lab_addr=10.67.0.1
queues=${QUEUES:-1}

die() {
	echo "$*" >&2
	exit 1
}

lab_up() {
	[ "$(id -u)" = 0 ] || die "needs root: network namespaces, XDP and raw sockets"
	ip netns add "$srv"
	ip netns add "$cli"
	# Equal interface numbers would make the kernel take a second to open the
	# queues (see internal/nettest).
	ip link add name srv0 index 1001 netns "$srv" numrxqueues "$queues" numtxqueues "$queues" type veth \
		peer name cli0 index 1002 netns "$cli" numrxqueues "$queues" numtxqueues "$queues"
	for ns in "$srv" "$cli"; do
		ip -n "$ns" link set lo up
		# No IPv6 but what is asked for.
		# shellcheck disable=SC2016 # for the inner shell
		ip netns exec "$ns" sh -c 'for k in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 >"$k"; done'
	done
	ip -n "$srv" addr add $lab_addr/24 dev srv0
	ip -n "$srv" link set srv0 up
	ip -n "$cli" link set cli0 up
}

lab_down() {
	for ns in "$srv" "$cli"; do
		pids=$(ip netns pids "$ns" 2>/dev/null || :)
		# shellcheck disable=SC2086 # a list of words
		[ -z "$pids" ] || kill -9 $pids 2>/dev/null || :
		ip netns del "$ns" 2>/dev/null || :
	done
}

# lab_config prints a configuration for the lab's server.
lab_config() {
	cat <<YAML
interfaces: [srv0]
subnets:
  - subnet: 10.67.0.0/24
    pools: [10.67.0.100-10.67.0.199]
    lease: {valid: 1h, renew: 30m, rebind: 52m30s}
    options: {routers: [$lab_addr], domain-name-servers: [$lab_addr], domain-name: lab.example}
YAML
}
