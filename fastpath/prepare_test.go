// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/engine/worker"
)

// batchOf is n frames of every kind, bad ones among them, in the same order
// every time.
func batchOf(t testing.TB, n int) []frame.Frame {
	good := bases(t)
	names := slices.Sorted(maps.Keys(good))
	fs := make([]frame.Frame, n)
	for i := range fs {
		in := good[names[i%len(names)]]
		switch i % 11 {
		case 3:
			in = nil
		case 5:
			in = in[:100]
		case 8:
			in = append(bytes.Clone(in[:len(in)-1]), in[len(in)-1]^1)
		}
		buf := make([]byte, 2048)
		fs[i] = frame.Frame{Data: buf[:copy(buf, in)]}
	}
	return fs
}

// classSpec is spec with classes that some of the frames are in.
func classSpec() policy.Spec {
	s := spec()
	for i, m := range []policy.Match{
		{By: policy.MatchMAC, Value: clientMAC[:5], Prefix: true},
		{By: policy.MatchVendorClass, Value: []byte("MSFT"), Prefix: true},
		{By: policy.MatchRelay, Net: netip.MustParsePrefix("10.1.0.0/16")},
		{By: policy.MatchKnown},
	} {
		s.Classes = append(s.Classes, policy.ClassSpec{
			Name: string(rune('a' + i)), Match: &m,
			Options: []policy.Option{{Code: 15, Data: []byte{byte('a' + i)}}, {Code: 66, Data: []byte("boot")}},
		})
	}
	return s
}

// Whether a batch is announced or not, whole or in part, in its order or not:
// the verdicts and the bytes are the same.
func TestPrepareChangesNothing(t *testing.T) {
	const n = worker.BatchSize
	type result struct {
		v    frame.Verdict
		why  frame.Reason
		wait lease.Ticket
		data string
	}
	run := func(large bool, announce func(r *rig, fs []frame.Frame)) (out []result) {
		r := newRig(t, classSpec())
		r.h.large = large
		fs := batchOf(t, n)
		announce(r, fs)
		for i := range fs {
			v, why, wait := r.h.Handle(&fs[i], r.batch)
			out = append(out, result{v, why, wait, string(fs[i].Data)})
		}
		return out
	}
	want := run(false, func(*rig, []frame.Frame) {})
	for name, announce := range map[string]func(r *rig, fs []frame.Frame){
		"all":       func(r *rig, fs []frame.Frame) { r.h.Prepare(fs) },
		"some":      func(r *rig, fs []frame.Frame) { r.h.Prepare(fs[:21]) },
		"one":       func(r *rig, fs []frame.Frame) { r.h.Prepare(fs[:1]) },
		"not these": func(r *rig, fs []frame.Frame) { r.h.Prepare(batchOf(t, n)) },
		"not in order": func(r *rig, fs []frame.Frame) {
			other := slices.Clone(fs)
			slices.Reverse(other)
			r.h.Prepare(other)
		},
		"the last batch": func(r *rig, fs []frame.Frame) {
			r.h.Prepare(fs)
			r.h.Begin(start, worker.Calm)
		},
	} {
		for _, large := range []bool{false, true} {
			got := run(large, announce)
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%s, large %v: frame %d: %v, %v, %x; want %v, %v, %x", name, large, i, got[i].v, got[i].why, got[i].wait, want[i].v, want[i].why, want[i].wait)
				}
			}
		}
	}
}

func TestPrepareDoesNotAllocate(t *testing.T) {
	for _, large := range []bool{false, true} {
		r := newRig(t, classSpec())
		r.h.large = large
		prepareDoesNotAllocate(t, r)
	}
}

func prepareDoesNotAllocate(t *testing.T, r *rig) {
	fs := batchOf(t, worker.BatchSize)
	in := make([][]byte, len(fs))
	for i := range fs {
		in[i] = bytes.Clone(fs[i].Data)
	}
	if n := testing.AllocsPerRun(50, func() {
		r.batch.Reset()
		r.h.Begin(start, worker.Calm)
		for i := range fs {
			fs[i].Data = fs[i].Data[:copy(fs[i].Data[:2048], in[i])]
		}
		r.h.Prepare(fs)
		for i := range fs {
			r.h.Handle(&fs[i], r.batch)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
