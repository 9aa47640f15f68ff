// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"

	"xdhcp/engine/frame"
)

// bases6 are well-formed frames of every kind that is answered.
func bases6(t testing.TB) map[string][]byte {
	tagged := direct6()
	tagged.tags = []uint16{100}
	qinq := direct6()
	qinq.tags = []uint16{200, 7}
	rich := cat(opt6(14), opt6(20), opt6(15, 0, 1, 'u'), opt6(16, 0, 0, 1, 55, 0, 1, 'v'), opt6(17, cat([]byte{0, 0, 1, 55}, opt6(1, 'x'))...),
		opt6(39, 1, 1, 'h'), opt6(61, 0, 7), iata(3, iaaddr("2001:db8::9")))
	one := envelope6(0, relayA, clientLL, request6(1, rich), opt6(18, []byte("ge-0/0/1")...), opt6(37, 0, 0, 0, 9, 'r'), opt6(79, 0, 1, 2, 0xcc, 0, 0, 0, 9))
	two := envelope6(1, nowhere, net.ParseIP("2001:db8:f::9"), one, opt6(135, 0, 0), opt6(43, 0, 37), opt6(37, 0, 0, 0, 9, 'q'), opt6(66, opt6(65, 'e')...))
	return map[string][]byte{
		"Solicit":             direct6().frame6(t, request6(1)),
		"Solicit, tagged":     tagged.frame6(t, request6(1, rich)),
		"Solicit, QinQ":       qinq.frame6(t, request6(1)),
		"Request":             direct6().frame6(t, request6(3, opt6(2, serverID...), rich)),
		"Renew":               direct6().frame6(t, msg6(5, opt6(1, clientID...), opt6(2, serverID...), iana(1, iaaddr("2001:db8:0:0:1::7")), iapd(2, iaprefix("2001:db8:1000:700::/56")))),
		"Information-request": direct6().frame6(t, msg6(11, opt6(6, 0, 23))),
		"one relay":           relayed6().frame6(t, one),
		"two relays":          relayed6().frame6(t, two),
	}
}

// try6 handles a frame; rig.handle checks the memory around it, and that what is not
// answered is as it was. What is answered has the form of a reply to it.
func (r *rig6) try6(in []byte) (frame.Verdict, frame.Reason) {
	r.t.Helper()
	r.brain.forget = true
	out, v, why := r.handle(in, max(len(in), 1792))
	if v != frame.Reply && v != frame.Await {
		return v, why
	}
	l3 := 14
	for out[l3-2] != 0x86 {
		l3 += 4
	}
	ask, got := in[l3+48:], out[l3+48:]
	for ; got[0] == 13; ask, got = inside(ask), inside(got) {
		if ask[0] != 12 || !bytes.Equal(ask[1:34], got[1:34]) {
			r.t.Fatalf("a relay's header % x is answered by % x", ask[:34], got[:34])
		}
	}
	if got[0] != 7 || !bytes.Equal(ask[1:4], got[1:4]) || ask[0] < 1 || ask[0] > 11 || ask[0] == 2 || ask[0] == 7 || ask[0] == 10 {
		r.t.Fatalf("% x is answered by % x", ask[:4], got[:4])
	}
	if n := int(binary.BigEndian.Uint16(out[l3+4:])); n != len(out)-l3-40 || int(binary.BigEndian.Uint16(out[l3+44:])) != n {
		r.t.Fatalf("lengths in % x", out[l3:l3+48])
	}
	return v, why
}

// inside is the Relay Message option of a relay's message (RFC 8415 §21.10).
func inside(m []byte) []byte {
	for m = m[34:]; ; m = m[4+binary.BigEndian.Uint16(m[2:]):] {
		if binary.BigEndian.Uint16(m) == 9 {
			return m[4:][:binary.BigEndian.Uint16(m[2:])]
		}
	}
}

// repair6 makes the UDP checksum of a mutated frame right, as far as its length fields
// allow.
func repair6(b []byte) []byte {
	b = bytes.Clone(b)
	l3 := 14
	for l3 < 22 && l3 <= len(b) && (b[l3-2] == 0x81 || b[l3-2] == 0x88) {
		l3 += 4
	}
	if len(b) < l3+48 {
		return b
	}
	n := int(binary.BigEndian.Uint16(b[l3+44:]))
	if n < 8 || n > len(b)-l3-40 {
		return b
	}
	udp := b[l3+40:][:n]
	udp[6], udp[7] = 0, 0
	var s uint32
	for i, v := range append(append(bytes.Clone(b[l3+8:l3+40]), 0, 17, udp[4], udp[5]), udp...) {
		s += uint32(v) << (8 * (1 - i%2))
	}
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	if s == 0xffff {
		s = 0
	}
	binary.BigEndian.PutUint16(udp[6:], ^uint16(s))
	return b
}

func TestBases6AreAnswered(t *testing.T) {
	for name, in := range bases6(t) {
		if !bytes.Equal(repair6(in), in) {
			t.Errorf("%s: repair6 changes a good frame", name)
		}
		if v, why := newRig6(t, spec6()).try6(in); v != frame.Await {
			t.Errorf("%s: %v, %v", name, v, why)
		}
	}
}

// Every byte of every base set to every kind of wrong value, with the checksum left as
// it is and made right again.
func TestEveryByteMutated6(t *testing.T) {
	for name, base := range bases6(t) {
		t.Run(name, func(t *testing.T) {
			r := newRig6(t, spec6())
			for i := range base {
				for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff, base[i] - 1, base[i] + 1, base[i] ^ 0x40} {
					in := bytes.Clone(base)
					in[i] = v
					r.try6(in)
					r.try6(repair6(in))
				}
			}
		})
	}
}

// Cut at every length: as it is, and with the IP and UDP lengths saying so.
func TestEveryTruncation6(t *testing.T) {
	for name, base := range bases6(t) {
		t.Run(name, func(t *testing.T) {
			r := newRig6(t, spec6())
			l3 := 14 + 4*bytes.Count([]byte(name), []byte("tagged")) + 8*bytes.Count([]byte(name), []byte("QinQ"))
			for n := range base {
				if v, why := r.try6(base[:n:n]); v != frame.Drop || why != frame.Truncated {
					t.Fatalf("cut to %d bytes: %v, %v", n, v, why)
				}
				if n < l3+48 {
					continue
				}
				in := bytes.Clone(base[:n])
				binary.BigEndian.PutUint16(in[l3+4:], uint16(n-l3-40))
				binary.BigEndian.PutUint16(in[l3+44:], uint16(n-l3-40))
				v, why := r.try6(repair6(in))
				if n < l3+52 && (v != frame.Drop || why != frame.Truncated) {
					t.Fatalf("cut to %d bytes, lengths to match: %v, %v", n, v, why)
				}
			}
		})
	}
}

// Every length field with many values: of IP, of UDP, of each option at each level.
func TestEveryLength6(t *testing.T) {
	for name, base := range bases6(t) {
		t.Run(name, func(t *testing.T) {
			r := newRig6(t, spec6())
			l3 := 14 + 4*bytes.Count([]byte(name), []byte("tagged")) + 8*bytes.Count([]byte(name), []byte("QinQ"))
			for _, at := range []int{l3 + 4, l3 + 44} {
				whole := int(binary.BigEndian.Uint16(base[at:]))
				for v := range 2000 {
					in := bytes.Clone(base)
					binary.BigEndian.PutUint16(in[at:], uint16(v))
					verdict, why := r.try6(repair6(in))
					if v > whole && (verdict != frame.Drop || why != frame.Truncated) {
						t.Fatalf("length %d of %d at %d: %v, %v", v, whole, at, verdict, why)
					}
				}
			}
			// Whatever two bytes behind the headers are a length is among these.
			for at := l3 + 48; at+1 < len(base); at++ {
				for _, v := range []uint16{0, 1, 2, 3, 4, 11, 12, 13, 24, 25, 129, 130, 131, 255, 256, 1000, 0x7fff, 0xffff} {
					in := bytes.Clone(base)
					binary.BigEndian.PutUint16(in[at:], v)
					r.try6(repair6(in))
				}
			}
		})
	}
}

// Several bytes at once, at random.
func TestRandomMutations6(t *testing.T) {
	for name, base := range bases6(t) {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(5, 6))
			r := newRig6(t, spec6())
			for range 3000 {
				in := bytes.Clone(base)
				for range 1 + rnd.IntN(6) {
					in[rnd.IntN(len(in))] = byte(rnd.Uint32())
				}
				if rnd.IntN(4) == 0 { // a run moved over another: overlapping and misplaced lengths
					from, to := rnd.IntN(len(in)), rnd.IntN(len(in))
					copy(in[to:], in[from:min(len(in), from+rnd.IntN(40))])
				}
				r.try6(repair6(in))
			}
		})
	}
}
