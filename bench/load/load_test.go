// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

var (
	serverIP = netip.MustParseAddr("192.0.2.1") // RFC 5737
	relayIP  = netip.MustParseAddr("192.0.2.2")
	first    = netip.MustParseAddr("10.0.0.0")
)

func newStub() *Stub {
	return &Stub{MAC: MAC{2, 2, 2, 2, 2, 2}, ServerID: serverIP, First: first, Lease: 3600,
		First6: netip.MustParseAddr("2001:db8::"), Delegated: netip.MustParseAddr("2001:db8:8000::")}
}

func relayed(n int) Config {
	return Config{Clients: n, Relays: []netip.Addr{relayIP}, Server: serverIP, ServerMAC: MAC{2, 2, 2, 2, 2, 2}}
}

func TestDORA(t *testing.T) {
	for name, cfg := range map[string]Config{
		"relayed":        relayed(1000),
		"several relays": {Clients: 1000, Server: serverIP, Relays: []netip.Addr{relayIP, netip.MustParseAddr("192.0.2.3")}},
		"direct":         {Clients: 1000},
		"broadcast":      {Clients: 1000, Broadcast: true},
		"client id":      {Clients: 1000, ClientID: true},
		"VLAN":           {Clients: 1000, Tags: []Tag{{First: 100, Count: 7}}},
		"QinQ":           {Clients: 1000, Tags: []Tag{{First: 100, Count: 7}, {First: 1, Count: 100}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory(newStub().Answer)
			g, err := New(cfg, m)
			if err != nil {
				t.Fatal(err)
			}
			r, err := g.Run(context.Background(), Load{Window: 10, Count: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if r.Done["dora"] != 1000 || r.WrongTotal() != 0 || g.Bound() != 1000 || r.DropRatio != 0 {
				t.Errorf("%+v", r)
			}
			r, err = g.Run(context.Background(), Load{Rate: 1e5, Duration: 20 * time.Millisecond, Mix: Mix{Renew: 70, Rebind: 20, Release: 10}})
			if err != nil {
				t.Fatal(err)
			}
			if r.Done["renew"] != 1400 && r.Starved == nil || r.WrongTotal() != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}
