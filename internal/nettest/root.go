// SPDX-License-Identifier: Apache-2.0

// Package nettest makes the networks that tests run on: veth pairs between
// network namespaces of their own.
//
// A namespace has no name: only a descriptor of the test process holds it, so
// the kernel removes it, and every interface and XDP program in it, when the
// test ends, and also when the test process is killed. Nothing is shared with
// the machine's network, with another test or with a running lab, and
// interface names carry the process id, so code that looks an interface up in
// the wrong namespace finds none instead of somebody else's.
//
//	p := nettest.Veth(t, nettest.Queues(2), nettest.ServerAddr("10.0.0.1/24"))
//	p.Server.Do(func() { sock, err = xsk.Open(...) })   // in the server's namespace
//	out, err := p.Client.Command("udhcpc", "-i", p.Client.Name, ...).CombinedOutput()
//	c := p.Client.Packet(t); c.Send(frame); reply := c.Recv(time.Second)
//
//	Veth:   server ns [Server] ═════ [Client] client ns
//	Relay:  server ns [Server] ═════ [RelayUp] relay ns [RelayDown] ═════ [Client] client ns
//
// Checksum offload is left as the kernel has it: a UDP sender's frame arrives
// with a partial checksum. IPv6 is silent until an IPv6 address is asked for.
package nettest

import (
	"os"
	"testing"
)

// NeedRoot skips the test where it lacks the privileges for namespaces, XDP and
// raw sockets. With REQUIRE_ROOT_TESTS=1, as in CI, the lack is a failure: a
// skipped test must not look like a passed one.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("REQUIRE_ROOT_TESTS") == "1" {
		t.Fatal("REQUIRE_ROOT_TESTS=1, but this test does not run as root")
	}
	t.Skip("needs root: network namespaces, XDP and raw sockets")
}
