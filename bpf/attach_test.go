// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"

	"xdhcp/internal/nettest"
)

const long = 5 * time.Second

// attach attaches in the end's namespace.
func attach(t *testing.T, p *Program, e *nettest.End, mode Mode) (a Attachment, err error) {
	t.Helper()
	e.Do(func() { a, err = p.Attach(e.Index, mode) })
	return a, err
}

// await sends a frame, waits until the kernel of the other end has it, VLAN
// tags and all, and checks the counter, which has been at zero.
func await(t *testing.T, p *Program, pair *nettest.Pair, frame []byte, c Counter) {
	t.Helper()
	server, client := pair.Server.Packet(t), pair.Client.Packet(t)
	client.Send(frame)
	if got := server.RecvMatch(long, func(b []byte) bool { return bytes.Equal(b, frame) }); got == nil {
		t.Errorf("the kernel has not received the frame % x", frame)
	}
	got, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if got[c] != 1 {
		t.Errorf("counter %v is %d, want 1", c, got[c])
	}
}

func TestAttach(t *testing.T) {
	for _, tc := range []struct {
		name string
		mode Mode
		opts []nettest.Option
		want Attachment
	}{
		{"auto is native", Auto, nil, Attachment{Mode: Native}},
		{"native", Native, nil, Attachment{Mode: Native}},
		{"generic", Generic, nil, Attachment{Mode: Generic, Why: "generic mode is configured"}},
		{"native, jumbo frames", Native, []nettest.Option{nettest.MTU(9000)}, Attachment{Mode: Native}},
		{"native, four queues", Native, []nettest.Option{nettest.Queues(4)}, Attachment{Mode: Native}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair := nettest.Veth(t, tc.opts...)
			p := load(t, Options{})
			got, err := attach(t, p, pair.Server, tc.mode)
			if err != nil || got != tc.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, tc.want)
			}
			// No socket is registered, so the kernel still has the frame.
			await(t, p, pair, discover(), NoSocket)
			await(t, p, pair, to("10.0.0.2")(discover()), NotOurs)
			await(t, p, pair, tag(0x8100, 7)(to("10.0.0.3")(options4(3)(discover()))), NotDHCP)

			if err := p.Detach(); err != nil {
				t.Fatal(err)
			}
			if err := p.Detach(); err != nil {
				t.Errorf("second Detach: %v", err)
			}
			before, _ := p.Counters()
			client, server := pair.Client.Packet(t), pair.Server.Packet(t)
			client.Send(discover())
			if server.Recv(long) == nil {
				t.Error("no frame after Detach")
			}
			if after, _ := p.Counters(); after != before {
				t.Errorf("the program still runs: %v, then %v", before, after)
			}
			if _, err := attach(t, p, pair.Server, tc.mode); err != nil {
				t.Errorf("attach again: %v", err)
			}
		})
	}
}

// Before Linux 5.18 a program cannot take frames in several buffers, and veth
// refuses it an MTU that would make such frames.
func TestAttachFallsBackToGenericAndSaysWhy(t *testing.T) {
	pair := nettest.Veth(t, nettest.MTU(9000))
	p := load(t, Options{singleBuffer: true})
	if _, err := attach(t, p, pair.Server, Native); err == nil || !strings.Contains(err.Error(), "MTU") ||
		!strings.Contains(err.Error(), pair.Server.Name) {
		t.Errorf("native: %v, want an error that names the interface and the MTU", err)
	}
	a, err := attach(t, p, pair.Server, Auto)
	if err != nil || a.Mode != Generic {
		t.Fatalf("auto: %+v, %v", a, err)
	}
	if want := "native: numerical result out of range (as a rule: the MTU is too large)"; a.Why != want {
		t.Errorf("why: %q, want %q", a.Why, want)
	}
	await(t, p, pair, discover(), NoSocket)
}

func TestAttachLoopbackIsGeneric(t *testing.T) {
	ns := nettest.NewNamespace(t)
	p := load(t, Options{})
	ns.Do(func() {
		a, err := p.Attach(1, Auto)
		if err != nil || a.Mode != Generic || !strings.Contains(a.Why, "no native XDP") {
			t.Errorf("got %+v, %v", a, err)
		}
	})
}

func TestAttachNamesTheOtherProgram(t *testing.T) {
	for _, mode := range []struct {
		name  string
		flags link.XDPAttachFlags
	}{{"native", link.XDPDriverMode}, {"generic", link.XDPGenericMode}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel() // each attempt waits busyFor
			pair := nettest.Veth(t)
			other := passProgram(t, "somebody_else")
			pair.Server.Do(func() {
				l, err := link.AttachXDP(link.XDPOptions{Program: other, Interface: pair.Server.Index, Flags: mode.flags})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
			})
			p := load(t, Options{})
			for _, m := range []Mode{Auto, Generic} {
				_, err := attach(t, p, pair.Server, m)
				if !errors.Is(err, ErrInUse) {
					t.Fatalf("%v: %v, want ErrInUse", m, err)
				}
				for _, want := range []string{pair.Server.Name, `"somebody_else"`, "id "} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%v: %q does not say %q", m, err, want)
					}
				}
			}
		})
	}
}

// A program on its way out is waited for: that of a killed server goes some
// time after the server.
func TestAttachWaitsForAProgramThatGoes(t *testing.T) {
	pair := nettest.Veth(t)
	first, second := load(t, Options{}), load(t, Options{})
	if _, err := attach(t, first, pair.Server, Native); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error)
	time.AfterFunc(5*busyCheck, func() { gone <- first.Close() })
	if _, err := attach(t, second, pair.Server, Native); err != nil {
		t.Error(err)
	}
	if err := <-gone; err != nil {
		t.Error(err)
	}
}

func TestAttachTwice(t *testing.T) {
	pair := nettest.Veth(t)
	p := load(t, Options{})
	if _, err := attach(t, p, pair.Server, Auto); err != nil {
		t.Fatal(err)
	}
	if _, err := attach(t, p, pair.Client, Auto); err == nil {
		t.Error("one program on two interfaces")
	}
}

func TestAttachToNothing(t *testing.T) {
	pair := nettest.Veth(t)
	p := load(t, Options{})
	pair.Server.Do(func() {
		if _, err := p.Attach(12345, Auto); err == nil || !strings.Contains(err.Error(), "12345") {
			t.Errorf("got %v", err)
		}
	})
}

// An interface that vanishes takes its link with it; the program can go on
// another one.
func TestAttachAfterTheInterfaceVanished(t *testing.T) {
	pair := nettest.Veth(t)
	p := load(t, Options{})
	if _, err := attach(t, p, pair.Server, Auto); err != nil {
		t.Fatal(err)
	}
	pair.Server.Delete()
	if err := p.Detach(); err != nil {
		t.Error(err)
	}
	pair = nettest.Veth(t)
	if _, err := attach(t, p, pair.Server, Auto); err != nil {
		t.Fatal(err)
	}
	await(t, p, pair, discover(), NoSocket)
}

// A frame in several buffers is for the kernel.
func TestSteerSeveralBuffers(t *testing.T) {
	p := loadWithSocket(t, Options{FrameMax: 0xffff})
	p.expect(t, 0, grow(3000)(discover()), xdpRedirect, Steered4)
	pair := nettest.Veth(t, nettest.MTU(9000))
	q := load(t, Options{})
	if err := q.SetAddrs([]netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}); err != nil {
		t.Fatal(err)
	}
	if _, err := attach(t, q, pair.Server, Native); err != nil {
		t.Fatal(err)
	}
	await(t, q, pair, grow(9000)(discover()), TooLong)
}

func TestModeString(t *testing.T) {
	for m, want := range map[Mode]string{Auto: "auto", Native: "native", Generic: "generic", 9: "mode(9)"} {
		if m.String() != want {
			t.Errorf("got %q, want %q", m, want)
		}
	}
}

// passProgram is an XDP program that passes everything.
func passProgram(t *testing.T, name string) *ebpf.Program {
	t.Helper()
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: name, Type: ebpf.XDP, License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, xdpPass), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	return prog
}
