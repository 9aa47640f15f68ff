// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"testing"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// bootpOffer answers everything as exchange would answer a BOOTP client.
func bootpOffer(p *policy.Policy, q *exchange.Query, a *exchange.Answer) {
	offer(p, q, a)
	a.Type, a.HasTimes, a.Wait = exchange.Bootp, false, 7
}

// RFC 1534 §2: "The server MUST formulate a BOOTP BOOTREPLY message rather than a
// DHCP DHCPOFFER message (i.e., the server MUST NOT include the 'DHCP message
// type' option and MUST NOT exceed the size limit for BOOTREPLY messages)."
func TestRFC1534_2_BootReply(t *testing.T) {
	p := buildPolicy(t, policy.SubnetSpec{
		BootFile: "vmunix", NextServer: netipOf("192.0.2.69"),
		Options: []policy.Option{routers, dns, domain, {Code: 17, Data: pattern(60)}, ntp},
	})
	request := func(options []byte, size int) []byte {
		m := message(options...)
		return append(m, make([]byte, max(size-len(m), 0))...)
	}
	for _, tt := range []struct {
		name    string
		m       []byte
		limit   int
		lost    int
		codes   []uint8
		echo    []byte
		giaddr  bool
		message bool
	}{
		// 60 bytes less END: 6+6+6+13 for the first four, then 6.
		{name: "300 bytes", m: request(nil, 300), limit: 300, lost: 1, codes: []uint8{1, 3, 6, 15, 42}},
		{name: "shorter than it should be", m: request(nil, 0), limit: 300, lost: 1, codes: []uint8{1, 3, 6, 15, 42}},
		{name: "a client of longer messages", m: request(nil, 400), limit: 400, codes: []uint8{1, 3, 6, 15, 17, 42}},
		{name: "relayed: option 82 goes before", m: with(request(opt(82, opt(1, pattern(30))), 300), atGiaddr, relayIP...),
			limit: 300, lost: 2, codes: []uint8{1, 3, 6, 42, 82}, echo: opt(1, pattern(30))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, p)
			r.brain.answer = bootpOffer
			reply := r.payload(tt.m)
			if reply.Verdict != frame.Await || reply.Wait != 7 || reply.Type != exchange.Bootp {
				t.Fatalf("%v (%v), type %d", reply.Verdict, reply.Reason, reply.Type)
			}
			if r.brain.query.Type != exchange.Bootp {
				t.Errorf("asked about type %d", r.brain.query.Type)
			}
			a := read(t, reply.Message)
			if len(a.raw) > tt.limit {
				t.Errorf("%d bytes, the limit is %d", len(a.raw), tt.limit)
			}
			if got := codes(a.raw[240:]); !bytes.Equal(got, tt.codes) {
				t.Errorf("options %v, want %v", got, tt.codes)
			}
			a.want(t, 82, tt.echo)
			if int(reply.Overflow.Options) != tt.lost || reply.Overflow.Relay {
				t.Errorf("left out: %+v, want %d", reply.Overflow, tt.lost)
			}
			if a.BootFileName != "vmunix" || !a.ServerIPAddr.Equal([]byte{192, 0, 2, 69}) || !a.YourIPAddr.Equal(yourIP) {
				t.Errorf("%s", a.Summary())
			}
		})
	}
}

// The same with the real exchange, from a pool for such clients.
func TestBootpFromAPool(t *testing.T) {
	p, err := policy.Build(policy.Spec{
		Ports: []policy.PortSpec{{Name: "eth1", MAC: [6]byte(portMAC), Addrs: prefixes("192.0.2.1/24")}},
		Subnets: []policy.SubnetSpec{{
			Prefix: prefixes("192.0.2.0/24")[0], Times: policy.Times{Valid: 600}, Options: []policy.Option{routers},
			Pools: []policy.PoolSpec{{BOOTP: true, Ranges: []policy.Range{{First: netipOf("192.0.2.60"), Last: netipOf("192.0.2.60")}}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := lease.New(lease.Options{Shards: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, p)
	r.c.server = &exchange.Server{Table: table}
	reply := r.frame(fromClient().wrap(t, message()))
	mustAnswer(t, reply)
	a := open(t, reply.Frame)
	if !a.YourIPAddr.Equal([]byte{192, 0, 2, 60}) || reply.Verdict != frame.Await {
		t.Errorf("%v, %v", a.YourIPAddr, reply.Verdict)
	}
	if got := codes(a.raw[240:]); !bytes.Equal(got, []byte{1, 3}) {
		t.Errorf("options %v", got)
	}
	if len(a.raw) != 300 {
		t.Errorf("%d bytes", len(a.raw))
	}
}
