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
	"strconv"
	"text/tabwriter"
	"time"

	"xdhcp/engine/control"
	"xdhcp/engine/journal"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

type leasesCmd struct {
	List   leasesListCmd   `cmd:"" default:"withargs" help:"List the leases, whether or not a server runs."`
	Import leasesImportCmd `cmd:"" help:"Take over the leases of Kea's lease file, kea-leases4.csv or kea-leases6.csv, while no server runs."`
}

type leasesListCmd struct {
	stateDir
	JSON bool `help:"One JSON object per line." xor:"format"`
	CSV  bool `help:"Comma-separated values with a header." xor:"format"`

	Subnet netip.Prefix `help:"Only addresses and delegated prefixes in this one." placeholder:"PREFIX"`
	Type   []string     `help:"Only leases of these types: v4, na, ta, pd." placeholder:"TYPE"`
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
	slices.SortFunc(leases, func(a, b control.Lease) int {
		x, y := block(a), block(b)
		return cmp.Or(x.Addr().Compare(y.Addr()), cmp.Compare(x.Bits(), y.Bits()))
	})
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
	var table6 *lease6.Table
	if _, err := journal.Read(state, func() (journal.Table, error) {
		var err, err6 error
		table, err = lease.New(lease.Options{})
		table6, err6 = lease6.New(lease6.Options{})
		return journal.Tables{Table: table, V6: table6}, errors.Join(err, err6)
	}); err != nil {
		return err
	}
	now := time.Now()
	leasesOf(table, table6, func(l control.Lease) bool {
		if l.State == lease.Bound.String() && !l.Expires.IsZero() && !l.Expires.After(now) {
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
	for _, t := range c.Type {
		if !slices.Contains([]string{"v4", "na", "ta", "pd"}, t) {
			return nil, fmt.Errorf("--type %s: want one of v4, na, ta, pd", t)
		}
	}
	is, err := c.parse()
	if err != nil {
		return nil, err
	}
	mac := net.HardwareAddr(is.mac).String()
	id, circuit, remote := hex.EncodeToString(is.clientID), hex.EncodeToString(is.circuit), hex.EncodeToString(is.remote)
	duid, iface := hex.EncodeToString(is.duid), hex.EncodeToString(is.interfaceID)
	return func(l *control.Lease) bool {
		return (slices.Contains(states, "all") || slices.Contains(states, l.State)) &&
			(!c.Subnet.IsValid() || c.Subnet.Contains(block(*l).Addr()) && c.Subnet.Bits() <= block(*l).Bits()) &&
			(len(c.Type) == 0 || slices.Contains(c.Type, kindOf(l))) && (duid == "" || l.DUID == duid) &&
			(iface == "" || l.InterfaceID == iface) &&
			(mac == "" || l.MAC == mac) && (id == "" || l.ClientID == id) &&
			(circuit == "" || l.Circuit == circuit) && (remote == "" || remoteOf(l) == remote)
	}, nil
}

func csvLeases(out io.Writer, leases []control.Lease) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"address", "state", "mac", "client_id", "host", "start", "expires", "cltt", "circuit_id", "remote_id",
		"type", "duid", "iaid", "preferred", "via", "interface_id", "subscriber_id"})
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	for _, l := range leases {
		iaid := ""
		if l.Type != "" {
			iaid = strconv.FormatUint(uint64(l.IAID), 10)
		}
		_ = w.Write([]string{l.Address, l.State, l.MAC, l.ClientID, l.Host, stamp(l.Start), stamp(l.Expires), stamp(l.CLTT), l.Circuit, l.Remote,
			l.Type, l.DUID, iaid, stamp(l.Preferred), l.Via, l.InterfaceID, l.Subscriber})
	}
	w.Flush()
	return w.Error() // of any of the writes
}

func tableLeases(out io.Writer, leases []control.Lease) error {
	v6 := slices.IndexFunc(leases, func(l control.Lease) bool { return block(l).Addr().Is6() })
	if v6 < 0 {
		v6 = len(leases)
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if v6 > 0 || v6 == len(leases) {
		fmt.Fprintln(w, "ADDRESS\tSTATE\tMAC\tCLIENT-ID\tHOST\tEXPIRES")
	}
	for _, l := range leases[:v6] {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Address, l.State, dash(l.MAC), dash(l.ClientID), dash(l.Host), expires(&l))
	}
	if err := w.Flush(); err != nil || v6 == len(leases) {
		return err
	}
	if v6 > 0 {
		fmt.Fprintln(out)
	}
	fmt.Fprintln(w, "ADDRESS OR PREFIX\tSTATE\tTYPE\tIAID\tDUID\tHOST\tEXPIRES")
	for _, l := range leases[v6:] {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", l.Address, l.State, dash(l.Type), l.IAID, dash(l.DUID), dash(l.Host), expires(&l))
	}
	return w.Flush()
}

func expires(l *control.Lease) string {
	if l.Expires.IsZero() {
		return "never"
	}
	return l.Expires.Local().Format(time.DateTime)
}

// remoteOf is a lease's remote-id; that of DHCPv6 has the number of an enterprise
// before it (RFC 4649), which nobody is asked for.
func remoteOf(l *control.Lease) string {
	const enterprise = 2 * 4
	if l.Type != "" && len(l.Remote) >= enterprise {
		return l.Remote[enterprise:]
	}
	return l.Remote
}

// kindOf is what a lease is of; the record of a declined address has no type.
func kindOf(l *control.Lease) string {
	b := block(*l)
	switch {
	case l.Type != "":
		return l.Type
	case b.Addr().Is4():
		return "v4"
	case b.IsSingleIP():
		return "na"
	}
	return "pd"
}

// block is a lease's address as a prefix, or what is delegated by it.
func block(l control.Lease) netip.Prefix {
	if p, err := netip.ParsePrefix(l.Address); err == nil {
		return p
	}
	a, _ := netip.ParseAddr(l.Address) // of our own making
	return netip.PrefixFrom(a, a.BitLen())
}

// dash stands for nothing in tables.
func dash(s string) string { return cmp.Or(s, "-") }
