// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
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
	run := func(announce func(r *rig, fs []frame.Frame)) (out []result) {
		sp := spec()
		r := newRig(t, sp)
		fs := batchOf(t, n)
		announce(r, fs)
		for i := range fs {
			v, why, wait := r.h.Handle(&fs[i], r.batch)
			out = append(out, result{v, why, wait, string(fs[i].Data)})
		}
		return out
	}
	want := run(func(*rig, []frame.Frame) {})
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
		got := run(announce)
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: frame %d: %v, %v, %x; want %v, %v, %x", name, i, got[i].v, got[i].why, got[i].wait, want[i].v, want[i].why, want[i].wait)
			}
		}
	}
}

func TestPrepareDoesNotAllocate(t *testing.T) {
	r := newRig(t, spec())
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
