// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"xdhcp/engine/control"
)

const (
	// As Kea 2.2 writes it.
	keaHeader6 = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,hwtype,hwaddr_source\n"

	small6 = `interfaces: [eth1]
subnets:
  - subnet: 2001:db8:1::/64
    pools: [2001:db8:1::/80]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
    reservations: [{duid: 00030001aa, prefixes: ["2001:db8:5000::/48"]}]
  - {subnet: 10.0.0.0/24, pools: [10.0.0.10]}
`
)

// Nobody loses an address or a prefix when a server takes over from Kea.
func TestImportTakesOverKeasLeases6(t *testing.T) {
	end := time.Now().Add(time.Hour).Unix()
	row := func(addr, duid, typ, iaid, bits, state, host string) string {
		return fmt.Sprintf("%s,%s,3600,%d,1,1800,%s,%s,%s,0,0,%s,02:00:00:00:00:11,%s,,1,0\n", addr, duid, end, typ, iaid, bits, host, state)
	}
	file := filepath.Join(t.TempDir(), "kea-leases6.csv")
	rows := keaHeader6 +
		row("2001:db8:1::11", "00:03:00:01:01", "0", "7", "128", "0", "old") +
		row("2001:db8:1::11", "00:03:00:01:01", "0", "7", "128", "0", "a&#x2cb") + // the later row counts
		row("2001:db8:1000:100::", "00:03:00:01:01", "2", "8", "56", "0", "") +
		row("2001:db8:5000::", "00:03:00:01:aa", "2", "1", "48", "0", "") + // reserved
		row("2001:db8:1::12", "00:03:00:01:02", "1", "1", "128", "0", "") + // temporary
		row("2001:db8:1::13", "00", "0", "0", "128", "1", "") + // declined
		row("2001:db8:1::14", "00:03:00:01:04", "0", "1", "128", "2", "") + // reclaimed
		row("2001:db8:1000::", "00:03:00:01:05", "2", "1", "60", "0", "") + // another length
		row("2001:db8:9::1", "00:03:00:01:06", "0", "1", "128", "0", "") // no subnet
	if err := os.WriteFile(file, []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	conf := writeFile(t, small6)
	code, out, stderr := xdhcpd(t, "leases", "import", "-c", conf, "--state", state, file)
	if code != 0 || out != "5 leases imported of 8 in the file\n" {
		t.Fatalf("status %d, %q\n%s", code, out, stderr)
	}
	for _, want := range []string{"its state is 2", "2 leases not imported: no pool or block of " + conf} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is missing in\n%s", want, stderr)
		}
	}
	_, out, _ = xdhcpd(t, "leases", "--json", "--state", state)
	got := map[string]control.Lease{}
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var l control.Lease
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got[l.Address] = l
	}
	na := got["2001:db8:1::11"]
	if na.State != "bound" || na.Type != "na" || na.DUID != "0003000101" || na.IAID != 7 || na.MAC != "02:00:00:00:00:11" || na.Host != "a,b" ||
		na.Expires.Unix() != end || na.Preferred.Unix() != end-1800 {
		t.Errorf("%+v", na)
	}
	if pd := got["2001:db8:1000:100::/56"]; pd.State != "bound" || pd.Type != "pd" || pd.IAID != 8 {
		t.Errorf("%+v", pd)
	}
	if got["2001:db8:5000::/48"].Type != "pd" || got["2001:db8:1::12"].Type != "ta" || got["2001:db8:1::13"].State != "declined" || len(got) != 5 {
		t.Errorf("%+v", got)
	}
	// Filters and formats.
	for args, want := range map[string]int{
		"--type pd": 2, "--duid 00:03:00:01:01": 2, "--subnet 2001:db8:1::/64": 3, "--subnet 2001:db8:1000::/36": 1, "--type v4": 0, "--subnet 10.0.0.0/8": 0,
	} {
		_, out, _ := xdhcpd(t, append([]string{"leases", "--csv", "--state", state}, strings.Fields(args)...)...)
		if n := strings.Count(out, "\n") - 1; n != want {
			t.Errorf("leases %s: %d, want %d\n%s", args, n, want, out)
		}
	}
	if _, out, _ := xdhcpd(t, "leases", "--state", state, "--type", "pd"); !strings.HasPrefix(out, "ADDRESS OR PREFIX") || !strings.Contains(out, "2001:db8:1000:100::/56  bound  pd    8     0003000101") {
		t.Error(out)
	}
	// Once more: nothing is newer.
	if code, out, _ := xdhcpd(t, "leases", "import", "-c", conf, "--state", state, file); code != 0 || !strings.HasPrefix(out, "0 leases imported") {
		t.Errorf("again: %d, %q", code, out)
	}
	if code, _, stderr := xdhcpd(t, "leases", "import", "-c", conf, "--state", state, writeFile(t, "address,duid,x\n")); code != 1 || !strings.Contains(stderr, "not a lease file of Kea's DHCPv6 server") {
		t.Errorf("%d, %q", code, stderr)
	}
}
