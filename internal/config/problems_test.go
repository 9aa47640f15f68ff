// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"
)

// fits completes a fragment to a file that is right but for the fragment. The
// fragment keeps its lines; what is added comes after them.
func fits(fragment string) string {
	var b strings.Builder
	b.WriteString(fragment)
	if !strings.HasSuffix(fragment, "\n") {
		b.WriteByte('\n')
	}
	has := func(key string) bool {
		return strings.HasPrefix(fragment, key+":") || strings.Contains(fragment, "\n"+key+":")
	}
	if !has("interfaces") {
		b.WriteString("interfaces: [eth1]\n")
	}
	if !has("subnets") {
		b.WriteString("subnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10-192.0.2.20]}]\n")
	}
	return b.String()
}

func checkProblems(t *testing.T, text string, want []string) {
	t.Helper()
	cfg, problems := Parse("f", []byte(text))
	var got []string
	for _, p := range problems {
		got = append(got, strings.TrimPrefix(p.String(), "f:"))
	}
	if cfg != nil {
		for _, p := range cfg.Warnings {
			got = append(got, "warning "+strings.TrimPrefix(p.String(), "f:"))
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s\n got %s\nwant %s", text, g, w)
	}
}

// bad is a fragment and every problem that it has.
type bad struct {
	fragment string
	want     []string
}

func TestTopProblems(t *testing.T) {
	for _, tt := range []bad{
		{"intrfaces: [eth1]\ninterfaces: [eth1]", []string{"1:1: intrfaces: unknown key (did you mean interfaces?)"}},
		{"Interfaces: [eth1]\ninterfaces: [eth1]", []string{"1:1: Interfaces: unknown key (did you mean interfaces?)"}},
		{"fqdn: {answer: 5, suffix: a..b, updates: true}", []string{
			`1:16: fqdn.answer: "5" is neither true nor false`,
			`1:27: fqdn.suffix: "a..b" is not a domain name: two dots in a row, or one in front`,
			"1:33: fqdn.updates: unknown key (did you mean ddns: {zones: …}?)",
		}},
		{"fqdn: {complete: some, characters: z-a, instead: --, generate: ever, generated-prefix: 'a b'}", []string{
			`1:18: fqdn.complete: "some" is not short or all`,
			"1:36: fqdn.characters: the range z-a goes backwards",
			`1:50: fqdn.instead: "--" is more than one character`,
			`1:64: fqdn.generate: "ever" is not never, always, when-present or when-not-present (did you mean never?)`,
			`1:88: fqdn.generated-prefix: "a b" is not a domain name: it has a space or a control character in it`,
		}},
		{"fqdn: {characters: a-z, generate: always}", []string{
			"1:7: fqdn: needs generated-prefix: what is before the address in a name", "1:20: fqdn.characters: a name needs dots: add one"}},
		{"rogue-detection: {state: rogue}", []string{`1:26: rogue-detection.state: "rogue" is not authorized, detected or unauthorized`}},
		{"options: {81: hex:00, 221: hex:00}", []string{
			"1:11: options.81: option 81 is made by the server: write fqdn: {…}",
			"1:23: options.221: option 221 is made by the server: write vss at the subnet",
		}},
		{"zzz: 1", []string{"1:1: zzz: unknown key"}},
		{"state: a\nstate: b", []string{"2:1: state: is given twice: first in line 1"}},
		{"durability: asynch", []string{`1:13: durability: "asynch" is not sync or async (did you mean async?)`}},
		{"durability: [sync]", []string{`1:13: durability: is a list; sync or async is wanted`}},
		{"durability:", []string{`1:12: durability: has no value: sync or async is wanted`}},
		{"authoritative: maybe", []string{`1:16: authoritative: "maybe" is neither true nor false`}},
		{"authoritative: flase", []string{`1:16: authoritative: "flase" is neither true nor false (did you mean false?)`}},
		{"offer-hold: 0", []string{`1:13: offer-hold: must be at least one second`}},
		{"offer-hold: infinite", []string{`1:13: offer-hold: must not be infinite`}},
		{"decline-probation: 10x", []string{`1:20: decline-probation: "10x" is not a time: write seconds, or a sum such as 1d12h or 52m30s, or infinite`}},
		{"history: on", []string{`1:10: history: is one value; a map is wanted: {keep: …}`}},
		{"history: {kep: 1d}", []string{`1:11: history.kep: unknown key (did you mean keep?)`}},
		{"history: {size: 8GB}", []string{`1:17: history.size: "8GB" is not a size: write a number with MiB, GiB or TiB, as in 8GiB`}},
		{"history: {size: 9000000TiB}", []string{`1:17: history.size: "9000000TiB" is not a size: write a number with MiB, GiB or TiB, as in 8GiB`}},
		{"history: {size: 10MiB}", []string{`1:17: history.size: is too small: at least 64MiB`}},
		{"identity: hostname", []string{`1:11: identity: "hostname" is not client-id, mac, circuit-id, remote-id or circuit-remote`}},
		{"reservation-order: [mac, mac, uuid]", []string{
			"1:26: reservation-order[1]: mac is there twice",
			`1:31: reservation-order[2]: "uuid" is not mac, client-id, circuit-id, remote-id, subscriber-id, duid or flex-id (did you mean duid?)`,
		}},
		{"state: ''", []string{`1:8: state: is empty: leave it out instead`}},
		{"subnets: []", []string{`1:10: subnets: is empty: at least one subnet is wanted`}},
		{"subnets:", []string{`1:9: subnets: has no value: a list is wanted`}},
		{"subnets: 5", []string{`1:10: subnets: is one value; a map is wanted: {subnet: …}`}},
		{"subnets: [{subnet: 192.0.2.0/24}]", []string{"warning 1:11: subnets[0]: has neither pools nor reservations: its clients get no address"}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
}

func TestFileProblems(t *testing.T) {
	for _, tt := range []bad{
		{"", []string{" says nothing: at least interfaces and subnets are wanted"}},
		{"# nothing\n", []string{" says nothing: at least interfaces and subnets are wanted"}},
		{"- a\n", []string{"1:1: is a list; a map is wanted: {interfaces: …}"}},
		{"state: x\n", []string{
			"1:1: interfaces: is missing: name the interfaces to serve, as in [eth1]",
			"1:1: subnets: is missing: name at least one subnet, as in [{subnet: 192.0.2.0/24, pools: [192.0.2.10-192.0.2.99]}]",
		}},
		{"a: [1\n", []string{"1:4: not YAML: sequence end token ']' not found"}},
		{"a: b\n c: d\n", []string{"1:4: not YAML: mapping value is not allowed in this context"}},
		{"a: *x\n", []string{"1:4: no anchor &x before this"}},
		{"a: 1\n---\nb: 1\n", []string{"3:2: a second document begins: a configuration is one"}},
		{"a: \xff\n", []string{" is not UTF-8"}},
		{"// Kea\n{ \"Dhcp4\": { \"subnet4\": [] } }\n", []string{" is a configuration of Kea: xdhcpd import kea makes one of ours of it"}},
		{strings.Repeat("[", 200), []string{"1:101: more than 100 levels deep"}},
		{strings.Repeat("- ", 200), []string{"1:201: more than 100 levels deep"}},
		{strings.Repeat(" ", 300) + "a: 1", []string{"1:301: more than 200 columns to the right"}},
	} {
		checkProblems(t, tt.fragment, tt.want)
	}
}

func TestInterfaceProblems(t *testing.T) {
	for _, tt := range []bad{
		{"interfaces: []", []string{"1:13: interfaces: is empty: name the interfaces to serve"}},
		{"interfaces: [eth1, eth2, eth1]", []string{"1:26: interfaces[2]: eth1 is listed already, in line 1"}},
		{"interfaces: [{nam: eth1}]", []string{
			"1:14: interfaces[0].name: is missing: which interface?",
			"1:15: interfaces[0].nam: unknown key (did you mean name?)",
		}},
		{"interfaces: [{name: eth1, xdp: naitve, wait: spin, vlans: 5}]", []string{
			`1:32: interfaces[0].xdp: "naitve" is not auto, native, generic or off (did you mean native?)`,
			`1:46: interfaces[0].wait: "spin" is not poll or busy`,
			`1:59: interfaces[0].vlans: "5" is neither true nor false`,
		}},
		{"interfaces: [{name: eth1, address: 10.0.0.0/24}]", []string{`1:36: interfaces[0].address: "10.0.0.0/24" is not an IPv4 address`}},
		{"interfaces: [{name: eth1, address: 224.0.0.1}]", []string{`1:36: interfaces[0].address: 224.0.0.1 is for multicast`}},
		{"interfaces: [averyveryverylongname]", []string{`1:14: interfaces[0]: "averyveryverylongname" is not the name of an interface: it has more than 15 characters`}},
		{"interfaces: ['*']", []string{`1:14: interfaces[0]: "*" is not the name of an interface: every interface must be named`}},
		{"interfaces: ['a b']", []string{`1:14: interfaces[0]: "a b" is not the name of an interface: it has a character in it that none has`}},
		{"interfaces: [[eth1]]", []string{`1:14: interfaces[0]: is a list; the name of an interface is wanted`}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
}

func TestLeaseProblems(t *testing.T) {
	for _, tt := range []bad{
		{"lease: {valid: 1h, renew: 50m, rebind: 40m}", []string{"1:27: lease.renew: 50m is after rebind, 40m"}},
		{"lease: {valid: 1h, rebind: 2h}", []string{"1:28: lease.rebind: 2h is after the lease's end, 1h"}},
		{"lease: {valid: 1h, renew: 2h}", []string{"1:27: lease.renew: 2h is after the lease's end, 1h"}},
		{"lease: {valid: 1h, min: 2h, max: 30m}", []string{
			"1:25: lease.min: 2h is more than valid, 1h",
			"1:34: lease.max: 30m is less than valid, 1h",
		}},
		{"lease: {valid: infinite, renew: 1h}", []string{"1:8: lease: an infinite lease is never renewed: leave out renew and rebind"}},
		{"lease: {vaild: 1h}", []string{"1:9: lease.vaild: unknown key (did you mean valid?)"}},
		{"lease: {t1: 1h}", []string{"1:9: lease.t1: unknown key (did you mean renew?)"}},
		{"lease: {valid: 1.5h}", []string{`1:16: lease.valid: "1.5h" is not a time: write seconds, or a sum such as 1d12h or 52m30s, or infinite`}},
		{"lease: {valid: 0}", []string{"1:16: lease.valid: must be at least one second"}},
		{"lease: [1h]", []string{"1:8: lease: is a list; a map is wanted: {valid: …}"}},
		// From above: 2h does not fit the subnet's hour, but it is not inherited by it.
		{"lease: {valid: 4h, renew: 2h}\nsubnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10], lease: {valid: 1h}}]", nil},
		{"lease: {valid: 4h, renew: 2h}\nsubnets: [{subnet: 192.0.2.0/24, pools: [192.0.2.10], lease: {rebind: 1h}}]",
			[]string{"2:62: subnets[0].lease.renew: 2h is after rebind, 1h"}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
}

func TestSubnetProblems(t *testing.T) {
	for _, tt := range []bad{
		{"{pools: [192.0.2.10]}", []string{"1:11: subnets[0].subnet: is missing: which prefix, as in 192.0.2.0/24?"}},
		{"{subnet: 192.0.2.1/24}", []string{"1:20: subnets[0].subnet: 192.0.2.1/24 has bits set after its length (did you mean 192.0.2.0/24?)"}},
		{"{subnet: 192.0.2.0}", []string{"1:20: subnets[0].subnet: 192.0.2.0 has no length: write 192.0.2.0/24, or what it is"}},
		{"{subnet: 192.0.2.0/33}", []string{`1:20: subnets[0].subnet: "192.0.2.0/33" is not a prefix such as 192.0.2.0/24`}},
		{"{subnet: net1}", []string{`1:20: subnets[0].subnet: "net1" is not a prefix such as 192.0.2.0/24`}},
		{"{subnet: 0.0.0.0/0}", []string{"1:20: subnets[0].subnet: 0.0.0.0/0 is every address there is"}},
		{"{subnet: 224.0.0.0/24}", []string{"1:20: subnets[0].subnet: 224.0.0.0/24 cannot be a subnet: 224.0.0.0/4 is for multicast"}},
		{"{subnet: 192.0.2.0/24, pool: [192.0.2.10]}", []string{"1:34: subnets[0].pool: unknown key (did you mean pools?)"}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], gateway: 192.0.2.1}", []string{"1:55: subnets[0].gateway: unknown key (did you mean options: {routers: …}?)"}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], delegate: 5}", []string{"1:55: subnets[0].delegate: unknown key"}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], relays: [10.0.0.1, 224.0.0.1, 10.0.0.1]}", []string{
			"1:74: subnets[0].relays[1]: 224.0.0.1 is for multicast",
			"1:85: subnets[0].relays[2]: 10.0.0.1 is there twice",
		}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], server-id: 127.0.0.1}", []string{"1:66: subnets[0].server-id: 127.0.0.1 is for the loopback"}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], links: [eth11, {vlan: 5}, {interface: eth1, inner-vlan: 9}, eth1, eth1]}", []string{
			"1:63: subnets[0].links[0]: eth11 is not one of the interfaces that are served (did you mean eth1?)",
			"1:70: subnets[0].links[1].interface: is missing: which one?",
			"1:111: subnets[0].links[2].inner-vlan: needs vlan: the outer tag's",
			"1:121: subnets[0].links[4]: is there twice",
		}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], links: {interface: eth1, vlan: 4095}}", []string{`1:86: subnets[0].links.vlan: "4095" is not a number from 1 to 4094`}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], classes: [phones], deny: phone}", []string{
			"1:65: subnets[0].classes[0]: there is no class phones",
			"1:80: subnets[0].deny: there is no class phone",
		}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], always-send: [routers, nosuch]}", []string{
			"1:69: subnets[0].always-send[0]: routers is not among the options here",
			"1:78: subnets[0].always-send[1]: unknown option",
		}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], id: 0}", []string{`1:59: subnets[0].id: "0" is not a number from 1 to 4294967294`}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], id: 7}, {subnet: 10.0.0.0/8, pools: [10.0.0.1], id: 7}",
			[]string{"1:107: subnets[1].id: 7 is the id of 192.0.2.0/24 already (subnets[0]), in line 1"}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], next-server: boot.example}", []string{`1:68: subnets[0].next-server: "boot.example" is not an IPv4 address`}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], server-name: " + strings.Repeat("x", 64) + "}", []string{"1:68: subnets[0].server-name: has 64 bytes; the field holds 63"}},
		{"{subnet: 192.0.2.0/24, pools: [192.0.2.10], boot-file: " + strings.Repeat("x", 128) + "}", []string{"1:66: subnets[0].boot-file: has 128 bytes; the field holds 127"}},
	} {
		checkProblems(t, fits("subnets: ["+tt.fragment+"]"), tt.want)
	}
}

// Both places are named, whichever comes first in the file.
func TestOverlappingSubnets(t *testing.T) {
	checkProblems(t, fits(`subnets:
  - {subnet: 10.1.0.0/16, pools: [10.1.0.1]}
  - {subnet: 192.0.2.0/24, pools: [192.0.2.1]}
  - {subnet: 10.0.0.0/8, pools: [10.2.0.1]}
  - {subnet: 10.1.2.0/24, pools: [10.1.2.1]}
  - {subnet: 192.0.2.0/24, pools: [192.0.2.2]}
  - {subnet: 10.200.0.0/16, pools: [10.200.0.1]}
`), []string{
		"4:14: subnets[2].subnet: 10.0.0.0/8 overlaps 10.1.0.0/16 (subnets[0].subnet) in line 2",
		"5:14: subnets[3].subnet: 10.1.2.0/24 overlaps 10.0.0.0/8 (subnets[2].subnet) in line 4",
		"6:14: subnets[4].subnet: 192.0.2.0/24 is the same as 192.0.2.0/24 (subnets[1].subnet) in line 3",
		"7:14: subnets[5].subnet: 10.200.0.0/16 overlaps 10.0.0.0/8 (subnets[2].subnet) in line 4",
	})
}

func TestPoolProblems(t *testing.T) {
	for _, tt := range []bad{
		{"pools: [192.0.3.10-192.0.3.20]", []string{"1:42: subnets[0].pools[0]: 192.0.3.10-192.0.3.20 is not inside 192.0.2.0/24"}},
		{"pools: [192.0.2.200-192.0.3.20]", []string{"1:42: subnets[0].pools[0]: 192.0.2.200-192.0.3.20 is not inside 192.0.2.0/24"}},
		{"pools: [192.0.2.20-192.0.2.10]", []string{"1:42: subnets[0].pools[0]: 192.0.2.20 comes after 192.0.2.10 (did you mean 192.0.2.10-192.0.2.20?)"}},
		{"pools: [192.0.2.10-20]", []string{`1:42: subnets[0].pools[0]: "20" is not an IPv4 address`}},
		{"pools: [192.0.2.9/28]", []string{"1:42: subnets[0].pools[0]: 192.0.2.9/28 has bits set after its length (did you mean 192.0.2.0/28?)"}},
		{"pools: ['2001:db8::/64']", []string{`1:42: subnets[0].pools[0]: "2001:db8::/64" is not an IPv4 prefix`}},
		{"pools: [192.0.2.10-192.0.2.20, 192.0.2.40-192.0.2.50, 192.0.2.20-192.0.2.30]",
			[]string{"1:88: subnets[0].pools[2]: 192.0.2.20-192.0.2.30 overlaps 192.0.2.10-192.0.2.20 (subnets[0].pools[0]) in line 1"}},
		{"pools: [192.0.2.20-192.0.2.30, 192.0.2.10-192.0.2.90, 192.0.2.50-192.0.2.60]", []string{
			"1:65: subnets[0].pools[1]: 192.0.2.10-192.0.2.90 overlaps 192.0.2.20-192.0.2.30 (subnets[0].pools[0]) in line 1",
			"1:88: subnets[0].pools[2]: 192.0.2.50-192.0.2.60 overlaps 192.0.2.10-192.0.2.90 (subnets[0].pools[1]) in line 1",
		}},
		{"pools: [192.0.2.0/24]", []string{"1:42: subnets[0].pools[0]: has the network address 192.0.2.0 and the broadcast address 192.0.2.255 of 192.0.2.0/24 in it (did you mean 192.0.2.1-192.0.2.254?)"}},
		{"pools: [192.0.2.128-192.0.2.255]", []string{"1:42: subnets[0].pools[0]: has the broadcast address 192.0.2.255 of 192.0.2.0/24 in it (did you mean 192.0.2.128-192.0.2.254?)"}},
		{"pools: [192.0.2.0]", []string{"1:42: subnets[0].pools[0]: has the network address 192.0.2.0 of 192.0.2.0/24 in it"}},
		{"pools: [192.0.2.10-192.0.2.12], exclude: [192.0.2.0/28]", []string{"1:42: subnets[0].pools[0]: has no address left when exclude and the routers are taken away"}},
		{"pools: [192.0.2.10], exclude: [192.0.3.1]", []string{"1:65: subnets[0].exclude[0]: 192.0.3.1 is not inside 192.0.2.0/24"}},
		{"pools: [{range: 192.0.2.10, exclude: []}]", []string{"1:62: subnets[0].pools[0].exclude: is not supported yet"}},
		{"pools: [{range: 192.0.2.10, options: {router: 192.0.2.1}, bootp: 5, lease: {renew: 2h}, classes: x}]", []string{
			"1:72: subnets[0].pools[0].options.router: unknown option (did you mean routers?)",
			`1:99: subnets[0].pools[0].bootp: "5" is neither true nor false`,
			"1:117: subnets[0].pools[0].lease.renew: 2h is after the lease's end, 1h",
			"1:131: subnets[0].pools[0].classes: there is no class x",
		}},
		{"pools: [{}]", []string{"1:42: subnets[0].pools[0].range: is missing: which addresses?"}},
		{"pools: [192.0.2.1-192.0.2.20], options: {routers: [192.0.2.1, 198.51.100.1]}", []string{
			"warning 1:42: subnets[0].pools[0]: has the router 192.0.2.1 in it, which is left out: add it to exclude",
			"warning 1:75: subnets[0].options.routers: 198.51.100.1 is not in 192.0.2.0/24: its clients may not reach it",
		}},
		{"pools: [192.0.2.1-192.0.2.20], exclude: [192.0.2.1], options: {routers: [192.0.2.1]}", nil},
		{"pools: [192.0.2.10], options: {subnet-mask: 255.255.0.0}", []string{"warning 1:65: subnets[0].options.subnet-mask: is not the mask of 192.0.2.0/24"}},
	} {
		checkProblems(t, fits("subnets: [{subnet: 192.0.2.0/24, "+tt.fragment+"}]"), tt.want)
	}
}

func TestReservationProblems(t *testing.T) {
	for _, tt := range []bad{
		{"- {mac: 02:00:00:00:00, address: 192.0.2.5}", []string{`5:15: subnets[0].reservations[0].mac: "02:00:00:00:00" is not a MAC address such as 02:00:00:00:00:01`}},
		{"- {mac: 01:00:5e:00:00:01, address: 192.0.2.5}", []string{`5:15: subnets[0].reservations[0].mac: 01:00:5e:00:00:01 is not the address of one device`}},
		{"- {address: 192.0.2.5}", []string{"5:9: subnets[0].reservations[0].mac: is missing: whose reservation is it?"}},
		{"- {mac: 02:00:00:00:00:01}", []string{"5:9: subnets[0].reservations[0].address: is missing: what is reserved?"}},
		{"- {mac: 02:00:00:00:00:01, address: 192.0.3.5}", []string{"5:43: subnets[0].reservations[0].address: 192.0.3.5 is not in 192.0.2.0/24, the subnet in line 2"}},
		{"- {mac: 02:00:00:00:00:01, address: 192.0.2.255}", []string{"5:43: subnets[0].reservations[0].address: 192.0.2.255 is the broadcast address of 192.0.2.0/24"}},
		{"- {mac: 02:00:00:00:00:01, address: 192.0.2.5}\n      - {mac: '02-00-00-00-00-01', address: 192.0.2.6}\n      - {mac: 02:00:00:00:00:03, address: 192.0.2.5}", []string{
			"6:15: subnets[0].reservations[1].mac: 02-00-00-00-00-01 has a reservation already, in line 5",
			"7:43: subnets[0].reservations[2].address: 192.0.2.5 is reserved already, in line 5",
		}},
		{"- {hw-address: 02:00:00:00:00:01, ip-address: 192.0.2.5}", []string{
			"5:9: subnets[0].reservations[0].mac: is missing: whose reservation is it?",
			"5:9: subnets[0].reservations[0].address: is missing: what is reserved?",
			"5:10: subnets[0].reservations[0].hw-address: unknown key (did you mean mac?)",
			"5:41: subnets[0].reservations[0].ip-address: unknown key (did you mean address?)",
		}},
		{"- {flex-id: hex:00, address: 192.0.2.5}", []string{
			"5:19: subnets[0].reservations[0].flex-id: needs the expression flex-id at the top level: whose value is it?",
		}},
		{"- {client-id: hex:0, circuit-id: '', address: 192.0.2.5}", []string{
			`5:21: subnets[0].reservations[0].client-id: "hex:0" has an odd number of digits`,
			"5:40: subnets[0].reservations[0].circuit-id: is empty",
		}},
		{"- {client-id: a, address: 192.0.2.5}\n      - {client-id: 'hex:61', address: 192.0.2.6}\n      - {client-id: a, mac: 02:00:00:00:00:01, address: 192.0.2.7}",
			[]string{"6:9: subnets[0].reservations[1]: the client has a reservation already, in line 5"}},
		{"- {mac: 02:00:00:00:00:01, classes: [x], next-server: y}", []string{
			"5:44: subnets[0].reservations[0].classes[0]: there is no class x",
			`5:61: subnets[0].reservations[0].next-server: "y" is not an IPv4 address`,
		}},
		{"- {mac: 02:00:00:00:00:01, hostname: 'a b'}", []string{`5:44: subnets[0].reservations[0].hostname: "a b" is not a host name: it has a space or another character in it that none has`}},
		{"- {mac: 02:00:00:00:00:01, hostname: a, options: {host-name: b}}", []string{"5:44: subnets[0].reservations[0].hostname: is given already as option host-name, in line 5"}},
		{"- 192.0.2.5", []string{"5:9: subnets[0].reservations[0]: is one value; a map is wanted: {mac: …}"}},
	} {
		checkProblems(t, fits("subnets:\n  - subnet: 192.0.2.0/24\n    pools: [192.0.2.10]\n    reservations:\n      "+tt.fragment), tt.want)
	}
}

func TestOptionProblems(t *testing.T) {
	for _, tt := range []bad{
		{"{router: 10.0.0.1}", []string{"1:11: options.router: unknown option (did you mean routers?)"}},
		{"{domain-name-server: 10.0.0.1, nonsense: 1}", []string{
			"1:11: options.domain-name-server: unknown option (did you mean domain-name-servers?)",
			"1:41: options.nonsense: unknown option",
		}},
		{"{routers: [10.0.0.1, 10.0.0.300]}", []string{"1:31: options.routers[1]: 10.0.0.300 is not an IPv4 address: four numbers from 0 to 255 are wanted"}},
		{"{routers: }", []string{"1:11: options.routers: has no value: a list is wanted"}},
		{"{routers: 10.0.0.1, 3: 10.0.0.2}", []string{"1:30: options.3: is option 3, which is given already as routers in line 1"}},
		{"{routers: 10.0.0.1, routers: 10.0.0.2}", []string{"1:30: options.routers: is given twice: first in line 1"}},
		{"{lease-time: 1h}", []string{"1:11: options.lease-time: option 51 is made by the server: write lease: {valid: …}"}},
		{"{53: 5, 54: 10.0.0.1, 61: hex:00, 82: hex:00}", []string{
			"1:11: options.53: option 53 is made by the server",
			"1:18: options.54: option 54 is made by the server: it is the interface's address, or write address: … at the interface",
			"1:32: options.61: option 61 is sent by clients and echoed (RFC 6842)",
			"1:44: options.82: option 82 is added by relay agents and echoed (RFC 3046)",
		}},
		{"{300: hex:00}", []string{"1:11: options.300: is not an option: codes are 1 to 254"}},
		{"{0: hex:00}", []string{"1:11: options.0: is not an option: codes are 1 to 254"}},
		{"{interface-mtu: 20}", []string{"1:26: options.interface-mtu: 20 is outside 68 to 65535, which RFC 2132 allows for interface-mtu"}},
		{"{classless-static-routes: [{to: 10.0.0.1/8, via: 10.0.0.1}]}", []string{"1:42: options.classless-static-routes[0].to: 10.0.0.1/8 has bits set after its length (did you mean 10.0.0.0/8?)"}},
		{"{classless-static-routes: [{to: 10.0.0.0/8, by: 10.0.0.1}]}", []string{`1:54: options.classless-static-routes[0].by: a route has no part "by": they are to, via`}},
		{"{vendor-specific: {microsoft-disable-netbois: 2}}", []string{
			`1:29: options.vendor-specific.microsoft-disable-netbois: "microsoft-disable-netbois" is not a sub-option of vendor-encapsulated-options (did you mean ms-disable-netbios?)`}},
		{"{aftr-name: a.example}", []string{"1:11: options.aftr-name: is an option of DHCPv6"}},
		{"[routers]", []string{"1:10: options: is a list; a map is wanted: {routers: [192.0.2.1], …}"}},
		{"{domain-search: [a..b]}", []string{`1:27: options.domain-search[0]: "a..b" is not a domain name: two dots in a row, or one in front`}},
		{"{226: hex:" + strings.Repeat("00", 1401) + "}", []string{"1:16: options.226: is 1401 bytes long, more than a message can carry"}},
	} {
		checkProblems(t, fits("options: "+tt.fragment), tt.want)
	}
}

func TestDefinitionProblems(t *testing.T) {
	for _, tt := range []bad{
		{"{name: x, code: 224}", []string{"1:22: option-definitions[0].type: is missing: a type such as ipv4, u16 or str is wanted"}},
		{"{name: x, code: 224, type: uint8}", []string{`1:49: option-definitions[0].type: unknown type "uint8" (did you mean u8?)`}},
		{"{name: x, code: 224, type: u9}", []string{`1:49: option-definitions[0].type: type "u9": unknown type "u9"`}},
		{"{name: x, code: 3, type: u8}", []string{"1:38: option-definitions[0].code: code 3 is routers already"}},
		{"{name: x, code: y, type: u8}", []string{`1:38: option-definitions[0].code: "y" is not a code from 1 to 254`}},
		{"{name: routers, code: 224, type: u8}", []string{"1:29: option-definitions[0].name: the name routers is option 3 already"}},
		{"{name: x, code: 224, type: u8, space: y}", []string{`1:60: option-definitions[0].space: "y" is not dhcp4, dhcp6, vendor-NUMBER, dhcp4-vendor-NUMBER, vendor-specific or what a definition encapsulates`}},
		{"{name: x, code: 1, type: u8, space: vendor-specfic}", []string{`1:58: option-definitions[0].space: "vendor-specfic" is not dhcp4, dhcp6, vendor-NUMBER, dhcp4-vendor-NUMBER, vendor-specific or what a definition encapsulates (did you mean vendor-specific?)`}},
		{"{name: x, code: 224, encapsulates: phone}, {name: y, code: 225, encapsulates: phones}, {name: z, code: 1, type: u8, space: phones}", []string{
			"1:57: option-definitions[0].encapsulates: no option is defined in the space phone (did you mean phones?)"}},
		{"{name: x, code: 224, encapsulates: dhcp6}", []string{`1:57: option-definitions[0].encapsulates: "dhcp6" is not the name of a space of one's own`}},
		{"{name: x, code: 224, type: u8, array: true, encapsulates: own}, {name: z, code: 1, type: u8, space: own}", []string{
			"1:60: option-definitions[0].array: an option with sub-options cannot be an array"}},
		{"{name: x, code: 224, encapsulates: own}, {name: z, code: 256, type: u8, space: own}", []string{"1:79: option-definitions[1].code: code 256: codes are 1 to 254"}},
	} {
		checkProblems(t, fits("option-definitions: ["+tt.fragment+"]"), tt.want)
	}
}

func TestClassProblems(t *testing.T) {
	match := func(m string) string { return "{name: w, match: " + m + "}" }
	for _, tt := range []bad{
		{"{match: {vendor-class: MSFT 5.0}, options: {log-servers: 10.0.0.1}}", []string{"1:11: classes[0].name: is missing: what is the class called?"}},
		{"{name: w}, {name: w}", []string{"1:29: classes[1].name: there is a class w already, in line 2"}},
		{match("{}"), []string{`1:28: classes[0].match: is empty: which clients? As in {vendor-class: "MSFT 5.0"}`}},
		{match("{expression: [x]}"), []string{"1:41: classes[0].match.expression: is a list; an expression is wanted"}},
		{match("{vendorclass: x}"), []string{"1:29: classes[0].match.vendorclass: unknown key (did you mean vendor-class?)"}},
		{match("{vendor-class: {begins: x}}"), []string{
			"1:43: classes[0].match.vendor-class.prefix: is missing",
			"1:44: classes[0].match.vendor-class.begins: unknown key",
		}},
		{match("{vendor-class: [a, '', hex:0g]}"), []string{
			"1:47: classes[0].match.vendor-class[1]: is empty",
			`1:51: classes[0].match.vendor-class[2]: "hex:0g": hexadecimal digits are wanted after hex:`,
		}},
		{match("{mac: 02:00:00}"), []string{`1:34: classes[0].match.mac: "02:00:00" is not a MAC address such as 02:00:00:00:00:01`}},
		{match("{mac: {prefix: 02:00:0}}"), []string{`1:43: classes[0].match.mac.prefix: "02:00:0" is not the beginning of a MAC address such as 02:00:00`}},
		{match("{vendor-id: {data: x}}"), []string{"1:40: classes[0].match.vendor-id.enterprise: is missing: the number that IANA gave the vendor"}},
		{match("{architecture: 65536, vlan: 0}"), []string{
			`1:43: classes[0].match.architecture: "65536" is not a number from 0 to 65535`,
			`1:56: classes[0].match.vlan: "0" is not a number from 1 to 4094`,
		}},
		{match("{relay: 10.0.0.1/8}"), []string{"1:36: classes[0].match.relay: 10.0.0.1/8 has bits set after its length (did you mean 10.0.0.0/8?)"}},
		{match("{interface: eth9}"), []string{"1:40: classes[0].match.interface: eth9 is not one of the interfaces that are served (did you mean eth1?)"}},
		{match("{any: []}"), []string{"1:34: classes[0].match.any: is empty"}},
		{match("{known: perhaps}"), []string{`1:36: classes[0].match.known: "perhaps" is neither true nor false`}},
		{match("{class: x}"), []string{"1:36: classes[0].match.class: there is no class x (did you mean w?)"}},
		{match("{not: {class: w}}"), []string{"1:42: classes[0].match.not.class: classes go round in a circle: w, w (line 2)"}},
		{"{name: a, match: {class: b}}, {name: b, match: {any: [{known: true}, {class: a}]}}",
			[]string{"1:88: classes[1].match.any[1].class: classes go round in a circle: a, b, a (line 2)"}},
	} {
		checkProblems(t, fits("interfaces: [eth1]\nclasses: ["+tt.fragment+"]"), nextLine(tt.want))
	}
}

// nextLine moves places one line down: the fragments above follow another line.
func nextLine(want []string) []string {
	out := make([]string, len(want))
	for i, w := range want {
		out[i] = "2" + strings.TrimPrefix(w, "1")
	}
	return out
}

func TestNetworkProblems(t *testing.T) {
	for _, tt := range []bad{
		{"shared-networks: [{name: a}]", []string{"1:19: shared-networks[0].subnets: is missing: at least one subnet is wanted"}},
		{"shared-networks: [{subnets: [{subnet: 10.0.0.0/8, pools: [10.0.0.1]}]}]", []string{"1:19: shared-networks[0].name: is missing: what is the network called?"}},
		{"shared-networks: [{name: a, subnets: [{subnet: 10.0.0.0/8, pools: [10.0.0.1]}]}, {name: a, subnets: [{subnet: 10.1.0.0/16, id: 4, pools: [10.1.0.1]}]}]", []string{
			"1:89: shared-networks[1].name: there is a shared network a already, in line 1",
			"1:111: shared-networks[1].subnets[0].subnet: 10.1.0.0/16 overlaps 10.0.0.0/8 (shared-networks[0].subnets[0].subnet) in line 1",
		}},
		{"shared-networks: [{name: a, interfce: x, subnets: []}]", []string{
			"1:29: shared-networks[0].interfce: unknown key",
			"1:51: shared-networks[0].subnets: is empty: at least one subnet is wanted",
		}},
		{"filters: {deny: {mac: x}, allow: [], drop: 1}", []string{
			`1:23: filters.deny.mac: "x" is not a MAC address such as 02:00:00:00:00:01`,
			"1:34: filters.allow: is empty",
			"1:38: filters.drop: unknown key (did you mean deny?)",
		}},
	} {
		checkProblems(t, fits(tt.fragment), tt.want)
	}
}

// All at once, in the order of the file, with the line they are on.
func TestAllProblemsAtOnce(t *testing.T) {
	text := `interfaces: [eth1, eth1]
offer-hld: 1m
lease: {valid: 1h, renew: 2h}
subnets:
  - subnet: 10.0.0.0/8
    pools: [11.0.0.1-11.0.0.9]
    options:
	bad
`
	checkProblems(t, text, []string{"8:1: not YAML: found character '\t' that cannot start any token"})
	text = strings.Replace(text, "\tbad", "      routers: [münchen]", 1)
	checkProblems(t, text, []string{
		"1:20: interfaces[1]: eth1 is listed already, in line 1",
		"2:1: offer-hld: unknown key (did you mean offer-hold?)",
		"3:27: lease.renew: 2h is after the lease's end, 1h",
		"6:13: subnets[0].pools[0]: 11.0.0.1-11.0.0.9 is not inside 10.0.0.0/8",
		`8:17: subnets[0].options.routers[0]: "münchen" is not an IPv4 address`,
	})
	_, problems := Parse("f", []byte(text))
	last := problems[len(problems)-1]
	if want := "      routers: [münchen]\n                ^"; last.Excerpt != want {
		t.Errorf("excerpt\n%s\nwant\n%s", last.Excerpt, want)
	}
}
