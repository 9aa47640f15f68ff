// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/worker"
)

// batch6 is frames of all kinds for a batch, some of them malformed.
func batch6(t testing.TB, rnd *rand.Rand) (in [][]byte) {
	bases := bases6(t)
	names := []string{"Solicit", "Solicit, tagged", "Solicit, QinQ", "Request", "Renew", "Information-request", "one relay", "two relays"}
	for range worker.BatchSize {
		b := bytes.Clone(bases[names[rnd.IntN(len(names))]])
		if rnd.IntN(3) == 0 {
			for range 1 + rnd.IntN(4) {
				b[rnd.IntN(len(b))] = byte(rnd.Uint32())
			}
			if rnd.IntN(4) == 0 {
				b = b[:rnd.IntN(len(b))]
			}
			b = repair6(b)
		}
		in = append(in, b)
	}
	return in
}

// Looking ahead changes nothing: two servers, one that is told what comes and one that
// is not, say and answer the same.
func TestPrepare6ChangesNothing(t *testing.T) {
	told, other := newCrowd6(t, 1), newCrowd6(t, 1)
	rnd := rand.New(rand.NewPCG(1, 2))
	answered := 0
	for range 60 {
		in := batch6(t, rnd)
		told.begin()
		other.begin()
		for j, b := range in {
			told.fs[j] = frame.Frame{Data: told.bufs[j][:copy(told.bufs[j], b)]}
			other.fs[j] = frame.Frame{Data: other.bufs[j][:copy(other.bufs[j], b)]}
		}
		told.h.Prepare(told.fs[:])
		for j := range in {
			v, why := told.handle(j)
			w, reason := other.handle(j)
			// The addresses are at random, but for these the lengths are enough.
			if v != w || why != reason || len(told.fs[j].Data) != len(other.fs[j].Data) {
				t.Fatalf("% x: told %v, %v; else %v, %v", in[j], v, why, w, reason)
			}
			if v == frame.Reply || v == frame.Await {
				answered++
			}
		}
	}
	if answered == 0 {
		t.Error("nothing was answered")
	}
}

func TestPrepare6DoesNotAllocate(t *testing.T) {
	c := newCrowd6(t, 1)
	in := batch6(t, rand.New(rand.NewPCG(3, 4)))
	run := func() {
		c.begin()
		for j, b := range in {
			c.fs[j] = frame.Frame{Data: c.bufs[j][:copy(c.bufs[j], b)]}
		}
		c.h.Prepare(c.fs[:])
		for j := range in {
			c.handle(j)
		}
	}
	run() // the table and the batch grow
	run()
	if n := testing.AllocsPerRun(20, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
