// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// nameServer is a primary server that does what RFC 2136 §3 says, by the letter, for
// its zones: in memory, on a loopback port, over UDP and TCP.
type nameServer struct {
	t    testing.TB
	addr string
	key  *Key // what updates must be signed with; nil: nothing

	mu      sync.Mutex
	zones   []string
	records []dns.RR
	refuse  int // RCODE for everything; 0: none
	deaf    bool
	updates int
	queries int
	tcp     int // of all messages
	changed *sync.Cond
}

func newNameServer(t testing.TB, key *Key, zones ...string) *nameServer {
	t.Helper()
	s := &nameServer{t: t, key: key}
	s.changed = sync.NewCond(&s.mu)
	for _, z := range zones {
		s.zones = append(s.zones, dns.CanonicalName(z))
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = pc.LocalAddr().String()
	s.run(&dns.Server{PacketConn: pc})
	return s
}

// overTCP has it listen on TCP as well, at the same address.
func (s *nameServer) overTCP() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.run(&dns.Server{Listener: l})
}

func (s *nameServer) run(srv *dns.Server) {
	srv.Handler = s
	if s.key != nil {
		srv.TsigSecret = map[string]string{dns.CanonicalName(s.key.Name): s.key.Secret}
	}
	srv.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
	started := make(chan struct{})
	srv.NotifyStartedFunc = func() { close(started) }
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	<-started
	s.t.Cleanup(func() {
		if err := srv.Shutdown(); err != nil {
			s.t.Error(err)
		}
		<-done
	})
}

// ServeDNS answers queries and updates.
func (s *nameServer) ServeDNS(w dns.ResponseWriter, m *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	if s.deaf {
		return
	}
	if w.RemoteAddr().Network() == "tcp" {
		s.tcp++
	}
	r := new(dns.Msg).SetReply(m)
	switch {
	case s.key != nil && (m.IsTsig() == nil || w.TsigStatus() != nil):
		r.Rcode = dns.RcodeNotAuth
	case s.refuse != 0:
		r.Rcode = s.refuse
	case m.Opcode == dns.OpcodeUpdate:
		s.updates++
		r.Rcode = s.update(m)
	default:
		s.queries++
		for _, rr := range s.records {
			if is(rr, m.Question[0].Name, m.Question[0].Qtype) {
				r.Answer = append(r.Answer, rr)
			}
		}
		if len(r.Answer) == 0 && !s.exists(m.Question[0].Name, dns.TypeANY) {
			r.Rcode = dns.RcodeNameError
		}
	}
	if s.key != nil && m.IsTsig() != nil && w.TsigStatus() == nil {
		k := m.IsTsig()
		r.SetTsig(k.Hdr.Name, k.Algorithm, 300, int64(k.TimeSigned))
	}
	_ = w.WriteMsg(r)
}

func is(rr dns.RR, name string, typ uint16) bool {
	h := rr.Header()
	return dns.CanonicalName(h.Name) == dns.CanonicalName(name) && (typ == dns.TypeANY || h.Rrtype == typ)
}

func (s *nameServer) exists(name string, typ uint16) bool {
	return slices.ContainsFunc(s.records, func(rr dns.RR) bool { return is(rr, name, typ) })
}

// rdata is a record without its TTL.
func rdata(rr dns.RR) string {
	c := dns.Copy(rr)
	c.Header().Ttl, c.Header().Class = 0, dns.ClassINET
	return strings.ToLower(c.String())
}

// update is RFC 2136 §3.1 to §3.4.
func (s *nameServer) update(m *dns.Msg) int {
	if len(m.Question) != 1 || m.Question[0].Qtype != dns.TypeSOA {
		return dns.RcodeFormatError
	}
	zone := dns.CanonicalName(m.Question[0].Name)
	if !slices.Contains(s.zones, zone) {
		return dns.RcodeNotAuth
	}
	// §3.2.5; the value-dependent ones are collected.
	values := map[string][]string{}
	for _, rr := range m.Answer {
		h := rr.Header()
		switch {
		case h.Ttl != 0:
			return dns.RcodeFormatError
		case !dns.IsSubDomain(zone, dns.CanonicalName(h.Name)):
			return dns.RcodeNotZone
		case h.Class == dns.ClassANY && !s.exists(h.Name, h.Rrtype):
			if h.Rrtype == dns.TypeANY {
				return dns.RcodeNameError
			}
			return dns.RcodeNXRrset
		case h.Class == dns.ClassNONE && s.exists(h.Name, h.Rrtype):
			if h.Rrtype == dns.TypeANY {
				return dns.RcodeYXDomain
			}
			return dns.RcodeYXRrset
		case h.Class == dns.ClassINET:
			key := dns.CanonicalName(h.Name) + dns.TypeToString[h.Rrtype]
			values[key] = append(values[key], rdata(rr))
		}
	}
	for _, want := range values {
		var have []string
		first := strings.Fields(want[0])
		for _, rr := range s.records {
			if f := strings.Fields(rdata(rr)); f[0] == first[0] && f[3] == first[3] {
				have = append(have, rdata(rr))
			}
		}
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			return dns.RcodeNXRrset
		}
	}
	// §3.4.2.
	drop := func(match func(dns.RR) bool) { s.records = slices.DeleteFunc(s.records, match) }
	for _, rr := range m.Ns {
		h := rr.Header()
		switch {
		case !dns.IsSubDomain(zone, dns.CanonicalName(h.Name)):
			return dns.RcodeNotZone
		case h.Class == dns.ClassANY:
			drop(func(o dns.RR) bool { return is(o, h.Name, h.Rrtype) })
		case h.Class == dns.ClassNONE:
			drop(func(o dns.RR) bool { return is(o, h.Name, h.Rrtype) && rdata(o) == rdata(rr) })
		default:
			drop(func(o dns.RR) bool { return rdata(o) == rdata(rr) })
			s.records = append(s.records, rr)
		}
	}
	return dns.RcodeSuccess
}

// has lists the records of a name as type and value, sorted.
func (s *nameServer) has(name string) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rr := range s.records {
		if is(rr, name, dns.TypeANY) {
			f := strings.Fields(rr.String())
			out = append(out, strings.Join(f[3:], " "))
		}
	}
	slices.Sort(out)
	return out
}

// put adds records in the form of a zone file.
func (s *nameServer) put(lines ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			s.t.Fatal(err)
		}
		s.records = append(s.records, rr)
	}
}

func (s *nameServer) counts() (updates, queries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.updates, s.queries
}

func (s *nameServer) tcpMessages() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tcp
}

func (s *nameServer) behave(refuse int, deaf bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse, s.deaf = refuse, deaf
}
