// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"xdhcp/engine/control"
)

// importRows makes a state directory of rows of Kea's lease file; one that is there
// goes on.
func importRows(t *testing.T, state, rows string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kea-leases4.csv")
	if err := os.WriteFile(file, []byte(keaHeader+rows), 0o644); err != nil {
		t.Fatal(err)
	}
	wide := strings.Replace(small, "10.0.0.0/24", "10.0.0.0/16", 1)
	if code, _, stderr := xdhcpd(t, "leases", "import", "-c", writeFile(t, wide), "--state", state, file); code != 0 {
		t.Fatalf("import: status %d\n%s", code, stderr)
	}
}

// The filters of a listing, and that all its formats say the same.
func TestLeasesFiltersAndFormats(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	end := time.Now().Add(time.Hour).Truncate(time.Second)
	importRows(t, state, fmt.Sprintf(
		"10.0.0.11,02:00:00:00:00:11,,3600,%[1]d,1,0,0,\"a&#x2cb\",0,,0\n"+
			"10.0.1.12,02:00:00:00:00:12,01:02:03,3600,%[1]d,1,0,0,c,0,,0\n"+
			"10.0.1.13,,,3600,%[1]d,1,0,0,,1,,0\n", end.Unix()))
	for _, tt := range []struct {
		flags []string
		want  []string
	}{
		{nil, []string{"10.0.0.11", "10.0.1.12", "10.0.1.13"}},
		{[]string{"--subnet", "10.0.1.0/24"}, []string{"10.0.1.12", "10.0.1.13"}},
		{[]string{"--subnet", "10.7.0.0/16"}, nil},
		{[]string{"--status", "bound"}, []string{"10.0.0.11", "10.0.1.12"}},
		{[]string{"--status", "declined"}, []string{"10.0.1.13"}},
		{[]string{"--status", "expired"}, nil},
		{[]string{"--mac", "02-00-00-00-00-11"}, []string{"10.0.0.11"}},
		{[]string{"--client-id", "0x010203"}, []string{"10.0.1.12"}},
		{[]string{"--client-id", "01:02:03", "--subnet", "10.0.0.0/24"}, nil},
		{[]string{"--circuit", "none"}, nil},
	} {
		args := append([]string{"leases", "--state", state}, tt.flags...)
		code, out, stderr := xdhcpd(t, append(args, "--csv")...)
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if code != 0 || err != nil || len(rows) == 0 {
			t.Fatalf("%v: status %d, %v, %q", tt.flags, code, err, stderr)
		}
		var got []string
		for _, r := range rows[1:] {
			got = append(got, r[0])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v: %v, want %v", tt.flags, got, tt.want)
		}
		_, out, _ = xdhcpd(t, append(args, "--json")...)
		got = nil
		for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
			var l control.Lease
			if err := dec.Decode(&l); err != nil {
				t.Fatal(err)
			}
			got = append(got, l.Address)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v as JSON: %v, want %v", tt.flags, got, tt.want)
		}
		_, out, _ = xdhcpd(t, args...)
		if n := strings.Count(out, "\n") - 1; n != len(tt.want) {
			t.Errorf("%v as a table: %d rows, want %d", tt.flags, n, len(tt.want))
		}
	}
	_, out, _ := xdhcpd(t, "leases", "--state", state, "--csv", "--mac", "02:00:00:00:00:11")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][1] != "bound" || rows[1][2] != "02:00:00:00:00:11" || rows[1][4] != "a,b" {
		t.Fatalf("%v, %v", rows, err)
	}
	if got, err := time.Parse(time.RFC3339, rows[1][6]); err != nil || !got.Equal(end) {
		t.Errorf("expires %s, want %v", rows[1][6], end)
	}
	if code, _, stderr := xdhcpd(t, "leases", "--state", state, "--status", "bond"); code == 0 || !strings.Contains(stderr, "bound, offered") {
		t.Errorf("a wrong state: status %d, %q", code, stderr)
	}
}

// Damage in the middle of the log: nothing starts on it, every command names the place,
// and a repair keeps what checks.
func TestStateVerifyAndRepair(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	end := time.Now().Add(time.Hour).Unix()
	row := func(i int) string {
		return fmt.Sprintf("10.0.0.%d,02:00:00:00:00:%02x,,3600,%d,1,0,0,,0,,0\n", i, i, end)
	}
	importRows(t, state, row(11))
	importRows(t, state, row(11)+row(12))
	if code, out, stderr := xdhcpd(t, "state", "verify", "--state", state); code != 0 || !strings.HasSuffix(out, "ok\n") {
		t.Fatalf("a good one: status %d, %q, %q", code, out, stderr)
	}
	if code, out, _ := xdhcpd(t, "state", "repair", "--state", state); code != 0 || !strings.Contains(out, "nothing was changed") {
		t.Fatalf("repair of a good one: status %d, %q", code, out)
	}

	// The second group is what the first import wrote; others follow it.
	name := filepath.Join(state, "log", "000000000001.log")
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte{0}
	const place = 2*4096 + 50
	if _, err := f.ReadAt(b, place); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, place); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	const where = "000000000001.log"
	code, out, stderr := xdhcpd(t, "state", "verify", "--state", state)
	if code != 1 || !strings.Contains(out, where+" at byte 8192") || !strings.Contains(stderr, "state repair") {
		t.Errorf("verify: status %d, %q, %q", code, out, stderr)
	}
	code, _, stderr = xdhcpd(t, "leases", "--state", state)
	if code == 0 || !strings.Contains(stderr, where) || !strings.Contains(stderr, "8192") {
		t.Errorf("leases: status %d, %q", code, stderr)
	}
	file := filepath.Join(t.TempDir(), "kea-leases4.csv")
	if err := os.WriteFile(file, []byte(keaHeader+row(13)), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := writeFile(t, small)
	if code, _, stderr = xdhcpd(t, "leases", "import", "-c", conf, "--state", state, file); code == 0 || !strings.Contains(stderr, "8192") {
		t.Errorf("a start: status %d, %q", code, stderr)
	}

	code, out, stderr = xdhcpd(t, "state", "repair", "--state", state)
	if code != 0 || !strings.Contains(out, "damage: ") || !strings.Contains(out, "held back until") {
		t.Fatalf("repair: status %d, %q, %q", code, out, stderr)
	}
	if code, out, stderr = xdhcpd(t, "state", "verify", "--state", state); code != 0 {
		t.Errorf("verify after the repair: status %d, %q, %q", code, out, stderr)
	}
	if code, out, _ = xdhcpd(t, "leases", "--csv", "--mac", "02:00:00:00:00:0c", "--state", state); code != 0 || !strings.Contains(out, "10.0.0.12,bound") {
		t.Errorf("the lease that was not damaged: status %d, %q", code, out)
	}
	if code, _, stderr = xdhcpd(t, "leases", "import", "-c", conf, "--state", state, file); code != 0 {
		t.Errorf("a start after the repair: status %d, %q", code, stderr)
	}
}
