// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"xdhcp/internal/nettest"
)

// opener opens one of the transports at an end.
type opener struct {
	name string
	open func(ifname string) (Transport, error)
}

func xdpQueues(n int) opener {
	return opener{fmt.Sprintf("AF_XDP, %d queues", n), func(ifname string) (Transport, error) { return OpenXDP(ifname, n) }}
}

var packetSocket = opener{"AF_PACKET", func(ifname string) (Transport, error) { return OpenPacket(ifname) }}

func (o opener) at(t testing.TB, e *nettest.End) Transport {
	t.Helper()
	var tr Transport
	var err error
	e.Do(func() { tr, err = o.open(e.Name) })
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// serve runs the stub until the test ends.
func serve(t testing.TB, tr Transport) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	stub := newStub()
	stub.MAC = MAC{} // the transport's
	go func() { done <- stub.Serve(ctx, tr) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestOnVeth(t *testing.T) {
	for _, tc := range []struct {
		name           string
		client, server opener
		queues         int
		cfg            Config
	}{
		{"AF_XDP relayed", xdpQueues(1), xdpQueues(1), 1, relayed(1000)},
		{"AF_XDP direct", xdpQueues(1), xdpQueues(1), 1, Config{Clients: 1000}},
		{"AF_XDP QinQ", xdpQueues(1), xdpQueues(1), 1, Config{Clients: 1000, Tags: []Tag{{First: 100, Count: 10}, {First: 1, Count: 100}}}},
		{"AF_XDP on four queues", xdpQueues(4), xdpQueues(4), 4, relayed(1000)},
		{"AF_XDP, DHCPv6 relayed", xdpQueues(1), xdpQueues(1), 1, relayed6(1000)},
		{"AF_XDP, DHCPv6 direct QinQ", xdpQueues(1), xdpQueues(1), 1, Config{V6: true, NA: true, PD: true, Clients: 1000, Tags: []Tag{{First: 100, Count: 10}, {First: 1, Count: 100}}}},
		{"AF_PACKET, DHCPv6", packetSocket, packetSocket, 1, Config{V6: true, Clients: 1000}},
		{"AF_PACKET relayed", packetSocket, xdpQueues(1), 1, relayed(1000)},
		{"AF_PACKET direct", packetSocket, packetSocket, 1, Config{Clients: 1000}},
		{"AF_PACKET VLAN", packetSocket, xdpQueues(1), 1, Config{Clients: 1000, Tags: []Tag{{First: 100, Count: 10}}}},
		{"AF_PACKET QinQ", packetSocket, xdpQueues(1), 1, Config{Clients: 1000, Tags: []Tag{{First: 100, Count: 10}, {First: 1, Count: 100}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := nettest.Veth(t, nettest.Queues(tc.queues))
			serve(t, tc.server.at(t, p.Server))
			cfg := tc.cfg
			cfg.ServerMAC = MAC(p.Server.MAC)
			cfg.Waits = []time.Duration{5 * time.Second} // a loaded machine is no failure
			g, err := New(cfg, tc.client.at(t, p.Client))
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			for _, l := range []Load{
				{Window: 100, Count: 1000},
				{Rate: 5000, Count: 1000, Mix: Mix{Renew: 60, Rebind: 20, DORA: 10, Release: 10}},
				{Count: 500},
			} {
				r, err := g.Run(t.Context(), l)
				if err != nil {
					t.Fatal(err)
				}
				if sum(r.Done) != sum(r.Begun) || r.WrongTotal() != 0 || r.DropRatio > 0 {
					t.Errorf("%+v: %+v", l, r)
				}
			}
			if g.Bound() < 800 {
				t.Errorf("%d bound", g.Bound())
			}
		})
	}
}

func TestTransportsTellWhy(t *testing.T) {
	p := nettest.Veth(t)
	p.Client.Do(func() {
		for _, o := range []opener{xdpQueues(1), packetSocket} {
			if tr, err := o.open("nothing0"); err == nil {
				t.Errorf("%s opens an interface that is not there", o.name)
				tr.Close()
			}
		}
		if tr, err := OpenXDP(p.Client.Name, 2); err == nil {
			t.Error("a queue that the interface does not have")
			tr.Close()
		}
		tr, err := OpenXDP(p.Client.Name, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		if second, err := OpenXDP(p.Client.Name, 1); err == nil {
			t.Error("two sockets on one queue")
			second.Close()
		}
	})
}

// Frames of other protocols reach the kernel while the generator runs.
func TestOtherTrafficPasses(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr("192.0.2.1/24"), nettest.ClientAddr("192.0.2.2/24"))
	tr := xdpQueues(1).at(t, p.Client)
	defer tr.Close()
	var server, client net.PacketConn
	var err error
	p.Client.Do(func() { client, err = net.ListenPacket("udp4", "192.0.2.2:0") })
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p.Server.Do(func() { server, err = net.ListenPacket("udp4", "192.0.2.1:0") })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := server.WriteTo([]byte("hello"), client.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if err := client.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, _, err := client.ReadFrom(buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestStubWithoutAddresses(t *testing.T) {
	for _, s := range []*Stub{{First: first}, {ServerID: serverIP, First: netip.IPv6Loopback()}} {
		if err := s.Serve(t.Context(), newMemory(nil)); err == nil {
			t.Errorf("%+v serves", s)
		}
	}
}

// BenchmarkVeth is exchanges in a closed loop against the stub, on whatever
// the machine has free.
func BenchmarkVeth(b *testing.B) {
	p := nettest.Veth(b)
	serve(b, xdpQueues(1).at(b, p.Server))
	cfg := relayed(1 << 16)
	cfg.ServerMAC = MAC(p.Server.MAC)
	g, err := New(cfg, xdpQueues(1).at(b, p.Client))
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	b.ReportAllocs()
	b.ResetTimer()
	r, err := g.Run(context.Background(), Load{Window: 1024, Count: b.N})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(r.Rate, "exchanges/s")
	b.ReportMetric(float64(r.CPU.Nanoseconds())/float64(b.N), "cpu-ns/op")
}
