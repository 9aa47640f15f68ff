// SPDX-License-Identifier: Apache-2.0

package equivalence

import (
	"testing"
	"time"

	"xdhcp/engine/frame"
)

// A scene is frames that follow each other, and what the fast path must make of
// the last one. Reply stands for Await too.
type scene struct {
	name   string
	frames [][]byte
	want   frame.Verdict
	why    frame.Reason
}

func scenes() []scene {
	with := func(p packet, change func(*packet)) packet { change(&p); return p }
	one := func(name string, v frame.Verdict, why frame.Reason, frames ...[]byte) scene {
		return scene{name, frames, v, why}
	}
	answered := func(name string, frames ...[]byte) scene { return one(name, frame.Reply, frame.OK, frames...) }
	discover := direct().message(typ(1), askAll)
	request := direct().message(typ(3), ask(192, 0, 2, 100), chosen(), askAll)
	from := func(addr ...byte) packet { return renewal(addr) }
	other := with(via(relay4), func(p *packet) { p.hw = pattern(6) })
	var all []scene
	for t := 1; t < 20; t++ {
		v, why := frame.Drop, frame.NoType
		switch t {
		case 1, 3, 4, 7, 8:
			continue
		case 2, 5, 6:
			why = frame.FromServer
		case 10:
			v, why = frame.Punt, frame.PuntType
		}
		all = append(all, one("type "+string(rune('A'+t)), v, why, direct().message(typ(byte(t)))))
	}
	return append(all,
		one("type 0", frame.Drop, frame.NoType, direct().message(typ(0))),
		one("type 255", frame.Drop, frame.NoType, direct().message(typ(255))),

		answered("discover", discover),
		answered("discover without a list", direct().message(typ(1))),
		answered("discover again", discover, discover),
		answered("discover, broadcast", with(direct(), func(p *packet) { p.flags = 0x8000 }).message(typ(1))),
		answered("discover, tagged", with(direct(), func(p *packet) { p.tags = []uint16{0x6064} }).message(typ(1))),
		answered("discover, QinQ", with(direct(), func(p *packet) { p.tags, p.tpid = []uint16{200, 7}, 0x88a8 }).message(typ(1))),
		answered("discover, no UDP checksum", with(direct(), func(p *packet) { p.noUDPSum = true }).message(typ(1))),
		answered("discover, wants an address and a time", direct().message(typ(1), ask(192, 0, 2, 105), opt(51, []byte{0, 0, 0, 90}))),
		answered("discover, client-id and host name", direct().message(typ(1), opt(61, cat([]byte{1}, hw)), opt(12, []byte("host")))),
		answered("discover, a chaddr of no Ethernet", with(direct(), func(p *packet) { p.hw = pattern(8) }).message(typ(1))),
		answered("discover, no chaddr", with(direct(), func(p *packet) { p.hw = nil }).message(typ(1), opt(61, []byte("abc")))),
		answered("discover, subnet selection", direct().message(typ(1), opt(118, []byte{10, 1, 0, 0}))),
		answered("discover, FQDN", direct().message(typ(1), opt(81, cat([]byte{1, 0, 0}, []byte("host.example.org"))))),
		answered("discover, FQDN of a dial-in server", direct().message(typ(1), opt(81, cat([]byte{1, 0, 0}, []byte("h"))), opt(61, []byte("RAS 1")))),
		answered("discover, IPv6-only", direct().message(typ(1), opt(55, []byte{1, 3, 108}), opt(77, []byte("\x02v6")))),

		answered("select", discover, request),
		answered("select again", discover, request, request),
		answered("select, nothing was offered", request),
		answered("select, an address of no pool", direct().message(typ(3), ask(192, 0, 2, 5), chosen())),
		one("select another server", frame.Drop, frame.OtherServer, discover, direct().message(typ(3), ask(192, 0, 2, 100), opt(54, []byte{9, 9, 9, 9}))),
		answered("reboot", discover, request, direct().message(typ(3), ask(192, 0, 2, 100))),
		answered("reboot, not its own", discover, request, direct().message(typ(3), ask(192, 0, 2, 101))),
		one("reboot, unknown", frame.Drop, frame.UnknownClient, direct().message(typ(3), ask(192, 0, 2, 100))),
		answered("reboot, another network", direct().message(typ(3), ask(10, 9, 9, 9), opt(61, []byte{1, 2}))),
		answered("reboot, authoritative", via(relay1).message(typ(3), ask(10, 1, 1, 3), circuit)),
		answered("renew", discover, request, from(192, 0, 2, 100).message(typ(3), askAll)),
		answered("rebind", discover, request, with(from(192, 0, 2, 100), func(p *packet) { p.dst, p.to = everyMAC, every }).message(typ(3))),
		answered("renew, unknown", from(192, 0, 2, 104).message(typ(3))),
		one("request of contradictions", frame.Drop, frame.BadRequest, from(192, 0, 2, 104).message(typ(3), ask(192, 0, 2, 104))),
		one("decline", frame.Drop, frame.Declined, discover, request, direct().message(typ(4), ask(192, 0, 2, 100), chosen())),
		one("decline, not its own", frame.Drop, frame.NotHolder, direct().message(typ(4), ask(192, 0, 2, 100), chosen())),
		one("release", frame.Drop, frame.Released, discover, request, from(192, 0, 2, 100).message(typ(7), chosen())),
		one("release, not its own", frame.Drop, frame.NotHolder, from(192, 0, 2, 100).message(typ(7), chosen())),
		answered("inform", from(192, 0, 2, 200).message(typ(8), askAll)),
		answered("inform, relayed", with(via(relay1), func(p *packet) { p.ciaddr = []byte{10, 1, 3, 3} }).message(typ(8), circuit)),
		answered("inform, relayed, no address", via(relay1).message(typ(8), circuit)),
		answered("inform, list of classes", from(192, 0, 2, 200).message(typ(8), opt(55, []byte{77, 6}), msft)),
		answered("inform, rogue detection", from(192, 0, 2, 200).message(typ(8), opt(43, []byte{94, 0}))),

		answered("relayed", via(relay1).message(typ(1), askAll, circuit)),
		answered("relayed, select", via(relay1).message(typ(3), ask(10, 1, 1, 3), chosen(), circuit)),
		one("relayed, over the line's limit", frame.Drop, frame.Filtered,
			via(relay1).message(typ(3), ask(10, 1, 1, 3), chosen(), circuit),
			with(via(relay1), func(p *packet) { p.hw = pattern(6) }).message(typ(1), circuit)),
		answered("relayed, NAK", via(relay1).message(typ(3), ask(10, 2, 1, 3), chosen(), circuit)),
		answered("relayed, unknown sub-option", via(relay1).message(typ(1), opt(82, cat(opt(1, []byte("x")), opt(200, pattern(30)))))),
		answered("relayed, link selection", via(relay2).message(typ(1), opt(82, opt(5, []byte{10, 1, 0, 0})))),
		answered("relayed, server override", via(relay1).message(typ(1), opt(82, opt(11, []byte{10, 1, 0, 1})))),
		answered("relayed, selected by the override", via(relay1).message(typ(3), ask(10, 1, 1, 3), opt(54, []byte{10, 1, 0, 1}), opt(82, opt(11, []byte{10, 1, 0, 1})))),
		answered("relayed, the relay's own port", with(via(relay1), func(p *packet) { p.sport = 40000 }).message(typ(1), opt(82, opt(19, nil)))),
		answered("relayed, a line's reservation", via(relay1).message(typ(1), opt(82, opt(1, []byte("eth 0/9"))))),
		one("relayed, unknown network", frame.Drop, frame.NoSubnet, via([]byte{10, 77, 0, 1}).message(typ(1))),
		one("relayed by ourselves", frame.Drop, frame.FromServer, with(via(server), func(p *packet) { p.from = relay1 }).message(typ(1))),
		one("from ourselves", frame.Drop, frame.FromServer, with(direct(), func(p *packet) { p.from = server }).message(typ(1))),
		one("a line that is blocked", frame.Drop, frame.Filtered, via(relay1).message(typ(1), opt(82, opt(1, []byte("blocked"))))),
		one("a MAC that is denied", frame.Drop, frame.Filtered, with(direct(), func(p *packet) { p.hw = []byte{2, 0xde, 0xad, 1, 1, 1} }).message(typ(1))),
		answered("virtual network", via(relay3).message(typ(1), opt(82, cat(opt(1, []byte("v")), opt(151, []byte("\x00blue")), opt(152, nil))))),
		answered("virtual network of the client", via(relay3).message(typ(1), opt(221, []byte("\x00blue")), opt(82, opt(1, []byte("v"))))),
		answered("virtual network that is none", via(relay1).message(typ(1), opt(82, cat(opt(151, []byte("\x00red")), opt(152, nil), opt(1, []byte("v")))))),

		answered("Microsoft", direct().message(typ(1), msft, opt(61, cat([]byte{1}, hw)), opt(12, []byte("pc")), askAll)),
		answered("Microsoft, a class of its own", direct().message(typ(1), msft, opt(77, []byte("RRAS.Microsoft")))),
		answered("Microsoft, relayed to its own pool", via(relay1).message(typ(1), msft, askAll, opt(77, []byte("iPXE")))),
		answered("Microsoft, a long option", via(relay2).message(typ(1), msft, opt(57, []byte{5, 220}), opt(55, []byte{1, 119, 6}))),
		one("Microsoft, a long option that does not fit", frame.Punt, frame.PuntNoFit, via(relay2).message(typ(1), msft, opt(55, []byte{1, 119, 6, 160}))),
		answered("iPXE", direct().message(typ(1), opt(77, []byte("iPXE")), opt(93, []byte{0, 0}))),
		answered("iPXE as a list", direct().message(typ(1), opt(77, []byte("\x04iPXE")))),
		answered("UEFI", direct().message(typ(1), opt(60, []byte("PXEClient:Arch:00007")), opt(93, []byte{0, 7}), opt(94, []byte{1, 3, 16}), opt(97, pattern(17)))),
		answered("reservation", with(direct(), func(p *packet) { p.hw = known }).message(typ(1), askAll)),
		answered("reservation by identifier", direct().message(typ(1), opt(61, []byte("id-1")))),
		answered("reservation, another address", with(direct(), func(p *packet) { p.hw = known }).message(typ(3), ask(192, 0, 2, 100), chosen())),
		answered("reserved for another", direct().message(typ(3), ask(192, 0, 2, 20), chosen())),
		answered("routes, 249 alone", direct().message(typ(1), opt(55, []byte{1, 249}))),
		answered("routes, both", direct().message(typ(1), opt(55, []byte{249, 121, 121, 3, 1}))),
		answered("rapid commit", via(relay2).message(typ(1), opt(80, nil), opt(57, []byte{5, 220}))),
		answered("rapid commit that is not allowed", direct().message(typ(1), opt(80, nil))),
		answered("long options, long message", via(relay2).message(typ(1), opt(57, []byte{255, 255}), askAll)),
		one("pool full", frame.Drop, frame.PoolFull, via(relay4).message(typ(1)), other.message(typ(1))),
		answered("pool full, no auto-configuration", via(relay4).message(typ(1)), other.message(typ(1), opt(116, []byte{1}))),
		answered("auto-configuration", direct().message(typ(1), opt(116, []byte{1}), opt(55, []byte{1, 116}))),

		one("expression", frame.Punt, frame.PuntClass, direct().message(typ(1), opt(60, []byte("docsis3.0")), opt(12, []byte("cm-1")))),
		one("expression that is false", frame.Punt, frame.PuntClass, direct().message(typ(1), opt(60, []byte("docsis3.0")), opt(12, []byte("mta")))),
		one("no room", frame.Punt, frame.PuntNoFit, via(relay2).message(typ(1), opt(55, []byte{119, 160}))),
		one("no room for an ACK", frame.Punt, frame.PuntNoFit, via(relay2).message(typ(3), ask(10, 2, 1, 4), chosen(), circuit)),
		one("no room for rapid commit", frame.Punt, frame.PuntNoFit, via(relay2).message(typ(1), opt(80, nil), circuit)),
		one("overload", frame.Punt, frame.PuntOverload, with(direct(), func(p *packet) {
			p.file, p.sname = cat(opt(61, pattern(30)), []byte{255}), cat(opt(12, []byte("h")), []byte{255})
		}).message(typ(1), opt(52, []byte{3}))),
		one("split", frame.Punt, frame.PuntSplit, direct().message(typ(1), opt(55, []byte{1, 3}), opt(61, []byte{1, 2}), opt(55, []byte{6, 15}))),
		one("continued by 250", frame.Punt, frame.PuntOption, direct().message(typ(1), msft, opt(61, pattern(255)), opt(250, pattern(20)))),
		one("a server's, continued by 250", frame.Punt, frame.PuntOption, direct().message(typ(2), msft, opt(51, []byte{0, 0, 1, 0}), opt(250, pattern(20)))),
		one("of no type, continued by 250", frame.Punt, frame.PuntOption, direct().message(typ(99), msft, opt(51, []byte{0, 0, 1, 0}), opt(250, pattern(20)))),
		one("continued by 250, whoever that is", frame.Punt, frame.PuntOption, direct().message(typ(1), opt(61, pattern(255)), opt(250, pattern(20)))),
		one("unknown option", frame.Punt, frame.PuntOption, direct().message(typ(1), opt(230, []byte{1}))),
		one("IP options", frame.Punt, frame.PuntAddressing, with(direct(), func(p *packet) { p.ipOption = true }).message(typ(1))),
		one("BOOTP", frame.Punt, frame.PuntBootp, direct().message()),
		one("BOOTP, reserved", frame.Punt, frame.PuntBootp, with(direct(), func(p *packet) { p.hw = known }).message(make([]byte, 60))),
		one("BOOTP, a long message", frame.Punt, frame.PuntBootp, via(relay2).message(opt(55, []byte{119, 160}), make([]byte, 300))),
		one("BOOTP, has its address", frame.Punt, frame.PuntBootp, with(direct(), func(p *packet) { p.ciaddr = []byte{192, 0, 2, 60} }).message()),
		one("BOOTP, relayed", frame.Punt, frame.PuntBootp, via(relay1).message(circuit)),

		one("option beyond the end", frame.Drop, frame.BadOption, direct().message(typ(1), []byte{12, 200, 1})),
		one("option of a wrong length", frame.Drop, frame.BadOption, direct().message(typ(1), opt(50, []byte{1, 2, 3}))),
		one("sub-option beyond the end", frame.Drop, frame.BadOption, via(relay1).message(typ(1), opt(82, []byte{1, 9, 1}))),
		one("neither chaddr nor identifier", frame.Drop, frame.BadRequest, with(direct(), func(p *packet) { p.hw = nil }).message(typ(1))),
	)
}

// Every scene on both paths, and then once more: now and after the leases ended.
func TestPaths(t *testing.T) {
	policy := build(t)
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			p := newPair(t, policy)
			var last outcome
			for _, f := range s.frames {
				last, _ = p.play(f, 0)
				p.wait(time.Second)
			}
			if v := last.verdict; v != s.want && (v != frame.Await || s.want != frame.Reply) || last.why != s.why {
				t.Errorf("the fast path: %v, want %v (%v)", last, s.want, s.why)
			}
			for _, d := range []time.Duration{0, 10 * time.Minute, 2 * time.Hour} {
				p.wait(d)
				for _, f := range s.frames {
					p.play(f, 0)
				}
			}
		})
	}
}

// Every byte of the last frame of every scene, changed: what was good becomes bad
// in the same way on both paths.
func TestPathsOfMutations(t *testing.T) {
	policy := build(t)
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			p := newPair(t, policy)
			f := s.frames[len(s.frames)-1]
			at := network(f) + 28
			for i := 12; i < len(f); i++ {
				if i > at+60 && i < at+236 {
					continue // sname and file
				}
				b := append([]byte(nil), f...)
				b[i] ^= 1 << (i % 8)
				p.play(repair(b), 0)
				b[i] = 255
				p.play(repair(b), 0)
				if i%50 == 0 {
					p.wait(2 * time.Hour)
				}
			}
		})
	}
}

// FuzzPaths plays two frames one after the other, and the second once more.
func FuzzPaths(f *testing.F) {
	policy := build(f)
	for _, s := range scenes() {
		first := s.frames[0]
		f.Add(first, s.frames[len(s.frames)-1], uint16(0), uint16(1))
	}
	f.Fuzz(func(t *testing.T, first, second []byte, port, seconds uint16) {
		if len(first) > chunk || len(second) > chunk {
			return
		}
		p := newPair(t, policy)
		p.play(repair(first), port%3)
		p.wait(time.Duration(seconds) * time.Second)
		p.play(repair(second), port%3)
		p.play(repair(second), port%3)
		p.play(second, port%3)
	})
}
