// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"sync"
	"testing"

	"xdhcp/engine/lease"
)

// Workers that share the server and the table: every client is served, no address
// has two.
func TestWorkersShareAServer(t *testing.T) {
	b, _ := isp(t, 4)
	const workers, clients = 4, 200
	got := make([][clients]lease.IP4, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var a Answer
			batch := lease.NewBatch(uint8(w + 1))
			// Clients 0 to 99 are everybody's: a client whose messages arrive on
			// several queues still has one address.
			for i := range clients {
				n := i
				if i >= clients/2 {
					n += w * clients
				}
				q := via("100.64.0.1", discover(0))
				q.Client.HW = []byte{2, 0, 0, 0, byte(n >> 8), byte(n)}
				q.Giaddr = lease.IP4(0x64000001 + n&3<<10)
				b.server.Decide4(b.policy, &q, b.now, batch, &a)
				if a.Type != Offer {
					t.Errorf("client %d: %s (%v)", n, typeName(a.Type), a.Reason)
					continue
				}
				q.Type, q.Requested, q.HasRequested, q.ServerID, q.HasServerID = Request, a.Yiaddr, true, a.ServerID, true
				b.server.Decide4(b.policy, &q, b.now, batch, &a)
				if a.Type != Ack {
					t.Errorf("client %d: %s (%v)", n, typeName(a.Type), a.Message)
					continue
				}
				got[w][i] = a.Yiaddr
			}
		})
	}
	wg.Wait()
	owner := map[lease.IP4]int{}
	for w := range workers {
		for i, a := range got[w] {
			n := i
			if i >= clients/2 {
				n += w * clients
			}
			if other, dup := owner[a]; dup && other != n {
				t.Errorf("%v is client %d's and client %d's", a, other, n)
			}
			owner[a] = n
		}
	}
	if want := clients/2 + workers*clients/2; len(owner) != want {
		t.Errorf("%d addresses for %d clients", len(owner), want)
	}
}
