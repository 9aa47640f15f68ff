// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// A process that dies by kill -9 in the middle of its work has lost nothing that
// it was told is durable. The child tells its progress on a pipe.
func TestKill(t *testing.T) {
	if dir := os.Getenv("JOURNAL_TEST_CHILD"); dir != "" {
		killedChild(t, dir)
		return
	}
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	told, told6 := map[lease.IP4]uint32{}, map[uint64]uint32{}
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$", "-test.v")
		cmd.Env = append(os.Environ(), "JOURNAL_TEST_CHILD="+dir, fmt.Sprintf("JOURNAL_TEST_ROUND=%d", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			var a lease.IP4
			var p uint64
			var v uint32
			if k, _ := fmt.Sscanf(lines.Text(), "durable6 %d %d", &p, &v); k == 2 {
				told6[p] = max(told6[p], v)
			}
			if k, _ := fmt.Sscanf(lines.Text(), "durable %d %d", &a, &v); k != 2 {
				continue
			}
			told[a] = max(told[a], v)
			if n++; n == 200+37*round {
				cmd.Process.Kill() // what is still in the pipe was told as well
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatalf("the child ended by itself: %s", stderr.String())
		}
		got := newModel()
		j, r, err := openModel(dir, got, Options{SegmentSize: 256 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for a, v := range told {
			if got.m[a].Version < v {
				t.Errorf("round %d: %v has version %d, version %d was durable (%+v)", round, a, got.m[a].Version, v, r)
			}
		}
		for p, v := range told6 {
			if g := got.six.m[prefix6(p)]; g.Version < v {
				t.Errorf("round %d: %v has version %d, version %d was durable (%+v)", round, prefix6(p), g.Version, v, r)
			}
		}
		j.Close()
	}
	if len(told) < 50 || len(told6) < 20 {
		t.Errorf("only %d addresses and %d prefixes: nothing is proven", len(told), len(told6))
	}
}

func killedChild(t *testing.T, dir string) {
	table := newModel()
	j, _, _ := onDisk(t, dir, table, Options{SnapshotEvery: 1 << 20})
	woken := notified(j, 0)
	b := lease.NewBatch(0)
	var round uint32
	fmt.Sscan(os.Getenv("JOURNAL_TEST_ROUND"), &round)
	for i := uint32(1); ; i++ {
		var lines strings.Builder
		for k := range uint32(8) {
			a, v := lease.IP4((i*8+k)%997), table.m[lease.IP4((i*8+k)%997)].Version+1
			c := grant(a, v)
			table.mu.Lock()
			table.change(own(*c))
			table.mu.Unlock()
			b.Add(c)
			fmt.Fprintf(&lines, "durable %d %d\n", a, v)
		}
		for k := range uint64(3) {
			n := (uint64(i)*3 + k) % 400
			c := lease6.Change{Op: lease6.OpGrant, Full: true, Prefix: prefix6(n), IA: lease6.IA{Type: lease6.PD}, At: epoch0,
				Start: epoch0, Expires: epoch0 + 3600, Client: lease6.Client{DUID: []byte{0, 3, byte(n)}}}
			table.six.mu.Lock()
			c.Version = table.six.m[c.Prefix].Version + 1
			table.six.change(c)
			table.six.mu.Unlock()
			rec := c.AppendTo(nil)
			copy(b.Extend(len(rec)), rec)
			fmt.Fprintf(&lines, "durable6 %d %d\n", n, c.Version)
		}
		ticket := b.Ticket()
		j.Append(b)
		b.Reset()
		await(t, j, 0, ticket, woken)
		os.Stdout.WriteString(lines.String())
	}
}

// prefix6 is a delegated prefix by its number.
func prefix6(n uint64) lease6.Prefix {
	return lease6.Prefix{IP6: lease6.IP6{Hi: 0x20010db8<<32 | n<<8}, Len: 56}
}
