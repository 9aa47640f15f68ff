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

const keaHeader = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n"

// Nobody loses a lease when a server takes over from Kea.
func TestImportTakesOverKeasLeases(t *testing.T) {
	end := time.Now().Add(time.Hour).Unix()
	file := filepath.Join(t.TempDir(), "kea-leases4.csv")
	rows := keaHeader +
		fmt.Sprintf("10.0.0.11,02:00:00:00:00:11,,3600,%d,1,0,0,old,0,,0\n", end-600) +
		fmt.Sprintf("10.0.0.11,02:00:00:00:00:11,,3600,%d,1,0,0,a&#x2cb,0,,0\n", end) + // the later row counts
		fmt.Sprintf("10.0.0.12,02:00:00:00:00:12,01:02:03,3600,%d,1,0,0,,0,,0\n", end) +
		fmt.Sprintf("10.0.0.13,,,3600,%d,1,0,0,,1,,0\n", end) + // declined
		"10.0.0.14,02:00:00:00:00:14,,4294967295,1700000000,1,0,0,,0,,0\n" + // for ever
		"10.0.0.15,02:00:00:00:00:15,,3600,1700000000,1,0,0,,0,,0\n" + // over
		fmt.Sprintf("10.0.0.16,02:00:00:00:00:16,,3600,%d,1,0,0,,2,,0\n", end) + // reclaimed
		fmt.Sprintf("10.9.0.1,02:00:00:00:00:17,,3600,%d,1,0,0,,0,,0\n", end) // no subnet
	if err := os.WriteFile(file, []byte(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	conf := writeFile(t, small)
	code, out, stderr := xdhcpd(t, "leases", "import", "-c", conf, "--state", state, file)
	if code != 0 || out != "4 leases imported of 7 in the file\n" {
		t.Fatalf("status %d, %q\n%s", code, out, stderr)
	}
	for _, want := range []string{"it has ended (first " + file + ":7: 10.0.0.15)", "its state is 2", "no subnet of " + conf} {
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
	if len(got) != 4 {
		t.Errorf("%d leases are listed, want 4: %v", len(got), got)
	}
	if l := got["10.0.0.11"]; l.State != "bound" || l.MAC != "02:00:00:00:00:11" || l.Host != "a,b" || l.Expires.Unix() != end {
		t.Errorf("10.0.0.11 = %+v", l)
	}
	if l := got["10.0.0.12"]; l.ClientID != "010203" {
		t.Errorf("10.0.0.12 = %+v", l)
	}
	if l := got["10.0.0.13"]; l.State != "declined" {
		t.Errorf("10.0.0.13 = %+v", l)
	}
	if l := got["10.0.0.14"]; l.State != "bound" || !l.Expires.IsZero() {
		t.Errorf("10.0.0.14 = %+v", l)
	}

	// A second time, everything is known already.
	code, out, stderr = xdhcpd(t, "leases", "import", "-c", conf, "--state", state, file)
	if code != 0 || !strings.HasPrefix(out, "0 leases imported") || !strings.Contains(stderr, "newer record") {
		t.Errorf("again: status %d, %q\n%s", code, out, stderr)
	}
}

func TestImportRefusesOtherFiles(t *testing.T) {
	conf := writeFile(t, small)
	for text, want := range map[string]string{
		"":                                  "header",
		"a,b\n":                             `no column "address"`,
		keaHeader + "10.0.0.1,zz\n":         "line 2: 2 columns",
		keaHeader + "x,zz,,1,1,1,0,0,,0,,0": "line 2:",
		keaHeader + "::1,,,1,1,1,0,0,,0,,0": "not an IPv4 address",
	} {
		file := filepath.Join(t.TempDir(), "leases.csv")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		state := filepath.Join(t.TempDir(), "state")
		code, _, stderr := xdhcpd(t, "leases", "import", "-c", conf, "--state", state, file)
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%q: status %d, %q, want %q", text, code, stderr, want)
		}
		if _, err := os.Stat(state); !os.IsNotExist(err) {
			t.Errorf("%q: the state directory was touched: %v", text, err)
		}
	}
}
