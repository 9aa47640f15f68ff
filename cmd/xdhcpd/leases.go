// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"text/tabwriter"
	"time"

	"xdhcp/engine/control"
	"xdhcp/engine/journal"
	"xdhcp/engine/lease"
)

type leasesCmd struct {
	List   leasesListCmd   `cmd:"" default:"withargs" help:"List the leases, whether or not a server runs."`
	Import leasesImportCmd `cmd:"" help:"Take over the leases of Kea's lease file, kea-leases4.csv, while no server runs."`
}

type leasesListCmd struct {
	stateDir
	JSON bool `help:"One JSON object per line." xor:"format"`
	CSV  bool `help:"Comma-separated values with a header." xor:"format"`

	Subnet netip.Prefix `help:"Only addresses in this subnet." placeholder:"PREFIX"`
	Status []string     `help:"Only leases in these states: bound, offered, declined, released, expired, or all. Default: the first three." placeholder:"STATE"`
	clientFlags
}

// held are the states of addresses that nobody else can get now.
var held = []string{"bound", "offered", "declined"}

// Run lists the leases by address.
func (c *leasesListCmd) Run(e *env) error {
	keep, err := c.filter()
	if err != nil {
		return err
	}
	var leases []control.Lease
	if err := allLeases(e, c.State, func(l control.Lease) bool {
		if keep(&l) {
			leases = append(leases, l)
		}
		return true
	}); err != nil {
		return err
	}
	slices.SortFunc(leases, func(a, b control.Lease) int { return addr(a).Compare(addr(b)) })
	switch {
	case c.JSON:
		enc := json.NewEncoder(e.stdout)
		for _, l := range leases {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		return nil
	case c.CSV:
		return csvLeases(e.stdout, leases)
	}
	return tableLeases(e.stdout, leases)
}

// allLeases asks the running server, or reads what the last one has left.
func allLeases(e *env, state string, yield func(control.Lease) bool) error {
	err := control.FetchLeases(e.ctx, state, yield)
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	var table *lease.Table
	if _, err := journal.Read(state, func() (journal.Table, error) {
		var err error
		table, err = lease.New(lease.Options{})
		return table, err
	}); err != nil {
		return err
	}
	now := lease.Time(time.Now().Unix())
	table.Each(func(entry *lease.Entry) bool {
		l := control.LeaseOf(entry)
		if entry.Status == lease.Bound && entry.Expires <= now {
			l.State = lease.Expired.String() // as the next start will find
		}
		return yield(l)
	})
	return nil
}

// filter is the predicate that the flags describe.
func (c *leasesListCmd) filter() (func(*control.Lease) bool, error) {
	states := c.Status
	if len(states) == 0 {
		states = held
	}
	for _, s := range states {
		if !slices.Contains(append(held, "released", "expired", "all"), s) {
			return nil, fmt.Errorf("--status %s: want one of bound, offered, declined, released, expired, all", s)
		}
	}
	is, err := c.parse()
	if err != nil {
		return nil, err
	}
	mac := net.HardwareAddr(is.mac).String()
	id, circuit, remote := hex.EncodeToString(is.clientID), hex.EncodeToString(is.circuit), hex.EncodeToString(is.remote)
	return func(l *control.Lease) bool {
		return (slices.Contains(states, "all") || slices.Contains(states, l.State)) &&
			(!c.Subnet.IsValid() || c.Subnet.Contains(addr(*l))) &&
			(mac == "" || l.MAC == mac) && (id == "" || l.ClientID == id) &&
			(circuit == "" || l.Circuit == circuit) && (remote == "" || l.Remote == remote)
	}, nil
}

func csvLeases(out io.Writer, leases []control.Lease) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"address", "state", "mac", "client_id", "host", "start", "expires", "cltt", "circuit_id", "remote_id"})
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	for _, l := range leases {
		_ = w.Write([]string{l.Address, l.State, l.MAC, l.ClientID, l.Host, stamp(l.Start), stamp(l.Expires), stamp(l.CLTT), l.Circuit, l.Remote})
	}
	w.Flush()
	return w.Error() // of any of the writes
}

func tableLeases(out io.Writer, leases []control.Lease) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tSTATE\tMAC\tCLIENT-ID\tHOST\tEXPIRES")
	for _, l := range leases {
		expires := "never"
		if !l.Expires.IsZero() {
			expires = l.Expires.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Address, l.State, dash(l.MAC), dash(l.ClientID), dash(l.Host), expires)
	}
	return w.Flush()
}

func addr(l control.Lease) netip.Addr {
	a, _ := netip.ParseAddr(l.Address) // of our own making
	return a
}

// dash stands for nothing in tables.
func dash(s string) string { return cmp.Or(s, "-") }
