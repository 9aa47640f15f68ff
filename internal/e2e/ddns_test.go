// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/miekg/dns"

	"xdhcp/internal/nettest"
)

const ddnsSecret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ=="

// nameServer is one at 192.0.2.53 on the client's end: it takes every signed update and
// keeps address records and PTRs; what it does with prerequisites is tested in
// engine/ddns. It returns what a name has.
func nameServer(t *testing.T, end *nettest.End) (has func(name string) string) {
	t.Helper()
	end.AddAddr("192.0.2.53/24")
	var pc net.PacketConn
	end.Do(func() {
		var err error
		if pc, err = net.ListenPacket("udp4", "192.0.2.53:53"); err != nil {
			t.Error(err)
		}
	})
	if pc == nil {
		t.FailNow()
	}
	var mu sync.Mutex
	records := map[string]string{}
	srv := &dns.Server{
		PacketConn: pc, TsigSecret: map[string]string{"dhcp.": ddnsSecret},
		MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
			mu.Lock()
			defer mu.Unlock()
			r := new(dns.Msg).SetReply(m)
			k := m.IsTsig()
			if k == nil || w.TsigStatus() != nil {
				r.Rcode = dns.RcodeNotAuth
				_ = w.WriteMsg(r)
				return
			}
			if m.Opcode == dns.OpcodeQuery {
				if name := records[m.Question[0].Name]; name != "" {
					rr, err := dns.NewRR(m.Question[0].Name + " 60 IN PTR " + name)
					if err != nil {
						t.Error(err)
					}
					r.Answer = append(r.Answer, rr)
				}
			}
			for _, rr := range m.Ns {
				switch rr := rr.(type) {
				case *dns.A:
					if records[rr.Hdr.Name] = rr.A.String(); rr.Hdr.Class == dns.ClassNONE {
						delete(records, rr.Hdr.Name)
					}
				case *dns.AAAA:
					if records[rr.Hdr.Name] = rr.AAAA.String(); rr.Hdr.Class == dns.ClassNONE {
						delete(records, rr.Hdr.Name)
					}
				case *dns.PTR:
					records[rr.Hdr.Name] = rr.Ptr
				case *dns.ANY:
					delete(records, rr.Hdr.Name)
				}
			}
			r.SetTsig(k.Hdr.Name, k.Algorithm, 300, int64(k.TimeSigned))
			_ = w.WriteMsg(r)
		}),
	}
	started := make(chan struct{})
	srv.NotifyStartedFunc = func() { close(started) }
	ended := make(chan error, 1)
	go func() { ended <- srv.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		_ = srv.Shutdown()
		<-ended
	})
	return func(name string) string {
		mu.Lock()
		defer mu.Unlock()
		return records[name]
	}
}

// A client that asks for it is in the DNS after its ACK and out of it after its
// RELEASE, also when the server was killed in between.
func TestDNSUpdates(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr))
	has := nameServer(t, p.Client)
	s := serve(t, p.Server, config(p.Server, "native")+fmt.Sprintf(`fqdn: {suffix: example.net}
ddns:
  keys: [{name: dhcp, secret: %s}]
  zones: [{zone: example.net, server: 192.0.2.53, key: dhcp}, {zone: 2.0.192.in-addr.arpa, server: 192.0.2.53, key: dhcp}]
`, ddnsSecret))
	c := newClient(t, p.Client, "02:00:00:00:00:01")
	ack := c.lease(dhcpv4.WithOption(generic(81, append([]byte{1, 0, 0}, "pc"...)...)))
	if v := string(ack.Options.Get(dhcpv4.GenericOptionCode(81))); v != "\x01\xff\xffpc.example.net" {
		t.Errorf("option 81 = %q", v)
	}
	addr := ack.YourIPAddr.String()
	back, err := dns.ReverseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the name is there", func() bool {
		return has("pc.example.net.") == addr && has(back) == "pc.example.net."
	})
	if l := s.leases()[addr]; l.Host != "pc.example.net." {
		t.Errorf("the lease keeps %q", l.Host)
	}
	s.kill()
	s.start()
	release, err := dhcpv4.NewReleaseFromACK(ack.DHCPv4)
	if err != nil {
		t.Fatal(err)
	}
	c.wire.Send(c.frameTo(release, ack.YourIPAddr, net.ParseIP("192.0.2.1"), p.Server.MAC))
	eventually(t, "the name is gone", func() bool { return has("pc.example.net.") == "" && has(back) == "" })
	eventually(t, "it is counted", func() bool {
		st := s.status().DDNS
		return st != nil && st.Removed == 1 && st.Waiting == 0 && st.Failures == 0
	})
	out, err := p.Server.Command(xdhcpd, "status", "--state", s.state).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "dns updates") {
		t.Errorf("%v\n%s", err, out)
	}
	s.stop()
}

// The same for a client of DHCPv6: AAAA and ip6.arpa.
func TestDNSUpdates6(t *testing.T) {
	t.Parallel()
	p := nettest.Veth(t, nettest.ServerAddr(serverAddr, serverAddr6), nettest.IPv6())
	has := nameServer(t, p.Client)
	s := serve(t, p.Server, fmt.Sprintf(`interfaces: [%s]
subnets:
  - subnet: 2001:db8:0:1::/64
    pools: [2001:db8:0:1::100-2001:db8:0:1::1ff]
fqdn: {suffix: example.net}
ddns:
  keys: [{name: dhcp, secret: %s}]
  zones: [{zone: example.net, server: 192.0.2.53, key: dhcp}, {zone: 8.b.d.0.1.0.0.2.ip6.arpa, server: 192.0.2.53, key: dhcp}]
`, p.Server.Name, ddnsSecret))
	c := newClient6(t, p.Client)
	name := &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionFQDN, OptionData: []byte("\x01\x02pc")}
	asked := &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionORO, OptionData: []byte{0, 39}}
	request := c.request(c.ask(c.message(dhcpv6.MessageTypeSolicit, &dhcpv6.OptIANA{IaId: [4]byte{1}}, name, asked)))
	request.AddOption(name)
	request.UpdateOption(asked)
	c.last = c.ask(request)
	if o := c.last.GetOneOption(dhcpv6.OptionFQDN); o == nil || string(o.ToBytes()) != "\x01\x02pc\x07example\x03net\x00" {
		t.Errorf("option 39 = %v", o)
	}
	addr := c.last.Options.OneIANA().Options.OneAddress().IPv6Addr.String()
	back, err := dns.ReverseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the name is there", func() bool {
		return has("pc.example.net.") == addr && has(back) == "pc.example.net."
	})
	s.kill()
	s.start()
	c.send(dhcpv6.MessageTypeRelease)
	eventually(t, "the name is gone", func() bool { return has("pc.example.net.") == "" && has(back) == "" })
	s.stop()
}
