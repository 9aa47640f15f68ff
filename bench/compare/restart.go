// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// restart has the contender start twice: on nothing, and on leases. The difference
// in memory is the leases'.
func restart(r *run, t *trial) error {
	if err := t.start(r); err != nil {
		return err
	}
	empty, err := t.p.resident()
	if err != nil {
		return err
	}
	t.stop()
	csv := filepath.Join(t.w.dir, "kea-leases4.csv")
	if err := writeLeases(csv, r.leases, t.c.pool); err != nil {
		return err
	}
	// Of the state on nothing only the configuration stays.
	if err := os.RemoveAll(filepath.Join(t.w.dir, "state")); err != nil {
		return err
	}
	if err := t.c.adopt(r, t.w, csv); err != nil {
		return err
	}
	cmd, err := t.prepare(r)
	if err != nil {
		return err
	}
	began := time.Now()
	if t.p, err = t.w.start(cmd.args, cmd.env...); err != nil {
		return err
	}
	took, err := t.p.answers(r.ctx, t.w, began, t.c.family)
	if err != nil {
		return err
	}
	full, err := t.p.resident()
	if err != nil {
		return err
	}
	t.restarted, t.perLease = took, float64(full-empty)/float64(r.leases)
	t.note = fmt.Sprintf("%d leases: first ACK after %.2f s; %.0f bytes resident a lease", r.leases, took.Seconds(), t.perLease)
	return nil
}

// writeLeases writes a lease file in the format of Kea's memfile: leases of an
// hour, renewed now, from the pool's first address on.
func writeLeases(name string, n int, pool netip.Prefix) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context")
	expire := time.Now().Add(time.Hour).Unix()
	addr, _ := rangeOf(pool)
	for i := range n {
		fmt.Fprintf(w, "%v,02:0e:%02x:%02x:%02x:%02x,01:02:0e:%02[2]x:%02[3]x:%02[4]x:%02[5]x,3600,%d,1,0,0,host-%d,0,\n",
			addr, byte(i>>24), byte(i>>16), byte(i>>8), byte(i), expire, i)
		addr = addr.Next()
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
