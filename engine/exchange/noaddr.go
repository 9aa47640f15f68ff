// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"

	"xdhcp/engine/policy"
)

const (
	optV6Only        = 108 // RFC 8925
	optAutoConfigure = 116 // RFC 2563
)

// v6only says whether a client that can do without IPv4 is where it should. RFC
// 8925 §3.3: option 108 is for pools that are configured for it and for clients
// that ask for it.
func (d *decision) v6only(options *policy.OptionSet) bool {
	if bytes.IndexByte(d.q.PRL, optV6Only) < 0 {
		return false
	}
	_, ok := d.p.ForClasses(d.res.Options(options), d.in).Get(optV6Only)
	return ok
}

// noAddress offers a client nothing, if it is to know that: false, it is not.
//
// RFC 8925 §3.3: for a client without need of IPv4 the server "SHOULD NOT assign
// an address from the pool. Instead, it SHOULD return 0.0.0.0 as the offered
// address", §3.3.1 also if the client does not send option 116.
//
// RFC 2563 §2.3: to one that asks whether to choose an address by itself, where
// the configuration says no, "a DHCPOFFER MUST be sent …. This offer MUST be for
// the address 0x00000000, and the Auto-Configure option MUST be set to
// 'DoNotAutoConfigure'". Where it may, "the DHCPDISCOVER is not answered".
func (d *decision) noAddress(at *policy.Subnet, options *policy.OptionSet) bool {
	q := d.q
	v6only := d.v6only(options)
	value, ok := d.p.ForClasses(d.res.Options(options), d.in).Get(optAutoConfigure)
	forbidden := len(q.AutoConf) == 1 && ok && len(value) == 1 && value[0] == 0
	if !v6only && !forbidden {
		return false
	}
	d.answer(Offer, at, options)
	d.times(&at.Times, at.Times.Valid) // table 3 of RFC 2131: an OFFER has them
	if forbidden {
		d.own(optAutoConfigure, value)
	}
	if q.Giaddr != 0 {
		// A relay agent cannot send to a client that has no address.
		d.a.Flags |= FlagBroadcast
	}
	return true
}
