// SPDX-License-Identifier: Apache-2.0

package equivalence

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// A mixer6 puts messages together of parts that mean something, at random, and asks for
// what it was given before.
type mixer6 struct {
	r     *rand.Rand
	given [][]byte // IA Address and IA Prefix options of replies
}

func (m *mixer6) pick(of ...[]byte) []byte { return of[m.r.IntN(len(of))] }

// learn remembers the leases in an answer.
func (m *mixer6) learn(out []byte) {
	for i := 0; i+29 <= len(out); i++ {
		code, n := binary.BigEndian.Uint16(out[i:]), int(binary.BigEndian.Uint16(out[i+2:]))
		if (code == 5 && n == 24 || code == 26 && n >= 25 && n < 40) && i+4+n <= len(out) {
			m.given = append(m.given, append([]byte(nil), out[i:i+4+n]...))
		}
	}
	if n := len(m.given); n > 30 {
		m.given = m.given[n-30:]
	}
}

func (m *mixer6) lease() []byte {
	if len(m.given) > 0 && m.r.IntN(3) > 0 {
		return m.pick(m.given...)
	}
	return m.pick(iaaddr(ip6("2001:db8::20")), iaaddr(ip6("2001:db8:a::1001")), iaaddr(ip6("2001:db8:c::1")), iaaddr(ip6("2001:db8:77::1")), iaaddr(unset),
		iaprefix("::/56"), iaprefix("::/48"), iaprefix("::/64"), iaprefix("2001:db8:1000::/56"), iaprefix("2001:db8:9999::/56"), iaprefix("::/0"), opt6(13, 0, 0))
}

func (m *mixer6) ia() []byte {
	var leases [][]byte
	for range m.r.IntN(3) {
		leases = append(leases, m.lease())
	}
	id := uint32(m.r.IntN(3))
	switch m.r.IntN(5) {
	case 0, 1:
		return iana(id, leases...)
	case 2:
		return iata(id, leases...)
	}
	return iapd(id, leases...)
}

func (m *mixer6) frame() []byte {
	r := m.r
	typ := []byte{1, 1, 1, 3, 3, 3, 4, 5, 5, 6, 8, 9, 11, 2, 14}[r.IntN(15)]
	var options [][]byte
	if r.IntN(15) > 0 {
		options = append(options, cid(m.pick(duid1, duid1, duid2, known6, []byte{7}, pattern(40))))
	}
	if needs := typ == 3 || typ == 5 || typ == 8 || typ == 9; needs && r.IntN(15) > 0 || !needs && r.IntN(20) == 0 {
		options = append(options, m.pick(sid(), sid(), sid(), sid(), opt6(2, otherID...)))
	}
	if typ != 11 || r.IntN(8) == 0 {
		for range r.IntN(4) {
			options = append(options, m.ia())
		}
	}
	for _, o := range [][]byte{
		oroAll, opt6(6, pattern(2*r.IntN(20))...), opt6(6, 7, 208, 7, 209), opt6(6, 0, 15), opt6(8, 0, byte(r.IntN(256))), opt6(14), opt6(20),
		opt6(15, m.pick([]byte("\x00\x04iPXE"), []byte("\x00\x06docsis\x00\x01x"), []byte("\x00\x00"))...),
		opt6(16, m.pick([]byte("\x00\x00\x01\x37\x00\x08MSFT 5.0"), []byte("\x00\x00\x00\x09"))...),
		opt6(17, m.pick(cat([]byte{0, 0, 1, 55}, opt6(94)), cat([]byte{0, 0, 0, 9}, opt6(1, 'x')))...),
		opt6(39, m.pick([]byte("\x01\x04host"), []byte("\x05\x02cm\x07example\x03net\x00"), []byte("\x00"))...),
		opt6(61, 0, 7), opt6(32, 0, 0, 0, 1), opt6(11, make([]byte, 11)...), opt6(3000, pattern(r.IntN(300))...), opt6(r.IntN(200)),
	} {
		if r.IntN(6) == 0 {
			options = append(options, o)
		}
	}
	r.Shuffle(len(options), func(i, j int) { options[i], options[j] = options[j], options[i] })
	msg := msg6(typ, options...)

	p := direct6()
	if levels := r.IntN(4); levels > 0 {
		p = via6()
		for i := range levels {
			link := m.pick(linkA, linkA, linkB, linkC, unset, ip6("2001:db8:77::1"))
			if i > 0 {
				link = m.pick(unset, linkB)
			}
			var line [][]byte
			for _, o := range [][]byte{
				opt6(18, m.pick([]byte("eth 0/7"), []byte("eth 0/9"), []byte("blocked"), pattern(r.IntN(700)))...), opt6(37, 0, 0, 0, 9, byte(r.IntN(3))),
				opt6(38, 's', byte(r.IntN(3))), opt6(53, 0, 3, 0, 1), opt6(79, m.pick([]byte{0, 1, 2, 0xcc, 0, 0, 0, 0x78}, []byte{0, 1, 2, 0xde, 0xad, 1, 1, 1})...),
				opt6(135, 0, 0), opt6(66, opt6(65, 'e')...), opt6(43, 0, 37, 0, 18, 3, 231), opt6(999, 'u'), opt6(r.IntN(150)),
			} {
				if r.IntN(5) == 0 {
					line = append(line, o)
				}
			}
			r.Shuffle(len(line), func(i, j int) { line[i], line[j] = line[j], line[i] })
			msg = relayForw(byte(i), link, m.pick(clientLL, relayLL, ip6("fe80::2cc:ff:fe00:78")), msg, line...)
		}
	}
	if r.IntN(6) == 0 {
		p.tags = []uint16{uint16(r.Uint32())}
	}
	if r.IntN(6) == 0 {
		p.sport = 40000
	}
	if r.IntN(10) == 0 {
		p.to, p.from = m.pick(server6, serverLL, groupSite), m.pick(ip6("2001:db8::77"), clientLL, server6, unset)
	}
	return p.frame(msg)
}

// Long histories of messages put together at random, under several policies.
func TestPathsOfMixtures6(t *testing.T) {
	for name, change := range map[string]func(*policy6.Spec){
		"as it is": func(*policy6.Spec) {},
		"temporary addresses, unicast": func(s *policy6.Spec) {
			s.Temporary, s.Unicast = policy6.TemporaryAssign, policy6.UnicastAccept
		},
		"of RFC 3315":       func(s *policy6.Spec) { s.Temporary, s.StatusOnTop = policy6.TemporaryRefuse, true },
		"no recreation":     func(s *policy6.Spec) { s.NoRecreate, s.Unicast = true, policy6.UnicastRefuse },
		"authoritative":     func(s *policy6.Spec) { s.Authoritative, s.Limits = true, nil },
		"Reconfigure alone": func(s *policy6.Spec) { s.ReconfigureOnly = true },
		"not authorized":    func(s *policy6.Spec) { s.Authorization = policy.Unauthorized },
	} {
		t.Run(name, func(t *testing.T) {
			p := build6(t, change)
			m := &mixer6{r: rand.New(rand.NewPCG(1, 2))}
			var answered, dropped, punted int
			for range 25 {
				w := newPair6(t, p)
				m.given = nil
				for range 60 {
					f := m.frame()
					for range 1 + m.r.IntN(2) {
						o, slow := w.play(f, 0)
						m.learn(slow.frame)
						switch o.verdict {
						case frame.Drop:
							dropped++
						case frame.Punt:
							punted++
						default:
							answered++
						}
					}
					if m.r.IntN(3) == 0 {
						w.wait(time.Duration(m.r.IntN(1000)) * time.Second)
					}
				}
			}
			if (answered == 0) != (p.Authorization == policy.Unauthorized) || dropped == 0 || punted == 0 {
				t.Errorf("%d answered, %d dropped, %d punted", answered, dropped, punted)
			}
			t.Logf("%d answered, %d dropped, %d punted", answered, dropped, punted)
		})
	}
}
