// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"runtime"

	"golang.org/x/sys/unix"

	"xdhcp/bench/load"
)

type stubCmd struct {
	linkFlags `embed:""`

	ServerID  netip.Addr `name:"server-id" help:"Server identifier and source of the answers." default:"192.0.2.1"`
	First     netip.Addr `help:"Address of a client whose hardware address ends in zeros." default:"10.0.0.0"`
	First6    netip.Addr `name:"first6" help:"The same of DHCPv6." default:"2001:db8::"`
	Delegated netip.Addr `help:"Prefix of that client, of 56 bits." default:"2001:db8:8000::"`
	Lease     uint32     `help:"Lease time in seconds." default:"3600"`
}

// Run answers until it is interrupted.
func (c *stubCmd) Run(e *env) error {
	t, err := c.open()
	if err != nil {
		return err
	}
	defer t.Close()
	runtime.LockOSThread() // for good: the process ends with this
	if c.Core >= 0 {
		var set unix.CPUSet
		set.Set(c.Core)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("run on core %d: %w", c.Core, err)
		}
	}
	fmt.Fprintf(e.stdout, "xdhcpbench stub ready: %s on %s\n", t.Info().How, c.Interface)
	s := load.Stub{ServerID: c.ServerID, First: c.First, First6: c.First6, Delegated: c.Delegated, Lease: c.Lease}
	return s.Serve(e.ctx, t)
}
