// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"xdhcp/bench/load"
)

// identityFlags say who the clients are.
type identityFlags struct {
	V6        bool           `name:"6" short:"6" help:"Clients of DHCPv6."`
	NA        bool           `name:"na" help:"Ask for an address (DHCPv6). Default, unless --pd."`
	PD        bool           `name:"pd" help:"Ask for a prefix (DHCPv6)."`
	Clients   int            `short:"n" help:"How many clients there are." default:"10000"`
	FirstMAC  string         `name:"first-mac" help:"Hardware address of the first client." default:"02:0d:00:00:00:00"`
	Relay     []netip.Addr   `help:"Relay addresses (giaddr, link-address) that the clients are behind, each client with an option 82 or an Interface-ID of its own. Without it, clients broadcast." placeholder:"ADDR"`
	Server    netip.Addr     `help:"The server's address: where relays send to." placeholder:"ADDR"`
	ServerMAC string         `name:"server-mac" help:"Hardware address of the server, or of the router to it. Default: found by ARP or neighbour discovery if --server is given, else broadcast." placeholder:"MAC"`
	VLAN      []string       `name:"vlan" help:"VLAN tags, outer first: an id, or first-last to spread the clients." placeholder:"ID"`
	Broadcast bool           `help:"Set the broadcast flag."`
	ClientID  bool           `name:"client-id" help:"Send a client identifier."`
	ServerID  []netip.Addr   `name:"server-id" help:"Server identifiers that are right. Default: any." placeholder:"ADDR"`
	Pool      []netip.Prefix `help:"Where every address must lie. Default: anywhere." placeholder:"PREFIX"`
	Delegated []netip.Prefix `help:"Where every delegated prefix must lie. Default: anywhere." placeholder:"PREFIX"`
}

// clientFlags say who the clients are and what they expect.
type clientFlags struct {
	linkFlags     `embed:""`
	identityFlags `embed:""`

	Require []uint8         `help:"Options that every OFFER and ACK, or Advertise and Reply, must have." placeholder:"CODE"`
	Wait    []time.Duration `help:"How long to wait for an answer, after each try." default:"1s"`
	RFC     bool            `name:"rfc-waits" help:"Wait and send again as RFC 2131 says: 4s, 8s, 16s, 32s, 64s, each a second longer or shorter."`

	Mix     string `help:"Kinds of exchange and their weights: dora (or sarr), renew, rebind, release." default:"dora"`
	Preload bool   `help:"First give every client a lease; not measured."`
	Spin    bool   `help:"Look for work all the time: precise, and takes a whole core."`
	Record  string `help:"Append every ACK to a file: time, address, hardware address, lease time." placeholder:"FILE"`

	JSON  string `name:"json" help:"Write the results as JSON." placeholder:"FILE"`
	CSV   string `name:"csv" help:"Write the results as CSV." placeholder:"FILE"`
	Quiet bool   `short:"q" help:"No progress."`
}

// config is what the flags say of the clients, without the server's hardware
// address.
func (c *identityFlags) config() (load.Config, error) {
	cfg := load.Config{
		V6: c.V6, NA: c.NA, PD: c.PD, Delegated: c.Delegated,
		Clients: c.Clients, Relays: c.Relay, Server: c.Server, Broadcast: c.Broadcast, ClientID: c.ClientID,
		ServerIDs: c.ServerID, Pools: c.Pool,
	}
	var err error
	if cfg.FirstMAC, err = parseMAC(c.FirstMAC); err != nil {
		return cfg, fmt.Errorf("--first-mac: %w", err)
	}
	if c.ServerMAC != "" {
		if cfg.ServerMAC, err = parseMAC(c.ServerMAC); err != nil {
			return cfg, fmt.Errorf("--server-mac: %w", err)
		}
	}
	for _, v := range c.VLAN {
		tag, err := parseTag(v)
		if err != nil {
			return cfg, fmt.Errorf("--vlan: %w", err)
		}
		cfg.Tags = append(cfg.Tags, tag)
	}
	return cfg, nil
}

// config adds what they expect, and finds the server.
func (c *clientFlags) config() (load.Config, error) {
	cfg, err := c.identityFlags.config()
	if err != nil {
		return cfg, err
	}
	cfg.Require, cfg.Waits = c.Require, c.Wait
	if c.RFC {
		cfg.Waits, cfg.Jitter = load.RFCWaits, load.RFCJitter
	}
	if c.ServerMAC == "" && c.Server.IsValid() && len(c.VLAN) == 0 {
		cfg.ServerMAC, err = c.resolve(c.Server)
	}
	return cfg, err
}

func parseTag(s string) (load.Tag, error) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		to = from
	}
	first, err1 := strconv.ParseUint(from, 10, 12)
	last, err2 := strconv.ParseUint(to, 10, 12)
	if err1 != nil || err2 != nil || last < first {
		return load.Tag{}, fmt.Errorf("%q: want an id, or first-last", s)
	}
	return load.Tag{First: uint16(first), Count: uint16(last - first + 1)}, nil
}

// bench is a generator, ready, and what comes of it.
type bench struct {
	*clientFlags
	env     *env
	g       *load.Generator
	mix     load.Mix
	record  *load.Recorder
	results []*load.Result
}

// start opens everything and loads the clients with leases, if asked.
func (c *clientFlags) start(e *env) (b *bench, err error) {
	b = &bench{clientFlags: c, env: e}
	if b.mix, err = load.ParseMix(c.Mix); err != nil {
		return nil, fmt.Errorf("--mix: %w", err)
	}
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	if c.Record != "" {
		if b.record, err = load.NewRecorder(c.Record); err != nil {
			return nil, err
		}
		cfg.OnAck, cfg.AfterBatch = b.record.OnAck, b.record.AfterBatch
	}
	t, err := c.open()
	if err != nil {
		return nil, err
	}
	if b.g, err = load.New(cfg, t); err != nil {
		t.Close()
		return nil, err
	}
	b.g.Core, b.g.Spin = c.Core, c.Spin
	if c.Preload {
		if err := b.preload(); err != nil {
			b.close()
			return nil, err
		}
	}
	return b, nil
}

func (b *bench) close() {
	b.g.Close()
	if b.record != nil {
		b.record.Close()
	}
}

// Preload: few enough under way that hardly a server drops any, in rounds, since
// some do.
const (
	preloadWindow = 64
	preloadRounds = 5
)

func (b *bench) preload() error {
	stop := b.progress("preload")
	defer stop()
	for range preloadRounds {
		missing := b.Clients - b.g.Bound()
		if missing == 0 {
			return nil
		}
		r, err := b.g.Run(b.env.ctx, load.Load{Window: preloadWindow, Count: missing})
		if err != nil {
			return err
		}
		if r.Interrupted {
			return b.env.ctx.Err()
		}
	}
	if missing := b.Clients - b.g.Bound(); missing > 0 {
		return fmt.Errorf("preload: %d of %d clients got no lease", missing, b.Clients)
	}
	return nil
}

// progress shows a line that is written over and over until stop is called.
func (b *bench) progress(what string) (stop func()) {
	if b.Quiet {
		b.g.Progress = nil
		return func() {}
	}
	var latest atomic.Pointer[load.Progress]
	b.g.ProgressEvery = 500 * time.Millisecond
	b.g.Progress = func(p load.Progress) { latest.Store(&p) }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		var before load.Progress
		for {
			select {
			case <-ctx.Done():
				fmt.Fprint(b.env.stderr, "\r\033[K")
				return
			case <-tick.C:
			}
			p := latest.Load()
			if p == nil {
				continue
			}
			if p.At < before.At { // another run
				before = load.Progress{}
			}
			if took := (p.At - before.At).Seconds(); took > 0 {
				fmt.Fprintf(b.env.stderr, "\r\033[K%s %5.1fs  %8.0f/s begun  %8.0f/s done  %d under way  %d lost  %d wrong  p50 %v  p99 %v",
					what, p.At.Seconds(), float64(p.Begun-before.Begun)/took, float64(p.Done-before.Done)/took,
					p.InFlight, p.Lost, p.Wrong, short(p.P50), short(p.P99))
			}
			before = *p
		}
	}()
	return func() { cancel(); <-done }
}

// short is a duration in three digits or so.
func short(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(100 * time.Nanosecond)
}
