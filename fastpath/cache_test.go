// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
	"time"

	"xdhcp/engine/policy"
	"xdhcp/engine/worker"
	"xdhcp/internal/wire/eth"
)

// wanted is the block for a list without the cache.
func wanted(set *policy.OptionSet, prl []byte) (b []byte) {
	var codes policy.Codes
	for _, c := range set.Select(prl, &codes) {
		data, _ := set.Get(c)
		for first := true; first || len(data) > 0; first = false {
			n := min(len(data), 255)
			b = append(append(b, c, byte(n)), data[:n]...)
			data = data[n:]
		}
	}
	return b
}

// get is block for a client in no class.
func (c *cache) get(p *policy.Policy, set *policy.OptionSet, prl []byte) ([]byte, bool) {
	a := ask{set, nil, prl}
	return c.block(p, &a, c.hash(&a))
}

// Whatever is asked in whatever order, the block is the one that the policy says.
func TestCacheAgainstPolicy(t *testing.T) {
	p := newRig(t, classSpec()).policy
	c := new(cache)
	c.init()
	rnd := rand.New(rand.NewPCG(1, 2))
	var lists [][]byte
	for range 3000 {
		prl := make([]byte, rnd.IntN(20))
		if rnd.IntN(20) == 0 {
			prl = make([]byte, 255)
		}
		for i := range prl {
			prl[i] = byte(rnd.IntN(130))
		}
		lists = append(lists, prl)
	}
	for range 20000 {
		prl := lists[rnd.IntN(len(lists))]
		if rnd.IntN(2) == 0 {
			prl = lists[rnd.IntN(10)] // some are common
		}
		s := &p.Subnets[rnd.IntN(len(p.Subnets))]
		var in policy.ClassSet
		in.Add(rnd.IntN(4))
		in.Add(rnd.IntN(4))
		a := ask{s.Options, &in, prl}
		want := wanted(p.ForClasses(s.Options, &in), prl)
		if rnd.IntN(3) == 0 {
			a.classes, want = nil, wanted(s.Options, prl)
		}
		got, ok := c.block(p, &a, c.hash(&a))
		if sum := uint32(eth.Fold(eth.Sum(got, 0))); !ok || !bytes.Equal(got, want) || uint32(eth.Fold(c.sum)) != sum {
			t.Fatalf("list %v of %v for %v: % x, want % x; sum %x, want %x", prl, s.Base, a.classes, got, want, c.sum, sum)
		}
	}
}

// A list in use survives a storm of lists that nobody uses twice.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	s := &newRig(t, spec()).policy.Subnets[0]
	c := new(cache)
	c.init()
	common := []byte{1, 3, 6, 15, 42}
	hit := func() bool {
		a := ask{s.Options, nil, common}
		bucket := c.bucket(c.hash(&a))
		for i, tag := range c.tags[bucket] {
			if tag != 0 && c.lines[bucket*ways+i].block(&a) != nil {
				return true
			}
		}
		return false
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	misses := 0
	for range 50000 {
		if !hit() {
			misses++
		}
		c.get(nil, s.Options, common)
		prl := make([]byte, 8)
		for i := range prl {
			prl[i] = byte(1 + rnd.IntN(254))
		}
		c.get(nil, s.Options, prl)
	}
	if misses > 1 {
		t.Errorf("the common list was lost %d times", misses-1)
	}
}

// Random lists cost no memory.
func TestCacheIsBounded(t *testing.T) {
	s := &newRig(t, spec()).policy.Subnets[0]
	c := new(cache)
	c.init()
	if n := reflect.TypeFor[cache]().Size() + uintptr(len(c.lines))*reflect.TypeFor[line]().Size(); n > 4400<<10 {
		t.Errorf("a cache of %d bytes", n)
	}
	prl := make([]byte, 8)
	i := uint64(0)
	if n := testing.AllocsPerRun(10000, func() {
		i += 0x9e3779b97f4a7c15
		for j := range prl {
			prl[j] = byte(i >> (8 * j))
		}
		c.get(nil, s.Options, prl)
	}); n != 0 {
		t.Errorf("%v allocations per list", n)
	}
}

// What does not fit in a line is served all the same, and what no datagram
// holds is refused.
func TestCacheLongBlocks(t *testing.T) {
	sp := spec()
	for code := range uint8(9) {
		sp.Options = append(sp.Options, policy.Option{Code: 224 + code, Data: bytes.Repeat([]byte{code}, 200)})
	}
	s := &newRig(t, sp).policy.Subnets[0]
	c := new(cache)
	c.init()
	for range 2 {
		prl := []byte{224, 225, 226, 227}
		if got, ok := c.get(nil, s.Options, prl); !ok || !bytes.Equal(got, wanted(s.Options, prl)) {
			t.Fatalf("a block of %d bytes, %v", len(got), ok)
		}
		if got, ok := c.get(nil, s.Options, []byte{224, 225, 226, 227, 228, 229, 230, 231, 232}); ok {
			t.Fatalf("a block of %d bytes", len(got))
		}
	}
}

// A new policy takes effect with the next batch, and the old one can be freed.
func TestCacheForgetsTheOldPolicy(t *testing.T) {
	r := newRig(t, spec())
	in := func() []byte { return direct().frame(t, message(t, 1, option(55, 15)).ToBytes()) }
	a := r.offer()
	r.encode(in(), a)

	sp := spec()
	sp.Options[1].Data = []byte("example.org")
	next, err := policy.Build(sp)
	if err != nil {
		t.Fatal(err)
	}
	freed := make(chan struct{})
	runtime.AddCleanup(r.policy.Subnets[0].Options, func(int) { close(freed) }, 0)
	r.h.source.Store(next)
	r.h.Begin(start, worker.Calm)
	r.policy = next
	a = r.offer()
	if got := r.encode(in(), a); string(got.option(15)) != "example.org" {
		t.Errorf("domain name %q after the reload", got.option(15))
	}
	// Cleanups run some time after the collection that finds them due.
	deadline := time.After(10 * time.Second)
	for {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-deadline:
			t.Fatal("the handler keeps the old policy's options alive")
		default:
		}
	}
}
