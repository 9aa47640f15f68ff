// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"bytes"
	"testing"

	"xdhcp/engine/lease"
)

// The way back through a relay agent is kept, journaled and put in snapshots as it is; what is neither an
// address nor a way is not kept. A log that has another length in its place is damaged.
func TestTheWayToAClient(t *testing.T) {
	way := make([]byte, LenPath)
	for i := range way {
		way[i] = byte(i + 1)
	}
	const now = lease.Time(1_800_000_000)
	for n, kept := range map[int]int{0: 0, 1: 0, 15: 0, 16: 16, 17: 0, 32: 0, 47: 0, 48: 48} {
		table, err := New(Options{Shards: 1, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		p := AddrPrefix(IP6{Hi: 0x20010db8 << 32, Lo: 16})
		pool := Pool{Scope: 1, Name: "p", Len: 128, Ranges: []Range{RangeOf(p)}}
		if err := table.Reconfigure(Layout{Generation: 1, Pools: []Pool{pool}}); err != nil {
			t.Fatal(err)
		}
		b := lease.NewBatch(1)
		r := &Request{Client: Client{DUID: []byte{0, 2, 1}, Peer: way[:n], Host: []byte("host")}, IA: IA{NA, 1}, Scope: 1, Layout: 1, Pools: []lease.PoolID{0}}
		if _, out := table.Commit(r, p, 100, 200, now, b); out != lease.OK {
			t.Fatal(out)
		}
		var e Entry
		table.Lookup(p, &e)
		if !bytes.Equal(e.Peer, way[:kept]) || string(e.Host) != "host" {
			t.Errorf("%d bytes: kept %x, host %q", n, e.Peer, e.Host)
		}
		c, err := ParseChange(b.Bytes())
		if err != nil || !bytes.Equal(c.Client.Peer, way[:kept]) {
			t.Errorf("%d bytes: %v, journaled %x", n, err, c.Client.Peer)
		}
		if c, err = ParseChange(e.AppendTo(nil)); err != nil || !bytes.Equal(c.Client.Peer, way[:kept]) {
			t.Errorf("%d bytes: %v, in a snapshot %x", n, err, c.Client.Peer)
		}
		relay, link, client, ok := Path(e.Peer)
		if ok != (kept == LenPath) || ok && (relay != IP6From(way) || link != IP6From(way[16:]) || client != IP6From(way[32:])) {
			t.Errorf("%d bytes: %v, %v, %v, %v", n, relay, link, client, ok)
		}
		if !bytes.Equal(PeerAddr(e.Peer), way[:min(kept, 16)]) {
			t.Errorf("%d bytes: address %x", n, PeerAddr(e.Peer))
		}
		damaged := bytes.Clone(b.Bytes())
		if kept == 0 {
			continue
		}
		damaged[offLens+partPeer]--
		damaged[offLens+partHost]++
		if _, err := ParseChange(damaged); err == nil {
			t.Errorf("%d bytes in a log are read", kept-1)
		}
	}
}
