// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// noAutoConf forbids clients of 192.0.2.0/24 and 10.1.0.0/16 to choose an
// address, allows it in the shared network, and leaves no address in any.
func noAutoConf(s *policy.Spec) {
	s.Subnets[0].Options = []policy.Option{{Code: 116, Data: []byte{0}}}
	s.Subnets[1].Options = []policy.Option{{Code: 116, Data: []byte{0}}}
	s.Networks[0].Options = []policy.Option{{Code: 116, Data: []byte{1}}}
	for i := range s.Subnets {
		s.Subnets[i].Pools = nil
	}
	for i := range s.Networks[0].Subnets {
		s.Networks[0].Subnets[i].Pools = nil
	}
}

func asksToConfigure(q Query) Query {
	q.AutoConf = []byte{1}
	return q
}

// RFC 2563 §2.3: "if no address is chosen for the host …: If the DHCPDISCOVER
// contains the Auto-Configure option, and the site administrator has specified
// that Auto-Configuration should be disabled on the subnet …, then a DHCPOFFER
// MUST be sent to the DHCP client. This offer MUST be for the address
// 0x00000000, and the Auto-Configure option MUST be set to
// 'DoNotAutoConfigure'."
func TestAClientWithoutAnAddressIsToldNotToChooseOne(t *testing.T) {
	b := newBench(t, noAutoConf)
	for _, relayed := range []bool{false, true} {
		q := asksToConfigure(discover(1))
		if relayed {
			q = via(relay1, q)
		}
		var a Answer
		b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
		if a.Type != Offer || a.Yiaddr != 0 || string(a.Own.Encoded()) != "\x74\x01\x00" {
			t.Fatalf("%s %v with %q (%v)", typeName(a.Type), a.Yiaddr, a.Own.Encoded(), a.Reason)
		}
		if relayed {
			b.wantDest(a, ToRelay, relay1)
			if a.Flags&FlagBroadcast == 0 {
				t.Error("the relay agent cannot reach the client")
			}
		} else {
			b.wantDest(a, ToBroadcast, all)
		}
	}
}

// §2.3: "If the DHCPDISCOVER does not contain the Auto-Configure option, it is not
// answered."
func TestAClientThatDoesNotAskIsNotTold(t *testing.T) {
	b := newBench(t, noAutoConf)
	b.wantSilence(b.send(discover(1)), frame.PoolFull)
}

// §2.3: "If the site administrator allows auto-configuration on the originating
// subnet, the DHCPDISCOVER is not answered as before."
func TestWhereAutoConfigurationIsAllowedThereIsSilence(t *testing.T) {
	b := newBench(t, noAutoConf)
	b.wantSilence(b.send(via(relay3, asksToConfigure(discover(1)))), frame.PoolFull)
	b.wantSilence(b.send(via(relay2, asksToConfigure(discover(1)))), frame.PoolFull) // nothing is configured
	q := asksToConfigure(discover(1))
	q.AutoConf = []byte{1, 1}
	b.wantSilence(b.send(q), frame.PoolFull)
}

// §2.5: "As this option only affects the initial IP address selection, it does not
// apply to subsequent DHCP messages." Nor does it where there is an address.
func TestAutoConfigureDoesNotConcernOtherMessages(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.Subnets[0].Options = []policy.Option{{Code: 116, Data: []byte{0}}} })
	o := b.send(asksToConfigure(discover(1)))
	if o.Type != Offer || o.Yiaddr == 0 || o.Own != nil {
		t.Fatalf("%s %v", typeName(o.Type), o.Yiaddr)
	}
	mine := o.Yiaddr.String()
	for _, q := range []Query{selecting(1, mine, ours0), renewing(1, mine), inform(1, mine)} {
		if a := b.send(asksToConfigure(q)); a.Type != Ack || a.Own != nil {
			t.Errorf("%s with %q", typeName(a.Type), a.Own.Encoded())
		}
	}
}
