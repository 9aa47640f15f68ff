// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// vpn is what became of a message's virtual subnet selection (RFC 6607).
type vpn uint8

const (
	vpnNone     vpn = iota // it has none, or we know of no virtual network
	vpnByRelay             // sub-option 151 was followed
	vpnByOption            // option 221 was
	vpnRefused             // the client is served in the global network all the same
)

// virtual holds the subnet against the virtual network that the client is said
// to be in; false: it is in another one, and d is silent.
//
// A subnet belongs to one virtual network and addresses are unique over all of
// them, so the selection chooses nothing; it says whether what was chosen may
// be given. §7.3: "the VSS sub-option takes precedence over the VSS option".
// §7: a server may "fall back to allocating an address on the global or default
// VPN"; and to a relay agent that drops the selection on the way to the REQUEST
// "SHOULD NOT respond with a DHCPACK".
func (d *decision) virtual() bool {
	if !d.p.VSS {
		return true
	}
	q, at := d.q, d.subnet
	want, by := q.VSS, vpnByOption
	if sub := policy.SubOption(q.Client.Relay, subVSS); sub != nil {
		want, by = sub[2:], vpnByRelay
	}
	switch {
	case len(want) == 0:
		if len(at.VSS) == 0 || q.Giaddr == 0 {
			return true
		}
	case bytes.Equal(want, at.VSS), len(at.VSS) == 0 && want[0] == vssGlobal:
		d.vpn = by
		return true
	case len(at.VSS) == 0:
		d.vpn = vpnRefused
		return true
	}
	d.silent(frame.NoSubnet)
	return false
}

// vssGlobal is the type of the global, default network (RFC 6607 §3.5).
const vssGlobal = 255
