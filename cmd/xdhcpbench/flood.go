// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"xdhcp/bench/load"
)

type floodCmd struct {
	Interface string        `short:"i" required:"" help:"Interface." placeholder:"NAME"`
	Netns     string        `help:"Network namespace that the interface is in: a name of ip-netns, or a path." placeholder:"NAME"`
	Kind      string        `help:"garbage (no DHCP in it) or discover (each with a transaction and a hardware address of its own)." enum:"garbage,discover" default:"garbage"`
	Rate      float64       `short:"r" help:"Frames a second; 0 for as many as one core can." default:"0"`
	Duration  time.Duration `short:"d" help:"How long." default:"5s"`
	Server    netip.Addr    `help:"The server's address. Default: broadcast." placeholder:"ADDR"`
	ServerMAC string        `name:"server-mac" help:"Hardware address of the server. Default: found by ARP if --server is given, else broadcast." placeholder:"MAC"`
	Core      int           `help:"Processor to stay on; -1 for any." default:"-1"`
}

// Run floods.
func (c *floodCmd) Run(e *env) error {
	kind, err := load.ParseFloodKind(c.Kind)
	if err != nil {
		return err
	}
	if c.Duration <= 0 || c.Rate < 0 {
		return fmt.Errorf("a flood of %v at %v/s", c.Duration, c.Rate)
	}
	f := load.Flood{Kind: kind, Interface: c.Interface, Server: c.Server, Rate: c.Rate, Core: c.Core}
	link := linkFlags{Interface: c.Interface, Netns: c.Netns}
	switch {
	case c.ServerMAC != "":
		if f.ServerMAC, err = parseMAC(c.ServerMAC); err != nil {
			return fmt.Errorf("--server-mac: %w", err)
		}
	case c.Server.IsValid():
		if f.ServerMAC, err = link.resolve(c.Server); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(e.ctx, c.Duration)
	defer cancel()
	var sent uint64
	began := time.Now()
	if err := link.inNetns(func() (err error) { sent, err = f.Run(ctx); return err }); err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	fmt.Fprintf(e.stdout, "%d frames of %s in %.2f s, %.0f a second\n", sent, c.Kind, took, float64(sent)/took)
	return nil
}
