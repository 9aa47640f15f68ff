// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/internal/nettest"
)

// held is what `xdhcpd history --json` prints, as far as it is looked at.
type held struct {
	Address string    `json:"address"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Ended   string    `json:"ended"`
	MAC     string    `json:"mac"`
	Circuit string    `json:"circuit_id"`
	DUID    string    `json:"duid"`
}

func history(t *testing.T, s *server, args ...string) []held {
	t.Helper()
	cmd := exec.Command(s.binary, append([]string{"history", "--json", "--state", s.state}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	var hs []held
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var h held
		if err := dec.Decode(&h); err != nil {
			t.Fatal(err)
		}
		hs = append(hs, h)
	}
	return hs
}

// Who had an address, when, and behind which circuit: while the server runs,
// after it has ended, and after another start.
func TestHistory(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
subnets:
  - subnet: 192.0.2.0/24
    pools: [192.0.2.100]
`, p.Server.Name))
	c := newClient(t, p.Client, "02:00:00:00:0d:01")
	first := c.lease(dhcpv4.WithOption(dhcpv4.OptRelayAgentInfo(dhcpv4.OptGeneric(dhcpv4.AgentCircuitIDSubOption, []byte("ge-1/2")))))
	release, err := dhcpv4.NewReleaseFromACK(first.DHCPv4)
	if err != nil {
		t.Fatal(err)
	}
	c.wire.Send(c.frameTo(release, first.YourIPAddr, first.ServerIdentifier(), p.Server.MAC))
	eventually(t, "the address is given back", func() bool { return s.leases()["192.0.2.100"].State == "released" })
	other := newClient(t, p.Client, "02:00:00:00:0d:02")
	// A freed address is given again once the free is durable.
	eventually(t, "another client gets it", func() bool {
		m := other.discover()
		other.wire.Send(other.frame(m))
		offer := other.await(m.TransactionID, time.Second)
		return offer != nil && other.exchange(other.request(offer)).MessageType() == dhcpv4.MessageTypeAck
	})

	circuit := fmt.Sprintf("%x", "ge-1/2")
	check := func(what string) {
		t.Helper()
		type row struct{ Address, Ended, MAC, Circuit string }
		rows := func(args ...string) (rs []row) {
			for _, h := range history(t, s, args...) {
				rs = append(rs, row{h.Address, h.Ended, h.MAC, h.Circuit})
			}
			return rs
		}
		one := row{"192.0.2.100", "release", "02:00:00:00:0d:01", circuit}
		two := row{"192.0.2.100", "", "02:00:00:00:0d:02", ""}
		for _, q := range []struct {
			args []string
			want []row
		}{
			{[]string{"192.0.2.100"}, []row{one, two}},
			{[]string{"192.0.2.100", "--at", time.Now().Format(time.RFC3339)}, []row{two}},
			{[]string{"192.0.2.100", "--to", "2001-01-01T00:00:00Z"}, nil},
			{[]string{"--mac", "02:00:00:00:0d:01"}, []row{one}},
			{[]string{"--circuit", "ge-1/2"}, []row{one}},
			{[]string{"--circuit", "ge-1/3"}, nil},
		} {
			if d := cmp.Diff(q.want, rows(q.args...)); d != "" {
				t.Errorf("%s: history %v (-want +got):\n%s", what, q.args, d)
			}
		}
	}
	check("running")
	s.stop()
	check("stopped")
	s.start()
	check("started again")
	s.kill()
	check("killed")
}
