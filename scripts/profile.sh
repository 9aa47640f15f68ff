#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Profiles the server under load: serves one end of a veth lab, offers exchanges
# on the other with xdhcpbench, and writes into OUT (build/profile)
#
#   cpu.pprof    the server's CPU profile, for go tool pprof
#   flame.svg    a flame graph of it
#   where.txt    the share of each part of a packet's way, and its nanoseconds
#   load.txt     what the load was
#
#   LOAD='-r 20000'  what xdhcpbench offers (default: 512 under way, the most it can)
#   DURATION=10s     for how long
#   FAMILY=6         DHCPv6: an address and a prefix for each client (default: 4)
#   CLIENTS=500000 DURABILITY=sync
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
. scripts/lib.sh

out=${OUT:-build/profile}
load=${LOAD:--w 512}
duration=${DURATION:-10s}
clients=${CLIENTS:-500000}
family=${FAMILY:-4}
for f in bin/xdhcpd bin/xdhcpbench; do [ -x $f ] || die "$f is not there: run make build"; done
mkdir -p "$out" build

dir='' server=''
stop() {
	[ -z "$server" ] || kill -TERM "$server" 2>/dev/null || :
	lab_down
	[ -z "$dir" ] || rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP
dir=$(mktemp -d)
lab_up
ip -n "$cli" addr add 10.67.0.2/24 dev cli0
cat >"$dir/xdhcp.yaml" <<YAML
interfaces: [srv0]
durability: ${DURABILITY:-sync}
subnets:
  - subnet: 10.64.0.0/10
    pools: [10.80.0.0-10.111.255.255]
    lease: {valid: 1h, renew: 30m, rebind: 52m30s}
    options: {routers: [$lab_addr], domain-name-servers: [$lab_addr], domain-name: lab.example}
  - subnet: 2001:db8:67::/64
    pools: [2001:db8:67::1:0:0-2001:db8:67::ffff:ffff:ffff]
    delegate: [{prefix: "3fff::/28", length: 56}]
    lease: {preferred: 30m, valid: 1h}
    options: {dns-servers: ["$lab_addr6"], domain-search: [lab.example]}
YAML
ip netns exec "$srv" bin/xdhcpd serve -c "$dir/xdhcp.yaml" --state "$dir/state" --cpuprofile "$out/cpu.pprof" >"$dir/log" 2>&1 &
server=$!
tries=0
until grep -q 'xdhcpd ready' "$dir/log"; do
	kill -0 "$server" 2>/dev/null || die "the server has ended: $(cat "$dir/log")"
	tries=$((tries + 1))
	[ $tries -lt 150 ] || die "the server is not ready after 15 seconds: $(cat "$dir/log")"
	sleep 0.1
done
who="--server $lab_addr --relay 10.67.0.2" # on the wire the server would look at who has an address
[ "$family" = 4 ] || who='-6 --na --pd'
# shellcheck disable=SC2086 # lists of words
bin/xdhcpbench run -i cli0 --netns "$cli" -n "$clients" $load -d "$duration" -q $who >"$out/load.txt" || {
	cat "$out/load.txt"
	die "the load has failed"
}
kill -TERM "$server"
wait "$server" || die "the server has failed: $(cat "$dir/log")"
server=''
head -1 "$out/load.txt"
# All that the clients have sent: "  sent   discover 100, request 100".
messages=$(sed -n 's/^ *sent  *//p' "$out/load.txt" | tr -c '0-9\n' ' ' | awk '{ for (i = 1; i <= NF; i++) n += $i } END { print n + 0 }')
go tool pprof -traces -unit ns bin/xdhcpd "$out/cpu.pprof" >"$dir/traces" 2>"$dir/log" || die "$(cat "$dir/log")"
go run ./bench/flame -svg "$out/flame.svg" -messages "$messages" <"$dir/traces" | tee "$out/where.txt"
echo "$out/flame.svg, $out/cpu.pprof"
