// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// model is the steering rule in Go, to hold the program against: written from
// the RFCs' pictures with slices, which the verifier's language does not have.
// It says what becomes of a frame before a ring that takes 1792 bytes.
func model(b []byte) uint32 {
	if len(b) > 1792 {
		return xdpPass
	}
	next := func(n int) []byte {
		if len(b) < n {
			b = nil
			return make([]byte, n)
		}
		head := b[:n]
		b = b[n:]
		return head
	}
	next(12)
	kind := binary.BigEndian.Uint16(next(2))
	for range 2 {
		if slices.Contains([]uint16{0x8100, 0x88a8, 0x9100}, kind) {
			next(2)
			kind = binary.BigEndian.Uint16(next(2))
		}
	}
	var dst netip.Addr
	var port uint16
	switch kind {
	case 0x0800:
		ip := next(20)
		dst, _ = netip.AddrFromSlice(ip[16:20])
		whole := ip[6]&0x3f == 0 && ip[7] == 0
		if ip[0] != 0x45 || !whole || ip[9] != 17 {
			return xdpPass
		}
		port = 67
	case 0x86dd:
		ip := next(40)
		dst, _ = netip.AddrFromSlice(ip[24:40])
		if ip[0]>>4 != 6 || ip[6] != 17 {
			return xdpPass
		}
		port = 547
	}
	ours := []string{
		"255.255.255.255", "10.0.0.1", "10.0.0.255", "192.0.2.129", "192.0.2.191", "198.51.100.0",
		"ff02::1:2", "ff05::1:3", "2001:db8::1", "fe80::1",
	}
	if port == 0 || binary.BigEndian.Uint16(next(8)[2:]) != port || !slices.Contains(ours, dst.String()) {
		return xdpPass
	}
	switch {
	case port == 547 && len(b) >= 4 && b[0] != 0:
		return xdpRedirect
	case port == 67 && len(b) >= 240 && (b[0] == 1 || b[0] == 2) && bytes.Equal(b[236:240], []byte{99, 130, 83, 99}):
		return xdpRedirect
	}
	return xdpDrop
}

// tally counts what went through a program, to hold its counters against.
type tally struct {
	*testProgram
	before                   Counters
	frames, steered, garbage uint64
}

func newTally(t testing.TB, p *testProgram) *tally {
	t.Helper()
	before, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	return &tally{testProgram: p, before: before}
}

// check holds one frame against the model. Whatever the frame, no byte changes.
func (c *tally) check(t testing.TB, frame []byte) {
	t.Helper()
	verdict, out := c.run(t, frame)
	want := model(frame)
	c.frames++
	switch want {
	case xdpRedirect:
		c.steered++
	case xdpDrop:
		c.garbage++
	}
	if verdict != want {
		t.Errorf("verdict %d, want %d, for % x", verdict, want, frame)
	}
	if !bytes.Equal(out, frame) {
		t.Errorf("the frame changed\nfrom % x\nto   % x", frame, out)
	}
}

// done checks that each frame moved one counter.
func (c *tally) done(t testing.TB) {
	t.Helper()
	after, err := c.Counters()
	if err != nil {
		t.Fatal(err)
	}
	moved := uint64(0)
	for i := range after {
		moved += after[i] - c.before[i]
	}
	if moved != c.frames {
		t.Errorf("%d frames moved the counters by %d", c.frames, moved)
	}
	if got := after[Steered4] + after[Steered6] - c.before[Steered4] - c.before[Steered6]; got != c.steered {
		t.Errorf("%d frames counted as steered, want %d", got, c.steered)
	}
	if got := after[Garbage] - c.before[Garbage]; got != c.garbage {
		t.Errorf("%d frames counted as garbage, want %d", got, c.garbage)
	}
}

// shapes are the frames whose headers the corpus mutates.
func shapes() map[string][]byte {
	return map[string][]byte{
		"v4":         discover(),
		"v4 802.1Q":  tag(0x8100, 7)(discover()),
		"v4 QinQ":    tag(0x88a8, 9)(tag(0x8100, 7)(discover())),
		"v4 options": options4(3)(discover()),
		"v4 unicast": to("10.0.0.1")(discover()),
		"v6":         solicit(),
		"v6 QinQ":    tag(0x88a8, 9)(tag(0x8100, 7)(solicit())),
		"v6 ext":     next6(60)(solicit()),
		"v6 unicast": to("2001:db8::1")(solicit()),
	}
}

func allSteered(t testing.TB) *testProgram {
	t.Helper()
	return loadWithSocket(t, Options{Steer: SteerV4 | SteerV6 | SteerVLAN})
}

// Each byte of each header takes every value: all versions, header lengths,
// protocols, fragment fields, length fields, ports, EtherTypes.
func TestCorpusEveryHeaderByte(t *testing.T) {
	p := allSteered(t)
	for name, base := range shapes() {
		t.Run(name, func(t *testing.T) {
			c := newTally(t, p)
			defer c.done(t)
			end := min(len(base), atL3+8+40+8+8)
			for at := atType; at < end; at++ {
				for v := range 256 {
					c.check(t, set(at, byte(v))(bytes.Clone(base)))
				}
			}
		})
	}
}

// The corpus that the fast and the slow path get too: what is wrong is behind
// what steering reads, or makes the frame garbage.
func TestCorpusDHCPLengths(t *testing.T) {
	c := newTally(t, allSteered(t))
	defer c.done(t)
	for hlen := range 256 { // RFC 2131 §2: hlen is at byte 2
		c.check(t, set(at4DHCP+2, byte(hlen))(discover()))
	}
	for option := range 256 { // an option of every length as the first one
		c.check(t, set(at4DHCP+236, 0x63, 0x82, 0x53, 0x63, 53, byte(option))(discover()))
	}
	for n := at4DHCP; n <= len(discover()); n++ {
		c.check(t, cut(n)(discover()))
	}
	for n := at6DHCP; n <= len(solicit()); n++ {
		c.check(t, cut(n)(solicit()))
	}
	for typ := range 256 { // message types, relays' among them
		c.check(t, set(at6DHCP, byte(typ))(solicit()))
	}
	for n := range 256 { // a client identifier of every length up to 255, and of far more
		c.check(t, set(at6DHCP, 1, 0, 0, 0, 0, 1, 0, byte(n))(solicit()))
		c.check(t, set(at6DHCP, 1, 0, 0, 0, 0, 1, byte(n), 0xff)(solicit()))
	}
}

// Several bytes wrong at a time, cut at any place.
func TestCorpusRandom(t *testing.T) {
	c := newTally(t, allSteered(t))
	defer c.done(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, base := range shapes() {
		for range 1000 {
			b := bytes.Clone(base)
			for range 1 + rng.IntN(4) {
				b[atType+rng.IntN(64)] = byte(rng.Uint32() & rng.Uint32())
			}
			if rng.IntN(2) == 0 {
				b = b[:atL3+rng.IntN(len(b)-atL3+1)]
			}
			c.check(t, b)
		}
	}
}

func FuzzSteer(f *testing.F) {
	for _, r := range append(slices.Clone(rows), truncations()...) {
		f.Add(r.frame())
	}
	p := allSteered(f)
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) < atL3 || len(frame) > 4000 {
			return // the kernel takes less than a header or more than a page for no test run
		}
		c := newTally(t, p)
		c.check(t, bytes.Clone(frame))
		c.done(t)
	})
}
