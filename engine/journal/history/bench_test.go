// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"testing"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// A chunk of 8 MiB of grants by known clients becomes a run, and eight runs one.
func BenchmarkBuildAndMerge(b *testing.B) {
	fs, err := vfs.NewOS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(fs, Options{})
	if err != nil {
		b.Fatal(err)
	}
	var builder Builder
	var rec []byte
	n := 0
	b.ReportAllocs()
	seq := uint64(0)
	for b.Loop() {
		builder.Reset()
		for builder.Len() < 8<<20 {
			i := uint32(n) * 2654435761 >> 6
			hw := []byte{2, 0, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
			c := lease.Change{Op: lease.OpGrant, Full: true, Addr: lease.IP4(i), Version: uint32(n), At: begin, Start: begin, Expires: begin + 3600,
				Scope: 1, Kind: lease.KindHW, HType: 1, HW: hw, ID: append([]byte{1}, hw...), Relay: []byte("\x01\x08eth0/1/7\x02\x06dslam1")}
			rec = c.AppendTo(rec[:0])
			builder.Add(rec)
			n++
		}
		seq++
		if err := s.Add(&builder, Position{Seq: seq}); err != nil {
			b.Fatal(err)
		}
		if err := s.Maintain(context.Background(), begin); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
}
