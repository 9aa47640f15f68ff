// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"

	"xdhcp/engine/control"
	"xdhcp/engine/exchange6"
)

// reconfigureSecret is what the keys of DHCPv6 clients are made from: of the key in
// the state directory, but nothing that a nonce of DHCPv4 could be.
func reconfigureSecret(key [32]byte) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte("reconfigure key"))
	return h.Sum(nil)
}

var messages6 = map[control.Message6]uint8{
	control.Renew6: exchange6.Renew, control.Rebind6: exchange6.Rebind, control.InformationRequest6: exchange6.InformationRequest,
}

// Reconfigure tells the client of an address or a delegated prefix to send a message.
func (s *server) Reconfigure(ctx context.Context, lease netip.Prefix, send control.Message6) error {
	return s.slow.Reconfigure(ctx, lease, messages6[send])
}

type reconfCmd struct {
	stateDir
	Leases []string `arg:"" name:"address|prefix" help:"Leased IPv6 addresses, delegated prefixes."`
	Rebind bool     `xor:"send" help:"They are to send a Rebind: to any server."`
	Inform bool     `xor:"send" name:"information-request" help:"They are to ask for options only."`
}

// Run asks the running server to send a Reconfigure to the client of each lease. It
// exits with 1 if one could not be sent.
func (c *reconfCmd) Run(e *env) error {
	send := control.Renew6
	switch {
	case c.Rebind:
		send = control.Rebind6
	case c.Inform:
		send = control.InformationRequest6
	}
	return each(e, c.Leases, func(ctx context.Context, l string) error { return control.Reconfigure(ctx, c.State, l, send) })
}
