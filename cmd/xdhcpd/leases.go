// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"text/tabwriter"
	"time"

	"xdhcp/engine/control"
)

type leasesCmd struct {
	stateDir
	JSON bool `help:"One JSON object per line."`
	All  bool `help:"Also addresses that are free and only remember their last client."`
}

// Run lists the leases by address.
func (c *leasesCmd) Run(e *env) error {
	var leases []control.Lease
	err := control.FetchLeases(e.ctx, c.State, func(l control.Lease) bool {
		if c.All || l.State == "bound" || l.State == "offered" || l.State == "declined" {
			leases = append(leases, l)
		}
		return true
	})
	if err != nil {
		return err
	}
	slices.SortFunc(leases, func(a, b control.Lease) int {
		return addr(a).Compare(addr(b))
	})
	if c.JSON {
		enc := json.NewEncoder(e.stdout)
		for _, l := range leases {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(e.stdout, 0, 8, 2, ' ', 0)
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
