// SPDX-License-Identifier: Apache-2.0

package equivalence

import (
	"math/rand/v2"
	"testing"
	"time"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// mix is a message of parts that mean something, put together at random.
func mix(r *rand.Rand) []byte {
	pick := func(of ...[]byte) []byte { return of[r.IntN(len(of))] }
	addr := func() []byte {
		return pick([]byte{192, 0, 2, byte(100 + r.IntN(4))}, []byte{10, 1, 1, byte(r.IntN(4))}, []byte{10, 1, 2, 0}, []byte{10, 2, 1, byte(r.IntN(3))},
			[]byte{10, 4, 1, 1}, []byte{192, 0, 2, 20}, []byte{192, 0, 2, 60}, nobody, every)
	}
	var p packet
	switch r.IntN(4) {
	case 0:
		p = direct()
	case 1:
		p = renewal(addr())
	default:
		p = via(pick(relay1, relay1, relay2, relay2, relay3, relay4))
	}
	p.hw = pick(hw, hw, known, pattern(6), []byte{2, 0xde, 0xad, 1, 1, 1}, nil)
	p.flags = uint16(r.IntN(2)) << 15
	if r.IntN(8) == 0 {
		p.ciaddr = addr()
	}
	if r.IntN(6) == 0 {
		p.tags = []uint16{uint16(r.Uint32())}
	}
	if r.IntN(6) == 0 {
		p.sport = 40000
	}
	var options [][]byte
	if t := r.IntN(12); t > 0 {
		options = append(options, typ([]byte{0, 1, 1, 1, 3, 3, 3, 3, 4, 7, 8, 2}[t]))
	}
	lines := [][]byte{
		opt(1, []byte("eth 0/7")), opt(1, []byte("eth 0/9")), opt(2, []byte("olt-12")), opt(5, []byte{10, 1, 0, 0}), opt(11, []byte{10, 1, 0, 1}),
		opt(19, nil), opt(151, []byte("\x00blue")), opt(151, []byte("\xff")), opt(152, nil), opt(200, pattern(r.IntN(40))),
	}
	var info []byte
	for range r.IntN(4) {
		info = append(info, lines[r.IntN(len(lines))]...)
	}
	for _, o := range [][]byte{
		ask(addr()...), ask(addr()...), chosen(), opt(54, pick([]byte{10, 1, 0, 1}, []byte{9, 9, 9, 9})),
		opt(51, []byte{0, 0, byte(r.IntN(256)), 0}), askAll, opt(55, pattern(1+r.IntN(60))), opt(55, []byte{1, 108, 116, 77}),
		opt(57, pick([]byte{5, 220}, []byte{2, 80}, []byte{0, 1}, []byte{3, 0})), opt(60, pick([]byte("MSFT 5.0"), []byte("docsis3"), []byte("MSFT 98"))),
		opt(61, pick([]byte("id-1"), []byte("RAS x"), pattern(200), []byte{1, 2})), opt(12, pick([]byte("cm1"), pattern(90))),
		opt(77, pick([]byte("iPXE"), []byte("\x04iPXE"), []byte("\x02v6"))), opt(80, nil), opt(81, pick([]byte("\x01\x00\x00host"), []byte("\x05\x00\x00\x04host\x00"), []byte("\x04\x00\x00"))),
		opt(93, []byte{0, 7}), opt(97, pick(pattern(17), pattern(255), nil)), opt(116, []byte{1}), opt(118, pick([]byte{10, 1, 0, 0}, []byte{10, 2, 0, 0})), opt(221, []byte("\x00blue")),
		opt(43, []byte{94, 0}), opt(250, pattern(9)), make([]byte, 70),
	} {
		if r.IntN(7) == 0 {
			options = append(options, o)
		}
	}
	r.Shuffle(len(options), func(i, j int) { options[i], options[j] = options[j], options[i] })
	if len(info) > 0 {
		options = append(options, opt(82, info))
	}
	return p.message(options...)
}

// Long histories of messages put together at random, under several policies.
func TestPathsOfMixtures(t *testing.T) {
	for name, change := range map[string]func(*policy.Spec){
		"as it is":            func(*policy.Spec) {},
		"the line's address":  func(s *policy.Spec) { s.Identity, s.Limits = policy.IdentityCircuit, nil },
		"strict, silent":      func(s *policy.Spec) { s.StrictUserClass, s.SilentReboot, s.NoRecreate = true, true, true },
		"authoritative":       func(s *policy.Spec) { s.Authoritative, s.SubnetSelection = true, false },
		"not authorized":      func(s *policy.Spec) { s.Authorization = policy.Unauthorized },
		"detected authorized": func(s *policy.Spec) { s.Authorization, s.FQDN.Ignore = policy.AuthorizedByDetection, true },
	} {
		t.Run(name, func(t *testing.T) {
			s := spec()
			change(&s)
			p, err := policy.Build(s)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			var answered, dropped, punted int
			for range 30 {
				w := newPair(t, p)
				for range 60 {
					f := mix(r)
					for range 1 + r.IntN(2) {
						switch o, _ := w.play(f, 0); o.verdict {
						case frame.Drop:
							dropped++
						case frame.Punt:
							punted++
						default:
							answered++
						}
					}
					if r.IntN(3) == 0 {
						w.wait(time.Duration(r.IntN(1000)) * time.Second)
					}
				}
			}
			if (answered == 0) != (s.Authorization == policy.Unauthorized) || dropped == 0 || punted == 0 {
				t.Errorf("%d answered, %d dropped, %d punted", answered, dropped, punted)
			}
			t.Logf("%d answered, %d dropped, %d punted", answered, dropped, punted)
		})
	}
}
