// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"xdhcp/engine/lease"
)

// Two tables are asked the same, one of them with clients that were met, and looked for
// ahead, some steps ago, while others have changed the table: they say and journal the
// same.
func TestWhoChangesNothing(t *testing.T) {
	layout := Layout{Pools: []Pool{
		{Name: "a", Scope: 1, Len: 128, Ranges: []Range{{First: IP6{0x20010db8 << 32, 1}, Last: IP6{0x20010db8 << 32, 24}}}},
		{Name: "p", Scope: 1, Len: 64, Ranges: []Range{{First: IP6{0x20010db9 << 32, 0}, Last: IP6{0x20010db9<<32 + 23, ^uint64(0)}}}},
	}}
	var tables [2]*Table
	var batches [2]*lease.Batch
	for i := range tables {
		table, err := New(Options{Shards: 2, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Reconfigure(layout); err != nil {
			t.Fatal(err)
		}
		tables[i], batches[i] = table, lease.NewBatch(1)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	const clients = 12
	var met [clients]Who
	ias := []IA{{NA, 1}, {PD, 1}, {NA, 2}}
	spotted := 0
	now := lease.Time(1000)
	for step := range 120_000 {
		i := rnd.IntN(clients)
		if rnd.IntN(3) == 0 {
			tables[0].Expect(&met[i], 1, []byte{0, 3, byte(i)}, ias[:rnd.IntN(3)])
			tables[0].Fetch(&met[i])
			continue
		}
		now += lease.Time(rnd.IntN(3))
		r := Request{Client: Client{DUID: []byte{0, 3, byte(i)}, RemoteID: make([]byte, max(0, rnd.IntN(8)-6)*60), Peer: make([]byte, []int{0, LenPath, lenPeer}[min(rnd.IntN(12), 2)])},
			IA: ias[rnd.IntN(len(ias))], Scope: 1, Pools: []lease.PoolID{0, 1}, Extend: rnd.IntN(8) == 0}
		with := r
		if met[i].ok {
			// What the message says of its client is new, but for where it is.
			met[i].made = false
			with.Who = &met[i]
		}
		requests := [2]*Request{&with, &r}
		p := Prefix{IP6{0x20010db8 << 32, uint64(1 + rnd.IntN(24))}, 128}
		if r.IA.Type == PD {
			p = Prefix{IP6{0x20010db9<<32 + uint64(rnd.IntN(24)), 0}, 64}
		}
		var had []View
		if had = tables[0].Leases(1, r.Client.DUID, r.IA, now, had); len(had) > 0 && rnd.IntN(4) > 0 {
			p = had[rnd.IntN(len(had))].Prefix
		}
		if with.Who != nil {
			s := tables[0].shardOf(with.Who.hash)
			if h, _ := s.spotted(&with, tables[0].who(&with), p); h != 0 {
				spotted++
			}
		}
		valid, op := uint32(1+rnd.IntN(50)), rnd.IntN(6)
		var out [2]lease.Outcome
		var grants [2]Grant
		var got [2]Prefix
		for k, table := range tables {
			switch op {
			case 0:
				got[k], out[k] = table.Offer(requests[k], valid, now)
			case 1:
				out[k] = table.Release(1, r.Client.DUID, r.IA, p, now, batches[k])
			case 2:
				table.Expire(now, 100, batches[k])
			default:
				grants[k], out[k] = table.Commit(requests[k], p, valid, valid, now, batches[k])
			}
		}
		if out[0] != out[1] || grants[0] != grants[1] || got[0] != got[1] || !bytes.Equal(batches[0].Bytes(), batches[1].Bytes()) ||
			with.Had != r.Had || with.Others != r.Others {
			t.Fatalf("step %d, operation %d: %v, %+v, %v, %v, %d; else %v, %+v, %v, %v, %d", step, op, out[0], grants[0], got[0], with.Had, with.Others,
				out[1], grants[1], got[1], r.Had, r.Others)
		}
		for _, b := range batches {
			b.Reset()
		}
	}
	if spotted < 1000 {
		t.Errorf("only %d records were spotted", spotted)
	}
	for _, table := range tables {
		for i := range table.shards {
			if wrong := table.shards[i].check(); wrong != "" {
				t.Error(wrong)
			}
		}
	}
}
