// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// contender is a server and the way to run it.
type contender struct {
	name    string
	family  int    // 4 or 6
	durable string // what is on disk when the ACK leaves
	// ours marks this project's server, peer a real server that it is compared
	// with; neither is the generator's own stub.
	ours, peer bool
	// synced servers have synced a lease when they acknowledge it.
	synced bool
	// from is the rate at which a search begins, in exchanges a second: a guess, which
	// saves steps. A search goes on from there upwards or downwards.
	from    float64
	pool    netip.Prefix
	pkg     string   // Debian's; "": it is our own
	version []string // command; nil: the package's version
	// prepare writes the configuration and returns the command.
	prepare func(r *run, w *wire, c *contender) (argv []string, env []string, err error)
	// adopt puts leases into its state directory: those of a file in the format
	// of Kea's memfile. nil: it cannot.
	adopt func(r *run, w *wire, csv string) error
}

// The order is that of the report: the peers first, since others are measured at
// the rates that they reach.
var contenders = []*contender{
	{name: "kea", family: 4, durable: "written, not synced", peer: true, from: 4000, pool: pool,
		pkg: "kea-dhcp4-server", version: []string{"kea-dhcp4", "-v"}, prepare: kea4, adopt: keaAdopt},
	{name: "isc-dhcpd", family: 4, durable: "synced one by one", peer: true, synced: true, from: 100, pool: smallPool,
		pkg: "isc-dhcp-server", version: []string{"dhcpd", "--version"}, prepare: dhcpd4},
	{name: "dnsmasq", family: 4, durable: "synced, the whole file each time", peer: true, synced: true, from: 50, pool: smallPool,
		pkg: "dnsmasq-base", version: []string{"dnsmasq", "--version"}, prepare: dnsmasq4},
	{name: "coredhcp", family: 4, durable: "synced one by one", peer: true, synced: true, from: 100, pool: smallPool,
		pkg: "coredhcp-server", prepare: coredhcp4},
	{name: "stub", family: 4, durable: "no state at all", from: 40000, pool: pool, prepare: stub4},
	{name: "xdhcpd sync", family: 4, durable: "synced in groups", ours: true, synced: true, from: 20000, pool: pool,
		prepare: ours4("durability: sync", "native"), adopt: oursAdopt},
	{name: "xdhcpd async", family: 4, durable: "synced after the ACK", ours: true, from: 20000, pool: pool,
		prepare: ours4("durability: async", "native")},
	{name: "xdhcpd sync, xdp off", family: 4, durable: "synced in groups", ours: true, synced: true, from: 5000, pool: pool,
		prepare: ours4("durability: sync", "off")},

	{name: "kea6", family: 6, durable: "written, not synced", peer: true, from: 4000, pool: pool,
		pkg: "kea-dhcp6-server", version: []string{"kea-dhcp6", "-v"}, prepare: kea6},
	{name: "stub6", family: 6, durable: "no state at all", from: 40000, pool: pool, prepare: stub6},
	{name: "xdhcpd6 sync", family: 6, durable: "synced in groups", ours: true, synced: true, from: 20000, pool: pool,
		prepare: ours6},
}

// write puts a file into the contender's directory.
func (w *wire) write(name, text string) (string, error) {
	path := filepath.Join(w.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// rangeOf is the pool as a first and a last address.
func rangeOf(p netip.Prefix) (first, last netip.Addr) {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return p.Addr().Next(), netip.AddrFrom4(b).Prev()
}

// ours4 is this project's server.
func ours4(durability, xdp string) func(*run, *wire, *contender) ([]string, []string, error) {
	return func(r *run, w *wire, c *contender) ([]string, []string, error) {
		first, last := rangeOf(c.pool)
		path, err := w.write("xdhcp.yaml", fmt.Sprintf(`interfaces: [{name: srv0, xdp: %s}]
%s
subnets:
  - subnet: 10.0.0.0/8
    pools: [%v-%v]
    lease: {valid: 1h}
    options: {routers: [%v], domain-name-servers: [%[5]v], domain-name: bench.example}
`, xdp, durability, first, last, serverAddr))
		return []string{filepath.Join(r.bin, "xdhcpd"), "serve", "-c", path, "--state", filepath.Join(w.dir, "state")}, nil, err
	}
}

func oursAdopt(r *run, w *wire, csv string) error {
	out, err := exec.Command(filepath.Join(r.bin, "xdhcpd"), "leases", "import",
		"-c", filepath.Join(w.dir, "xdhcp.yaml"), "--state", filepath.Join(w.dir, "state"), csv).CombinedOutput()
	if err != nil {
		return fmt.Errorf("import: %w: %s", err, out)
	}
	return nil
}

// stub4 answers without any state: the generator's own limit.
func stub4(r *run, w *wire, c *contender) ([]string, []string, error) {
	return []string{filepath.Join(r.bin, "xdhcpbench"), "stub", "-i", "srv0",
		"--server-id", serverAddr.String(), "--first", c.pool.Addr().String()}, nil, nil
}

// kea4 is Kea with its memfile, threads as it chooses them, and no log of packets.
func kea4(_ *run, w *wire, c *contender) ([]string, []string, error) {
	first, last := rangeOf(c.pool)
	path, err := w.write("kea.json", fmt.Sprintf(`{"Dhcp4": {
  "interfaces-config": {"interfaces": ["srv0"]},
  "multi-threading": {"enable-multi-threading": true},
  "lease-database": {"type": "memfile", "persist": true, "name": %q, "lfc-interval": 0},
  "valid-lifetime": 3600,
  "option-data": [{"name": "routers", "data": "%v"}, {"name": "domain-name-servers", "data": "%[4]v"},
                  {"name": "domain-name", "data": "bench.example"}],
  "subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "pools": [{"pool": "%[2]v - %[3]v"}]}],
  "loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stderr"}]}]
}}
`, filepath.Join(w.dir, "leases.csv"), first, last, serverAddr))
	return []string{"kea-dhcp4", "-c", path}, []string{"KEA_PIDFILE_DIR=" + w.dir, "KEA_LOCKFILE_DIR=" + w.dir}, err
}

func keaAdopt(_ *run, w *wire, csv string) error {
	b, err := os.ReadFile(csv)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir, "leases.csv"), b, 0o644)
}

// kea6 is the same for DHCPv6.
func kea6(_ *run, w *wire, _ *contender) ([]string, []string, error) {
	path, err := w.write("kea6.json", fmt.Sprintf(`{"Dhcp6": {
  "interfaces-config": {"interfaces": ["srv0/%v"]},
  "multi-threading": {"enable-multi-threading": true},
  "lease-database": {"type": "memfile", "persist": true, "name": %q, "lfc-interval": 0},
  "preferred-lifetime": 3000, "valid-lifetime": 3600,
  "server-id": {"type": "EN", "enterprise-id": 9, "identifier": "0001", "persist": false},
  "option-data": [{"name": "dns-servers", "data": "%[1]v"}, {"name": "domain-search", "data": "bench.example"}],
  "subnet6": [{"id": 1, "subnet": "2001:db8::/64", "pools": [{"pool": "%[3]v"}],
    "pd-pools": [{"prefix": "%[4]v", "prefix-len": %[5]d, "delegated-len": %[6]d}]}],
  "loggers": [{"name": "kea-dhcp6", "severity": "ERROR", "output_options": [{"output": "stderr"}]}]
}}
`, serverAddr6, filepath.Join(w.dir, "leases6.csv"), pool6, delegated.Addr(), delegated.Bits(), delegatedLen))
	return []string{"kea-dhcp6", "-c", path}, []string{"KEA_PIDFILE_DIR=" + w.dir, "KEA_LOCKFILE_DIR=" + w.dir}, err
}

// ours6 is this project's server for DHCPv6.
func ours6(r *run, w *wire, _ *contender) ([]string, []string, error) {
	path, err := w.write("xdhcp.yaml", fmt.Sprintf(`interfaces: [{name: srv0, xdp: native}]
subnets:
  - subnet: 2001:db8::/64
    pools: ["%v"]
    delegate: [{prefix: "%v", length: %d}]
    lease: {preferred: 50m, valid: 1h}
    options: {dns-servers: ["%v"], domain-search: [bench.example]}
`, pool6, delegated, delegatedLen, serverAddr6))
	return []string{filepath.Join(r.bin, "xdhcpd"), "serve", "-c", path, "--state", filepath.Join(w.dir, "state")}, nil, err
}

// stub6 gives addresses and prefixes of the pools.
func stub6(r *run, _ *wire, _ *contender) ([]string, []string, error) {
	return []string{filepath.Join(r.bin, "xdhcpbench"), "stub", "-i", "srv0",
		"--first6", pool6.Addr().String(), "--delegated", delegated.Addr().String()}, nil, nil
}

// dhcpd4 is ISC's server. It syncs its lease file before each ACK.
func dhcpd4(_ *run, w *wire, c *contender) ([]string, []string, error) {
	first, last := rangeOf(c.pool)
	path, err := w.write("dhcpd.conf", fmt.Sprintf(`authoritative;
ping-check false;
default-lease-time 3600;
subnet 10.0.0.0 netmask 255.0.0.0 {
  range %v %v;
  option routers %v;
  option domain-name-servers %[3]v;
  option domain-name "bench.example";
}
`, first, last, serverAddr))
	if err == nil {
		_, err = w.write("dhcpd.leases", "")
	}
	return []string{"dhcpd", "-4", "-f", "-q", "-cf", path, "-lf", filepath.Join(w.dir, "dhcpd.leases"),
		"-pf", filepath.Join(w.dir, "dhcpd.pid"), "srv0"}, nil, err
}

// dnsmasq4 is dnsmasq without its DNS. It writes and syncs its whole lease file anew
// with each change.
func dnsmasq4(_ *run, w *wire, c *contender) ([]string, []string, error) {
	first, last := rangeOf(c.pool)
	return []string{"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=srv0", "--bind-interfaces",
		"--no-ping", "--dhcp-authoritative", "--quiet-dhcp", "--user=root", "--dhcp-lease-max=1000000",
		fmt.Sprintf("--dhcp-range=%v,%v,255.0.0.0,1h", first, last), fmt.Sprintf("--dhcp-option=3,%v", serverAddr),
		fmt.Sprintf("--dhcp-option=6,%v", serverAddr), "--domain=bench.example",
		"--dhcp-leasefile=" + filepath.Join(w.dir, "dnsmasq.leases"), "--pid-file=" + filepath.Join(w.dir, "dnsmasq.pid")}, nil, nil
}

// coredhcp4 is coredhcp with its range plugin, which syncs each lease.
func coredhcp4(_ *run, w *wire, c *contender) ([]string, []string, error) {
	first, last := rangeOf(c.pool)
	path, err := w.write("coredhcp.yml", fmt.Sprintf(`server4:
  listen: ["%%srv0"]
  plugins:
    - lease_time: 3600s
    - server_id: %v
    - dns: %[1]v
    - router: %[1]v
    - netmask: 255.0.0.0
    - range: %s %v %v 3600s
`, serverAddr, filepath.Join(w.dir, "coredhcp.leases"), first, last))
	return []string{"coredhcp", "-c", path, "-L", "error"}, nil, err
}

// release is the contender's version, one line.
func (c *contender) release(r *run) string {
	argv := c.version
	if c.ours || !c.peer {
		argv = []string{filepath.Join(r.bin, "xdhcpd"), "version"}
	}
	if len(argv) == 0 {
		out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", c.pkg).Output()
		if err != nil {
			return "unknown"
		}
		return string(out)
	}
	program, err := find(argv[0])
	if err != nil {
		return "not installed"
	}
	out, err := exec.Command(program, argv[1:]...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil && line == "" {
		return "unknown"
	}
	return line
}
