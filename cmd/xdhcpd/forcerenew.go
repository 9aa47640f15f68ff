// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"xdhcp/engine/control"
	"xdhcp/engine/exchange"
	"xdhcp/engine/lease"
	"xdhcp/engine/secret"
	"xdhcp/internal/config"
)

// nonceKey is the file of the state directory that holds the key of the Forcerenew
// nonces and of DHCPv6's Reconfigure, and the replay counter.
const nonceKey = "forcerenew.key"

// openSecret opens that file where one of the two is configured. The state directory
// is ours alone by then, and the policy is made once more, with the clients' keys.
func (s *server) openSecret(cfg *config.Config) error {
	if !cfg.ForceRenew && !cfg.DHCP6.Reconfigure {
		return nil
	}
	k, err := secret.Open(cfg.State, nonceKey, s.started)
	if err != nil {
		return err
	}
	next := func() (uint64, bool) {
		n, err := k.Next()
		if err != nil {
			s.log.Error("no client can be told to renew", "why", err)
		}
		return n, err == nil
	}
	if cfg.ForceRenew {
		s.brain.Nonces = &exchange.Nonces{Key: k.Key(), Since: lease.Time(k.Since().Unix()), Next: next}
	}
	if cfg.DHCP6.Reconfigure {
		s.brain6.Replay = next
		s.reconfigure = reconfigureSecret(k.Key())
		return s.install(cfg, s.facts)
	}
	return nil
}

// ForceRenew tells the client of an address to renew its lease.
func (s *server) ForceRenew(ctx context.Context, addr netip.Addr) error {
	return s.slow.ForceRenew(ctx, addr)
}

type forceRenewCmd struct {
	stateDir
	Addresses []netip.Addr `arg:"" name:"address" help:"Leased IPv4 addresses."`
}

// Run asks the running server to send a FORCERENEW to the client of each address. It
// exits with 1 if one could not be sent.
func (c *forceRenewCmd) Run(e *env) error {
	return each(e, c.Addresses, func(ctx context.Context, a netip.Addr) error { return control.ForceRenew(ctx, c.State, a) })
}

// patience is how long the running server may take to send a message.
const patience = 10 * time.Second

// each has something sent to each of several clients, and prints what became of it. It
// fails if one could not be sent.
func each[T any](e *env, to []T, send func(context.Context, T) error) error {
	failed := 0
	for _, t := range to {
		ctx, cancel := context.WithTimeout(e.ctx, patience)
		err := send(ctx, t)
		cancel()
		if err != nil {
			failed++
			fmt.Fprintf(e.stderr, "xdhcpd: %v: %v\n", t, err)
			continue
		}
		fmt.Fprintf(e.stdout, "%v: sent\n", t)
	}
	if failed > 0 {
		return &exitError{code: 1}
	}
	return nil
}
