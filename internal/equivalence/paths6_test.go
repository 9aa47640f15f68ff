// SPDX-License-Identifier: Apache-2.0

package equivalence

import (
	"testing"
	"time"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy6"
)

// scenes6 are scenes of DHCPv6.
func scenes6() []scene {
	one := func(name string, v frame.Verdict, why frame.Reason, frames ...[]byte) scene {
		return scene{name, frames, v, why}
	}
	answered := func(name string, frames ...[]byte) scene { return one(name, frame.Reply, frame.OK, frames...) }
	dropped := func(name string, why frame.Reason, frames ...[]byte) scene {
		return one(name, frame.Drop, why, frames...)
	}
	direct := func(typ byte, options ...[]byte) []byte { return direct6().frame(msg6(typ, options...)) }
	relayed := func(link []byte, m []byte, options ...[]byte) []byte {
		return via6().frame(relayForw(0, link, clientLL, m, options...))
	}
	both := cat(iana(1), iapd(2))
	c, s := cid(duid1), sid()
	request := direct(3, c, s, both, oroAll)
	nested := func(levels int) []byte {
		m := msg6(1, c, both)
		for i := range levels {
			link := unset
			if i == 0 {
				link = linkA
			}
			m = relayForw(byte(i), link, relayLL, m, opt6(18, byte(i)), opt6(135, 0, byte(i)), opt6(43, 0, 37), opt6(37, 0, 0, 0, 9, byte(i)))
		}
		return via6().frame(m)
	}
	many := func(n int) (b []byte) {
		for i := range n {
			b = append(b, iana(uint32(i))...)
		}
		return b
	}
	var all []scene
	for t := range 40 {
		v, why := frame.Drop, frame.NoType
		switch t {
		case 1, 3, 4, 5, 6, 8, 9, 11:
			continue
		case 2, 7, 10, 13, 15, 16, 17, 19, 21, 37:
			why = frame.FromServer
		case 12:
			why = frame.Truncated
		case 14, 18, 20, 36:
			v, why = frame.Punt, frame.PuntType
		}
		all = append(all, one("type "+string(rune('A'+t)), v, why, direct(byte(t), c)))
	}
	tagged := direct6()
	tagged.tags = []uint16{0x6064}
	port := via6()
	port.sport = 40000
	unicast := direct6()
	unicast.to, unicast.from = server6, ip6("2001:db8::77")
	return append(all,
		answered("Solicit", direct(1, c, both, oroAll)),
		answered("Solicit, nothing asked", direct(1, c)),
		answered("Solicit, an address", direct(1, c, iana(7))),
		answered("Solicit, a prefix", direct(1, c, iapd(7, iaprefix("::/56")))),
		answered("Solicit, a shorter prefix", direct(1, c, iapd(7, iaprefix("::/48")), oroAll)),
		answered("Solicit, four IAs", direct(1, c, iana(1), iana(2), iapd(1), iapd(2))),
		answered("Solicit, IA_TA", direct(1, c, iata(1))),
		answered("Solicit again", direct(1, c, both), direct(1, c, both)),
		answered("Solicit, tagged", tagged.frame(msg6(1, c, both))),
		answered("Solicit, padded", append(direct(1, c), make([]byte, 30)...)),
		answered("Solicit, rapid commit that is not allowed", direct(1, c, both, opt6(14))),
		answered("rapid commit", relayed(linkB, msg6(1, c, both, opt6(14)))),
		answered("Reconfigure Accept", direct(1, c, both, opt6(20)), direct(3, c, s, both, opt6(20))),
		answered("FQDN", direct(1, c, both, oroAll, opt6(39, 1, 4, 'h', 'o', 's', 't'))),
		answered("Microsoft", direct(1, c, both, opt6(16, cat([]byte{0, 0, 1, 55}, []byte("\x00\x08MSFT 5.0"))...))),
		answered("user class", direct(1, c, both, opt6(15, []byte("\x00\x04iPXE")...))),
		answered("architecture", direct(1, c, both, opt6(61, 0, 7))),
		answered("Request", request),
		answered("Request again", request, request),
		answered("Request, then Renew", request, direct(5, c, s, both)),
		answered("Request, then Rebind", request, direct(6, c, both)),
		answered("Request, then Release", request, direct(8, c, s, both)),
		answered("Request, then Confirm", request, direct(4, c, iana(1, iaaddr(ip6("2001:db8::1:2:3:4"))))),
		answered("Confirm, off the link", direct(4, c, iana(1, iaaddr(ip6("2001:db8:77::1"))))),
		dropped("Confirm, no address", frame.BadRequest, direct(4, c, iana(1))),
		answered("Renew, unknown", direct(5, c, s, both)),
		answered("Release, unknown", direct(8, c, s, iana(1, iaaddr(ip6("2001:db8::5"))))),
		answered("Decline, unknown", direct(9, c, s, iana(1, iaaddr(ip6("2001:db8::5"))))),
		answered("reserved", direct(3, cid(known6), s, both, oroAll)),
		answered("reserved by MAC", relayed(linkA, msg6(3, c, s, iana(1)), opt6(79, 0, 1, 2, 0xcc, 0, 0, 0, 0x78))),
		answered("reserved by Interface-Id", relayed(linkA, msg6(3, c, s, iana(1)), opt6(18, []byte("eth 0/9")...))),
		answered("Information-request", direct(11, c, oroAll, opt6(6, 0, 32))),
		answered("Information-request without an identifier", direct(11, oroAll)),
		answered("relayed", relayed(linkA, msg6(1, c, both, oroAll), opt6(18, []byte("eth 0/7")...))),
		answered("relayed, its own port", port.frame(relayForw(0, linkA, clientLL, msg6(1, c, both), opt6(135, 0, 0)))),
		answered("relayed, supplies options", relayed(linkA, msg6(1, c, both, oroAll), opt6(66, opt6(65, 'e', 'r', 'p')...))),
		answered("two relays", nested(2)),
		answered("eight relays", nested(8)),
		one("32 relays", frame.Punt, frame.PuntNoFit, nested(32)),
		answered("no address left", relayed(linkC, msg6(3, c, s, iana(1))), relayed(linkC, msg6(3, cid(duid2), s, iana(1)))),
		answered("an odd DUID", direct(1, cid([]byte{1}), both)),
		answered("a DUID of 130 bytes", direct(1, cid(pattern(130)), both)),
		answered("16 IAs", direct(1, c, many(16))),
		answered("unknown options", direct(1, c, both, opt6(9999, pattern(60)...), opt6(200), opt6(0))),

		one("expression", frame.Punt, frame.PuntClass, direct(1, c, both, opt6(15, []byte("\x00\x06docsis")...), opt6(39, []byte("\x01\x02cm")...))),
		one("expression that is false", frame.Punt, frame.PuntClass, direct(1, c, both, opt6(15, []byte("\x00\x06docsis")...))),
		one("no room", frame.Punt, frame.PuntNoFit, relayed(linkB, msg6(1, c, both, opt6(6, 7, 208, 7, 209)))),
		one("no room for a Reply", frame.Punt, frame.PuntNoFit, relayed(linkB, msg6(3, c, s, both, opt6(6, 7, 208, 7, 209)))),
		one("no room for rapid commit", frame.Punt, frame.PuntNoFit, relayed(linkB, msg6(1, c, both, opt6(14), opt6(6, 7, 208, 7, 209)))),
		one("no room for a Release", frame.Punt, frame.PuntNoFit, relayed(linkB, msg6(3, c, s, both)), relayed(linkB, msg6(8, c, s, both), opt6(18, pattern(1200)...))),

		dropped("no client identifier", frame.NoClientID, direct(1, both)),
		dropped("a server identifier in a Solicit", frame.BadRequest, direct(1, c, s, both)),
		dropped("another server's", frame.OtherServer, direct(3, c, opt6(2, otherID...), both)),
		dropped("no server identifier", frame.NoServerID, direct(3, c, both)),
		dropped("unicast", frame.Unicast6, unicast.frame(msg6(1, c, both))),
		dropped("unicast Request", frame.Unicast6, unicast.frame(msg6(3, c, s, both))),
		dropped("no subnet", frame.NoSubnet, relayed(ip6("2001:db8:77::1"), msg6(1, c, both))),
		dropped("filtered", frame.Filtered, relayed(linkA, msg6(1, c, both), opt6(79, 0, 1, 2, 0xde, 0xad, 1, 1, 1))),
		dropped("blocked", frame.Filtered, relayed(linkA, msg6(1, c, both), opt6(18, []byte("blocked")...))),
		dropped("17 IAs", frame.TooManyIAs, direct(1, c, many(17))),
		dropped("33 relays", frame.RelayDepth, nested(33)),
		dropped("an option past the end", frame.BadOption, direct(1, c, []byte{0, 3, 1, 0})),
		dropped("a DUID of 131 bytes", frame.BadDUID, direct(1, cid(pattern(131)))),
	)
}

// Every scene on both paths, and then once more: now and after the leases ended.
func TestPaths6(t *testing.T) {
	policy := build6(t)
	for _, s := range scenes6() {
		t.Run(s.name, func(t *testing.T) {
			p := newPair6(t, policy)
			var last outcome
			for _, f := range s.frames {
				last, _ = p.play(f, 0)
				p.wait(time.Second)
			}
			if v := last.verdict; v != s.want && (v != frame.Await || s.want != frame.Reply) || last.why != s.why {
				t.Errorf("the fast path: %v, %v, want %v (%v)", last.verdict, last.why, s.want, s.why)
			}
			for _, d := range []time.Duration{0, 10 * time.Minute, 3 * time.Hour} {
				p.wait(d)
				for _, f := range s.frames {
					p.play(f, 0)
				}
			}
		})
	}
}

// Every byte of the last frame of every scene, changed: what was good becomes bad in the
// same way on both paths.
func TestPathsOfMutations6(t *testing.T) {
	policy := build6(t)
	for _, s := range scenes6() {
		t.Run(s.name, func(t *testing.T) {
			p := newPair6(t, policy)
			f := s.frames[len(s.frames)-1]
			for i := 12; i < min(len(f), 400); i++ {
				if i > 24 && i < 44 {
					continue // of the source address
				}
				b := append([]byte(nil), f...)
				if b[i] ^= 1 << (i % 8); i%3 == 0 {
					b[i] = 255
				}
				p.play(repair6(b), 0)
				if i%50 == 0 {
					p.wait(3 * time.Hour)
				}
			}
		})
	}
}

// FuzzPaths6 plays two frames one after the other, and the second once more.
func FuzzPaths6(f *testing.F) {
	policies := []*policy6.Policy{
		build6(f),
		build6(f, func(s *policy6.Spec) {
			s.Unicast, s.Temporary, s.StatusOnTop, s.NoRecreate = policy6.UnicastRefuse, policy6.TemporaryAssign, true, true
		}),
	}
	for _, s := range scenes6() {
		f.Add(s.frames[0], s.frames[len(s.frames)-1], uint16(0), uint16(1))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, port, seconds uint16) {
		if len(first) > chunk || len(second) > chunk {
			return
		}
		p := newPair6(t, policies[port/4%2])
		p.play(repair6(first), port%3)
		p.wait(time.Duration(seconds) * time.Second)
		p.play(repair6(second), port%3)
		p.play(repair6(second), port%3)
		p.play(second, port%3)
	})
}
