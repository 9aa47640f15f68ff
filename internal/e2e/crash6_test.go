// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/internal/nettest"
)

// promise6 is what a Reply told a client.
type promise6 struct {
	mac     string
	expires time.Time
}

// crowd is many clients on one wire, each with an address and a prefix.
type crowd struct {
	t        *testing.T
	c        *client6er
	asked    map[string]time.Time // by client: when its last Request was sent
	promises map[string]promise6  // by address or prefix
	held     map[string]string    // by client and type
	replies  int
}

func (cr *crowd) as(mac net.HardwareAddr) {
	cr.c.mac, cr.c.duid = mac, &dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: mac}
}

// take handles one frame that has arrived; false: there is none.
func (cr *crowd) take() bool {
	cr.t.Helper()
	var m *dhcpv6.Message
	frame := cr.c.wire.RecvMatch(0, func(b []byte) bool {
		udp, ok := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok || udp.DstPort != 546 {
			return false
		}
		var err error
		m, err = dhcpv6.MessageFromBytes(udp.Payload)
		return err == nil
	})
	if frame == nil {
		return false
	}
	duid := m.Options.ClientID().(*dhcpv6.DUIDLL)
	cr.as(duid.LinkLayerAddr)
	mac := duid.LinkLayerAddr.String()
	switch m.MessageType {
	case dhcpv6.MessageTypeAdvertise:
		cr.asked[mac] = time.Now()
		cr.c.wire.Send(cr.c.frame(cr.c.request(m)))
	case dhcpv6.MessageTypeReply:
		cr.replies++
		ia, pd := m.Options.OneIANA(), m.Options.OneIAPD()
		if ia == nil || ia.Options.OneAddress() == nil || pd == nil || len(pd.Options.Prefixes()) != 1 {
			cr.t.Fatalf("a Reply without leases: %s", m.Summary())
		}
		a, p := ia.Options.OneAddress(), pd.Options.Prefixes()[0]
		cr.note(mac, "na", a.IPv6Addr.String(), a.ValidLifetime)
		cr.note(mac, "pd", p.Prefix.String(), p.ValidLifetime)
	}
	return true
}

// note records a lease and fails if somebody else has it.
func (cr *crowd) note(mac, typ, what string, valid time.Duration) {
	cr.t.Helper()
	if old, dup := cr.promises[what]; dup && old.mac != mac {
		cr.t.Fatalf("%s was leased to %s, and now to %s", what, old.mac, mac)
	}
	if other, has := cr.held[mac+typ]; has && other != what {
		cr.t.Fatalf("%s was given %s, and now %s", mac, other, what)
	}
	ends := cr.asked[mac].Add(valid).Truncate(time.Second) // the server counts in whole seconds
	if old := cr.promises[what].expires; old.After(ends) {
		ends = old
	}
	cr.promises[what], cr.held[mac+typ] = promise6{mac, ends}, what
}

// TestEveryReplySurvivesACrash is TestEveryAckSurvivesACrash for DHCPv6: what a Reply
// has promised, addresses and prefixes, is there after the server was killed in the
// middle of a load, with the same holder and for no less time.
func TestEveryReplySurvivesACrash(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr("2001:db8::1/64"), nettest.IPv6())
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
subnets:
  - subnet: 2001:db8::/64
    pools: [2001:db8::/64]
    delegate: [{prefix: 2001:db8:1000::/36, length: 56}]
`, p.Server.Name))
	cr := &crowd{t: t, c: newClient6(t, p.Client), asked: map[string]time.Time{}, promises: map[string]promise6{}, held: map[string]string{}}
	const rounds = 6
	for round := range rounds {
		quota := cr.replies + 1 + rand.IntN(200)
		for client, begin := 0, time.Now(); cr.replies < quota; client++ {
			if time.Since(begin) > patience {
				t.Fatalf("round %d: %d Replies of %d after %v", round, cr.replies, quota, patience)
			}
			id := round*1000 + client%1000
			if round > 0 && client%3 == 0 { // a third come back from earlier rounds
				id = rand.IntN(round)*1000 + client%1000
			}
			cr.as(net.HardwareAddr{2, 6, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)})
			cr.c.wire.Send(cr.c.frame(cr.c.message(dhcpv6.MessageTypeSolicit, &dhcpv6.OptIANA{IaId: [4]byte{3: 1}}, &dhcpv6.OptIAPD{IaId: [4]byte{3: 2}})))
			for cr.take() {
			}
		}
		s.kill()
		for cr.take() { // what was on its way is a promise too
		}
		s.start()
		leases := s.leases()
		for what, want := range cr.promises {
			switch l, ok := leases[what]; {
			case !ok || l.State != "bound":
				t.Errorf("round %d: %s was leased to %s, and is %q after the crash", round, what, want.mac, l.State)
			case l.MAC != want.mac:
				t.Errorf("round %d: %s was leased to %s, and is %s's after the crash", round, what, want.mac, l.MAC)
			case l.Expires.Before(want.expires):
				t.Errorf("round %d: %s was leased until %v, and ends at %v after the crash", round, what, want.expires, l.Expires)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	// Whose they were, the history says, by the lease and by the client.
	for what, want := range cr.promises {
		duid := "00030001" + strings.ReplaceAll(want.mac, ":", "")
		has := func(args ...string) bool {
			return slices.ContainsFunc(history(t, s, args...), func(h held) bool { return h.Address == what && h.DUID == duid })
		}
		if !has(what) || !has("--duid", duid) || has("--duid", duid+"00") || has("--interface-id", "x") {
			t.Errorf("the history does not know that %s had %s", duid, what)
		}
		break
	}
	t.Logf("%d Replies for %d leases outlived %d crashes", cr.replies, len(cr.promises), rounds)
	s.stop()
}
