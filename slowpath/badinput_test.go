// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/gopacket/layers"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
	"xdhcp/internal/wire/dhcp4"
)

// Offsets in an untagged frame.
const (
	inIP   = 14
	inUDP  = inIP + 20
	inDHCP = inUDP + 8
)

// A good frame, and one change to it for each way of being bad. Nothing of it
// reaches the exchange.
func TestBadFrames(t *testing.T) {
	base := fromClient().wrap(t, discover(cat(opt(12, []byte("host")), opt(82, opt(1, []byte("port 7"))))...))
	noSum := with(base, inUDP+6, 0, 0) // so that changes of the payload show
	fix := func(b []byte) []byte {     // the IP header's checksum
		binary.BigEndian.PutUint16(b[inIP+10:], 0)
		binary.BigEndian.PutUint16(b[inIP+10:], ^onesSum(b[inIP:inIP+20]))
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
		why  frame.Reason
	}{
		{"empty", nil, frame.Truncated},
		{"a byte", base[:1], frame.Truncated},
		{"cut in the Ethernet header", base[:13], frame.Truncated},
		{"cut behind it", base[:14], frame.Truncated},
		{"cut in the IP header", base[:33], frame.Truncated},
		{"cut in the UDP header", base[:inUDP+7], frame.Truncated},
		{"cut in the message", base[:len(base)-1], frame.Truncated},
		{"ARP", with(base, 12, 8, 6), frame.BadEther},
		{"a length instead of a type", with(base, 12, 0, 100), frame.BadEther},
		{"three tags", cat(base[:12], []byte{0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3}, base[12:]), frame.BadEther},
		{"a tag and nothing else", cat(base[:12], []byte{0x81, 0, 0}), frame.Truncated},
		{"IP version 5", fix(with(base, inIP, 0x55)), frame.BadIP},
		{"IP header of 16 bytes", with(base, inIP, 0x44), frame.BadIP},
		{"IP header longer than the datagram", fix(with(base, inIP+2, 0, 19)), frame.BadIP},
		{"IP length beyond the frame", fix(with(base, inIP+2, 255, 255)), frame.Truncated},
		{"IP length 0", fix(with(base, inIP+2, 0, 0)), frame.BadIP},
		{"IP checksum", with(base, inIP+10, 1, 1), frame.BadChecksum},
		{"first fragment", fix(with(base, inIP+6, 0x20, 0)), frame.Fragment},
		{"later fragment", fix(with(base, inIP+6, 0, 9)), frame.Fragment},
		{"TCP", fix(with(base, inIP+9, 6)), frame.NotDHCP},
		{"UDP length beyond IP", with(base, inUDP+4, 255, 255), frame.Truncated},
		{"UDP length 7", with(base, inUDP+4, 0, 7), frame.Truncated},
		{"UDP length 8", with(noSum, inUDP+4, 0, 8), frame.Truncated},
		{"UDP length cuts the header", with(noSum, inUDP+4, 0, 8+239), frame.Truncated},
		{"UDP length cuts an option", with(noSum, inUDP+4, 0, 8+240+5), frame.BadOption},
		{"UDP checksum", with(base, inUDP+6, 1, 1), frame.BadChecksum},
		{"to the client's port", with(noSum, inUDP+2, 0, 68), frame.NotDHCP},
		{"op 0", with(noSum, inDHCP, 0), frame.BadBootp},
		{"op 2, a server's", with(noSum, inDHCP, 2), frame.FromServer},
		{"op 3", with(noSum, inDHCP, 3), frame.BadBootp},
		{"hops 18", with(noSum, inDHCP+3, 18), frame.BadBootp},
		{"cookie", with(noSum, inDHCP+239, 0), frame.BadCookie},
		{"option 53 of two bytes", with(noSum, inDHCP+241, 2), frame.BadOption},
		{"option 12 beyond the end", with(noSum, inDHCP+244, 255), frame.BadOption},
		{"sub-option beyond option 82", with(noSum, inDHCP+240+3+6+3, 7), frame.BadOption},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testPolicy(t))
			reply := r.frame(tt.b)
			if reply.Verdict != frame.Drop || reply.Reason != tt.why {
				t.Errorf("%v: %v, want %v", reply.Verdict, reply.Reason, tt.why)
			}
			if r.brain.asked != 0 || reply.Frame != nil || reply.Message != nil {
				t.Error("it went further")
			}
		})
	}
}

// gopacket slices chaddr by hlen in 8-bit arithmetic, which wraps above 227.
func TestEveryHardwareLength(t *testing.T) {
	for hlen := range 256 {
		r := newRig(t, testPolicy(t))
		reply := r.payload(with(discover(), 2, byte(hlen)))
		if hlen <= 16 {
			mustAnswer(t, reply)
			if got := r.brain.query.Client.HW; len(got) != hlen {
				t.Errorf("hlen %d: a hardware address of %d bytes", hlen, len(got))
			}
		} else if reply.Reason != frame.BadBootp {
			t.Errorf("hlen %d: %v", hlen, reply.Reason)
		}
	}
}

// Every byte of a rich message, with every value that has a meaning somewhere,
// and the message cut at every byte: no panic, and every answer can be read.
func TestMutations(t *testing.T) {
	values := []byte{0, 1, 2, 3, 4, 6, 16, 17, 52, 53, 61, 82, 127, 128, 227, 228, 254, 255}
	bases := map[string][]byte{
		"rich":       everything(),
		"overloaded": fields(cat([]byte{53, 1, 1, 52, 1, 3}, opt(61, pattern(9))), cat(opt(61, pattern(3)), opt(60, pattern(100)), []byte{255}), opt(12, pattern(62))),
		"split":      discover(cat(opt(82, []byte{1, 4, 'a', 'b'}), opt(55, []byte{1, 3}), opt(82, []byte{'c', 'd'}), opt(55, []byte{6}))...),
	}
	p := testPolicy(t, routers, dns, domain, ntp, policy.Option{Code: 119, Data: pattern(300)})
	for name, base := range bases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, p)
			var seen [frame.NumReasons]int
			try := func(what string, m []byte) {
				reply := r.payload(m)
				seen[reply.Reason]++
				if reply.Verdict == frame.Drop {
					if reply.Reason == frame.OK {
						t.Fatalf("%s: dropped for no reason", what)
					}
					return
				}
				a := read(t, reply.Message)
				if !bytes.Equal(a.raw[4:8], m[4:8]) {
					t.Fatalf("%s: xid", what)
				}
				if t.Failed() {
					t.Fatal(what)
				}
			}
			for at := range base {
				for _, v := range values {
					try(fmt.Sprintf("byte %d is %d", at, v), with(base, at, v))
				}
				try(fmt.Sprintf("cut at %d", at), base[:at])
			}
			for _, why := range []frame.Reason{frame.OK, frame.Truncated, frame.BadBootp, frame.BadCookie, frame.BadOption} {
				if seen[why] == 0 {
					t.Errorf("no mutation is %v", why)
				}
			}
		})
	}
}

// fuzzBrain answers in all the ways that there are, by what is in the query.
func fuzzBrain(p *policy.Policy, q *exchange.Query, a *exchange.Answer) {
	switch {
	case q.Type == exchange.Bootp:
		// An OFFER is no answer to it; rfc1534_test.go has those that are, and
		// internal/equivalence fuzzes them.
		*a = exchange.Answer{Reason: frame.NoType}
		return
	case q.Type == 3 && q.HasRequested:
		nak(p, q, a)
		return
	}
	offer(p, q, a)
	a.EchoSubnetSelection = q.SubnetSelection != 0
	if q.Type == 8 {
		a.HasTimes = false
	}
}

// checkReply reads an answer with another library and holds it against the
// request. Where the request is in one part, it must have the same identifiers.
func checkReply(t *testing.T, q *exchange.Query, reply *Reply) {
	a := read(t, reply.Message)
	limit := min(max(int(q.MaxSize), 576), 1500) - 28
	if len(a.raw) > limit {
		t.Fatalf("%d bytes, the limit is %d", len(a.raw), limit)
	}
	if a.OpCode != 2 || a.Options[53] == nil || a.Options[54] == nil {
		t.Fatalf("%v", a.Summary())
	}
	if reply.Overflow.Options == 0 {
		if id := q.Client.ClientID; id != nil {
			a.want(t, 61, id)
		}
		if info := q.Client.Relay; info != nil && !bytes.Equal(a.inOptions[82], info) {
			t.Fatalf("option 82 = %x, want %x", a.inOptions[82], info)
		}
	}
}

func FuzzPayload(f *testing.F) {
	f.Add(discover())
	f.Add(everything())
	f.Add(message(53, 1, 3, 50, 4, 192, 0, 2, 9))
	f.Add(discover(cat(opt(60, []byte("MSFT 5.0")), opt(61, pattern(255)), opt(250, pattern(90)))...))
	f.Add(fields(cat([]byte{53, 1, 1, 52, 1, 3}, opt(61, pattern(9))), cat(opt(61, pattern(3)), []byte{255}), opt(12, pattern(62))))
	f.Add(discover(cat(opt(82, []byte{1, 4, 'a', 'b'}), opt(82, []byte{'c', 'd'}))...))
	p := testPolicy(f, routers, dns, domain, ntp, policy.Option{Code: 119, Data: pattern(300)}, policy.Option{Code: 43, Data: pattern(120)})
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) > maxPacket {
			return
		}
		r := newRig(t, p)
		r.brain.answer = fuzzBrain
		before := bytes.Clone(m)
		reply := r.payload(m)
		if !bytes.Equal(before, m) {
			t.Fatal("the request was written to")
		}
		if reply.Verdict == frame.Drop {
			if reply.Reason == frame.OK {
				t.Fatal("dropped for no reason")
			}
			return
		}
		checkReply(t, &r.brain.query, reply)

		// What the fast path's index finds is what this one finds.
		var index dhcp4.Options
		if index.Scan(m) != frame.OK || index.Has(dhcp4.OptMSContinuation) {
			return // the fast path leaves these to us
		}
		for code := 1; code < 255; code++ {
			want, has := index.Get(m, uint8(code))
			got, ok := r.c.opts.get(uint8(code))
			if has != ok || !bytes.Equal(got, want) {
				t.Fatalf("option %d = %x, %v; the fast path reads %x, %v", code, got, ok, want, has)
			}
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add(fromClient().wrap(f, discover()))
	e := fromClient()
	e.tags = []uint16{1, 2}
	f.Add(e.wrap(f, everything()))
	e.ipOptions = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	f.Add(e.wrap(f, discover()))
	p := testPolicy(f, routers, dns, domain, policy.Option{Code: 119, Data: pattern(300)})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxPacket {
			return
		}
		r := newRig(t, p)
		r.brain.answer = fuzzBrain
		// Checksums keep a fuzzer out, so the second try has the right ones.
		for _, data := range [][]byte{b, mended(b)} {
			reply := r.frame(data)
			if reply.Verdict == frame.Drop {
				if reply.Reason == frame.OK {
					t.Fatal("dropped for no reason")
				}
				continue
			}
			checkReply(t, &r.brain.query, reply)
			l3 := network3(data)
			if !bytes.Equal(reply.Frame[12:l3], data[12:l3]) {
				t.Fatalf("tags %x, want %x", reply.Frame[12:l3], data[12:l3])
			}
			// gopacket does not know 0x9100.
			open(t, cat(reply.Frame[:12], []byte{8, 0}, reply.Frame[l3:]))
		}
	})
}

// network3 is where the network layer of a frame begins; 0: it is cut off.
func network3(b []byte) int {
	at := 14
	for len(b) > at && at < 26 && (b[at-2] == 0x81 || b[at-2] == 0x88 || b[at-2] == 0x91) {
		at += 4
	}
	if len(b) < at+20 {
		return 0
	}
	return at
}

// mended is b with a right IP checksum and no UDP checksum, where it has such.
func mended(b []byte) []byte {
	b = bytes.Clone(b)
	at := network3(b)
	if at == 0 {
		return b
	}
	h := b[at:]
	n := int(h[0]&15) * 4
	if n < 20 || len(h) < n+8 {
		return b
	}
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], ^onesSum(h[:n]))
	h[n+6], h[n+7] = 0, 0
	return b
}
