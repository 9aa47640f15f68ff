// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"

	"xdhcp/bpf"
	"xdhcp/engine/frame"
	"xdhcp/internal/nettest"
)

// flood runs f at an end until stop is called, which returns how many frames were sent.
func flood(t *testing.T, e *nettest.End, f Flood) (stop func() uint64) {
	t.Helper()
	f.Interface, f.Core = e.Name, -1
	ctx, cancel := context.WithCancel(t.Context())
	type result struct {
		n   uint64
		err error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		e.Do(func() { r.n, r.err = f.Run(ctx) })
		done <- r
	}()
	return func() uint64 {
		cancel()
		r := <-done
		if r.err != nil {
			t.Errorf("flood: %v", r.err)
		}
		return r.n
	}
}

// Every frame of garbage arrives, and the server's XDP program knows it for what it is.
func TestFloodOfGarbage(t *testing.T) {
	p := nettest.Veth(t)
	prog, err := bpf.Load(bpf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer prog.Close()
	p.Server.Do(func() { _, err = prog.Attach(p.Server.Index, bpf.Auto) })
	if err != nil {
		t.Fatal(err)
	}
	stop := flood(t, p.Client, Flood{Kind: Garbage})
	var c bpf.Counters
	for deadline := time.Now().Add(20 * time.Second); c[bpf.Garbage] < 1000 && time.Now().Before(deadline); {
		if c, err = prog.Counters(); err != nil {
			t.Fatal(err)
		}
	}
	sent := stop()
	for deadline := time.Now().Add(5 * time.Second); c[bpf.Garbage] < sent && time.Now().Before(deadline); {
		if c, err = prog.Counters(); err != nil {
			t.Fatal(err)
		}
	}
	// The veth's queue is shorter than a batch; what it had no room for is lost.
	if c[bpf.Garbage] < 1000 || c[bpf.Garbage] > sent {
		t.Errorf("%d frames sent, %d known for garbage", sent, c[bpf.Garbage])
	}
	for i, n := range c {
		if i := bpf.Counter(i); i != bpf.Garbage && i != bpf.NotDHCP && n > 0 { // the kernel's own IPv6
			t.Errorf("%d frames counted as %v", n, i)
		}
	}
}

// Each DISCOVER is a whole message of a client of its own: other libraries read it.
func TestFloodOfDiscovers(t *testing.T) {
	p := nettest.Veth(t)
	tr := xdpQueues(1).at(t, p.Server)
	defer tr.Close()
	stop := flood(t, p.Client, Flood{Kind: Discovers, Rate: 20_000, Server: netip.MustParseAddr("192.0.2.1"), ServerMAC: MAC(p.Server.MAC)})
	seen := map[string]bool{}
	var in [batch]frame.Frame
	for deadline := time.Now().Add(20 * time.Second); len(seen) < 500 && time.Now().Before(deadline); {
		n := tr.Recv(in[:])
		for _, f := range in[:n] {
			pkt := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.Default)
			ip, _ := pkt.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
			udp, _ := pkt.Layer(layers.LayerTypeUDP).(*layers.UDP)
			if ip == nil || udp == nil || udp.DstPort != 67 || !ip.DstIP.Equal(net.IPv4(192, 0, 2, 1)) {
				t.Fatalf("no DHCP to the server: %v", pkt)
			}
			m, err := dhcpv4.FromBytes(udp.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if m.MessageType() != dhcpv4.MessageTypeDiscover || m.OpCode != dhcpv4.OpcodeBootRequest || len(m.ClientHWAddr) != 6 {
				t.Fatalf("no DISCOVER: %v", m)
			}
			if mac := m.ClientHWAddr.String(); seen[mac] {
				t.Fatalf("%s came twice", mac)
			} else {
				seen[mac] = true
			}
		}
		tr.Free(in[:n])
		if n == 0 {
			if err := tr.Wait(time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.Flush(); err != nil { // gives the freed frames back to the ring
			t.Fatal(err)
		}
	}
	if sent := stop(); len(seen) < 500 || uint64(len(seen)) > sent {
		t.Errorf("%d clients seen of %d frames", len(seen), sent)
	}
}

// An interface that nobody serves by XDP gets a flood's frames once it is told to admit
// them; one that has a program keeps it.
func TestAdmit(t *testing.T) {
	p := nettest.Veth(t)
	var undo func() error
	var err error
	p.Server.Do(func() { undo, err = Admit(p.Server.Name) })
	if err != nil {
		t.Fatal(err)
	}
	var fd int
	p.Server.Do(func() { fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0) })
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Port: 67}), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20})); err != nil {
		t.Fatal(err)
	}
	stop := flood(t, p.Client, Flood{Kind: Garbage, Rate: 1000})
	var b [2048]byte
	n, err := unix.Read(fd, b[:])
	stop()
	if err != nil || n != 300 {
		t.Errorf("received %d bytes: %v; want 300", n, err)
	}
	if err := undo(); err != nil {
		t.Error(err)
	}
	p.Server.Do(func() {
		tr := xdpQueues(1).at(t, p.Server)
		defer tr.Close()
		if undo, err = Admit(p.Server.Name); err == nil {
			err = undo()
		}
		if err != nil {
			t.Error(err)
		}
		if _, err = Admit("none0"); err == nil {
			t.Error("no such interface: no error")
		}
	})
}

func TestFloodRefusals(t *testing.T) {
	p := nettest.Veth(t)
	p.Client.Do(func() {
		for name, f := range map[string]Flood{
			"no such interface":  {Interface: "none0", Core: -1},
			"a server with IPv6": {Interface: p.Client.Name, Core: -1, Server: netip.MustParseAddr("2001:db8::1")},
			"no such core":       {Interface: p.Client.Name, Core: 900},
		} {
			if _, err := f.Run(t.Context()); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
	if _, err := ParseFloodKind("water"); err == nil {
		t.Error("a flood of water")
	}
}

// A kernel in which each call takes 20 ms, and each frame 300 ns more.
func pretend(rate float64, until time.Duration) (frames uint64, calls int, longest time.Duration) {
	p := newPace(rate)
	var at time.Duration
	for at < until {
		n, wait := p.next(at)
		if n == 0 {
			at += wait
			continue
		}
		took := 20*time.Millisecond + time.Duration(n)*300
		p.made(n, took)
		at += took
		frames += uint64(n)
		calls++
		longest = max(longest, took)
	}
	return frames, calls, longest
}

// A flood without a rate is made of calls that are long beside what each costs; one with
// a rate keeps it, however short of it a call falls.
func TestPaceOfFlood(t *testing.T) {
	frames, calls, longest := pretend(0, 10*time.Second)
	if most := 10_000_000_000 / 300; frames < uint64(most)*7/10 {
		t.Errorf("%d frames in %d calls, of %d without the waits between them", frames, calls, most)
	}
	if longest > 2*callTime {
		t.Errorf("a call of %v", longest)
	}
	for _, rate := range []float64{1, 30, 999, 20_000, 1_000_000, 2_000_000} {
		frames, calls, longest := pretend(rate, 10*time.Second)
		if want := 10 * rate; math.Abs(float64(frames)-want) > max(0.02*want, 1) {
			t.Errorf("rate %v: %d frames in 10 s by %d calls", rate, frames, calls)
		}
		if longest > 3*callTime {
			t.Errorf("rate %v: a call of %v", rate, longest)
		}
	}
	// More than goes is as much as goes.
	if frames, _, _ := pretend(100e6, 10*time.Second); frames < 22e6 {
		t.Errorf("rate 100 M/s: %d frames in 10 s", frames)
	}
}
