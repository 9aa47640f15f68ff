// SPDX-License-Identifier: Apache-2.0

package port

import (
	"os"
	"strings"
	"testing"

	"xdhcp/bpf"
	"xdhcp/internal/nettest"
)

// joined is which of the groups' addresses the kernel has the interface receive.
func joined(t *testing.T, end *nettest.End) (list []string) {
	t.Helper()
	end.Do(func() {
		// Index, name, users, global users, address.
		table, err := os.ReadFile("/proc/thread-self/net/dev_mcast")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			if len(f) == 5 && f[1] == end.Name && strings.HasPrefix(f[4], "33330001") {
				list = append(list, f[4])
			}
		}
	})
	return list
}

// The groups are joined while DHCPv6 is served, even on an interface without
// IPv6, and the program steers what is served.
func TestGroupsFollowWhatIsServed(t *testing.T) {
	pair := nettest.Veth(t)
	end := pair.Server
	end.Sysctl("net/ipv6/conf/"+end.Name+"/disable_ipv6", "1")
	v4, v6 := true, false
	p := New(Options{Name: end.Name, VLANs: true, Families: func() (bool, bool) { return v4, v6 }})
	s := &serving{steering: p.steering()}
	program, err := bpf.Load(bpf.Options{Steer: s.steering})
	if err != nil {
		t.Fatal(err)
	}
	s.program = program
	defer s.close()

	for _, step := range []struct {
		v4, v6 bool
		steer  bpf.Steer
		groups string
	}{
		{true, false, bpf.SteerV4 | bpf.SteerVLAN, ""},
		{true, true, bpf.SteerV4 | bpf.SteerV6 | bpf.SteerVLAN, "333300010002 333300010003"},
		{true, true, bpf.SteerV4 | bpf.SteerV6 | bpf.SteerVLAN, "333300010002 333300010003"},
		{false, true, bpf.SteerV6 | bpf.SteerVLAN, "333300010002 333300010003"},
		{false, false, bpf.SteerVLAN, ""},
		{true, true, bpf.SteerV4 | bpf.SteerV6 | bpf.SteerVLAN, "333300010002 333300010003"},
	} {
		v4, v6 = step.v4, step.v6
		end.Do(func() { err = p.serveFamilies(s, end.Index) })
		if err != nil {
			t.Fatal(err)
		}
		if s.steering != step.steer {
			t.Errorf("%v, %v: steers %b, want %b", v4, v6, s.steering, step.steer)
		}
		if got := strings.Join(joined(t, end), " "); got != step.groups {
			t.Errorf("%v, %v: in the groups %q, want %q", v4, v6, got, step.groups)
		}
	}
	// What ends the serving ends the membership.
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s.program, s.groups = nil, nil
	if got := joined(t, end); got != nil {
		t.Errorf("still in %v", got)
	}
}

// Without XDP the sockets of the slow path join.
func TestNoGroupsWithoutXDP(t *testing.T) {
	p := New(Options{Off: true, Families: func() (bool, bool) { return true, true }})
	s := &serving{}
	if err := p.serveFamilies(s, 1<<30); err != nil || s.groups != nil {
		t.Errorf("%v, %v", s.groups, err)
	}
}
