// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/control"
	"xdhcp/internal/nettest"
)

// promise is what an ACK told a client.
type promise struct {
	mac     string
	expires time.Time // as the client counts: when it sent its REQUEST, plus the lease time (RFC 2131 §4.4.1)
}

// The server is killed in the middle of a load, again and again, on the same
// state directory. Every ACK that a client received must be in the table that
// the next server finds, with the same address for the same client and an
// expiry no earlier; and no address may have two holders across all rounds.
//
// RFC 2131 §3.1 step 4: "the server selected ... commits the binding for the
// client to persistent storage and responds with a DHCPACK message".
//
// CRASH_ROUNDS sets the number of kills (20).
func TestEveryAckSurvivesACrash(t *testing.T) {
	rounds := 20
	if s := os.Getenv("CRASH_ROUNDS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatalf("CRASH_ROUNDS: %v", err)
		}
	}
	p := nettest.Veth(t, nettest.ServerAddr("10.0.0.1/8"))
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
subnets:
  - subnet: 10.0.0.0/8
    pools: [10.1.0.0-10.1.255.255]
    lease: {valid: 1h}
`, p.Server.Name))
	wire := newClient(t, p.Client, "02:00:00:00:00:00")
	b := &book{promises: map[string]promise{}, held: map[string]string{}, asked: map[string]time.Time{}}

	for round := range rounds {
		// The kill comes after a random number of ACKs, with others under way:
		// offers outstanding, changes appended and not yet synced.
		quota := 1 + rand.IntN(400)
		acks := 0
		deadline := time.Now().Add(patience)
		for client := 0; acks < quota; client++ {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: %d of %d ACKs after %v", round, acks, quota, patience)
			}
			// A third of the clients come back from earlier rounds.
			id := round*10_000 + client
			if round > 0 && client%3 == 0 {
				id = rand.IntN(round)*10_000 + client
			}
			wire.mac = net.HardwareAddr{2, 1, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}
			wire.wire.Send(wire.frame(wire.discover()))
			for {
				frame := wire.wire.RecvMatch(0, func(b []byte) bool { return decode(b) != nil })
				if frame == nil {
					break
				}
				a := decode(frame)
				switch a.MessageType() {
				case dhcpv4.MessageTypeOffer:
					wire.mac = a.ClientHWAddr
					b.asked[wire.mac.String()] = time.Now()
					wire.wire.Send(wire.frame(wire.request(a)))
				case dhcpv4.MessageTypeAck:
					acks++
					b.note(t, a)
				case dhcpv4.MessageTypeNak:
					t.Fatalf("round %d: NAK: %s", round, a.Summary())
				}
			}
		}
		s.kill()
		// What was on its way when the server died is a promise too.
		for {
			frame := wire.wire.RecvMatch(0, func(b []byte) bool {
				a := decode(b)
				return a != nil && a.MessageType() == dhcpv4.MessageTypeAck
			})
			if frame == nil {
				break
			}
			b.note(t, decode(frame))
		}
		s.start()
		leases := s.leases()
		for addr, want := range b.promises {
			l, ok := leases[addr]
			switch {
			case !ok || l.State != "bound":
				t.Errorf("round %d: %s was acknowledged to %s, and is %q after the crash", round, addr, want.mac, l.State)
			case l.MAC != want.mac:
				t.Errorf("round %d: %s was acknowledged to %s, and is %s's after the crash", round, addr, want.mac, l.MAC)
			case l.Expires.Before(want.expires):
				t.Errorf("round %d: %s was acknowledged until %v, and ends at %v after the crash", round, addr, want.expires, l.Expires)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d ACKs for %d addresses outlived %d crashes", len(b.held), len(b.promises), rounds)
	checkUnique(t, s.leases())
	s.stop()
}

// book is what the clients remember.
type book struct {
	promises map[string]promise   // by address
	held     map[string]string    // address by client
	asked    map[string]time.Time // when the client sent its last REQUEST
}

// note records an ACK and fails if it gives an address twice.
func (b *book) note(t *testing.T, a *answer) {
	t.Helper()
	addr, mac := a.YourIPAddr.String(), a.ClientHWAddr.String()
	if old, dup := b.promises[addr]; dup && old.mac != mac {
		t.Fatalf("%s was acknowledged to %s, and now to %s", addr, old.mac, mac)
	}
	if other, has := b.held[mac]; has && other != addr {
		t.Fatalf("%s was given %s, and now %s", mac, other, addr)
	}
	// The server counts in whole seconds.
	ends := b.asked[mac].Add(a.IPAddressLeaseTime(0)).Truncate(time.Second)
	if old := b.promises[addr].expires; old.After(ends) {
		ends = old
	}
	b.promises[addr] = promise{mac: mac, expires: ends}
	b.held[mac] = addr
}

func checkUnique(t *testing.T, leases map[string]control.Lease) {
	t.Helper()
	by := map[string]string{}
	for addr, l := range leases {
		if l.State != "bound" {
			continue
		}
		if other, dup := by[l.MAC]; dup {
			t.Errorf("%s holds both %s and %s", l.MAC, other, addr)
		}
		by[l.MAC] = addr
	}
}
