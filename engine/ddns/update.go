// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// errConflict means that the name belongs to somebody else (RFC 4703 §5.3.3).
var errConflict = errors.New("the name is another's")

// A refusal is an answer of a server that is not one of those that the procedure
// knows what to do with. It is tried again: keys and zones get mended.
type refusal struct {
	what, server string
	code         int
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s: %s says %s", r.what, r.server, dns.RcodeToString[r.code])
}

// client speaks to DNS servers.
type client struct{ timeout time.Duration }

// maxUDP is how long a message over UDP may be (RFC 1035 §4.2.1); maxMAC is the longest
// signature of TSIG, which is not yet in a message that is measured.
const maxUDP, maxMAC = 512, 64

// ask sends a message, signed where the zone has a key, over UDP if it fits, and once
// more over TCP where the answer did not fit (RFC 2136 §2.1).
func (c *client) ask(ctx context.Context, z *Zone, m *dns.Msg) (*dns.Msg, error) {
	cl := dns.Client{Timeout: c.timeout}
	m.Compress = true // names in ip6.arpa are long
	if k := z.Key; k != nil {
		cl.TsigSecret = map[string]string{k.Name: k.Secret}
		m.SetTsig(k.Name, k.Algorithm, 300, time.Now().Unix())
	}
	if m.Len()+maxMAC > maxUDP {
		cl.Net = "tcp"
	}
	r, _, err := cl.ExchangeContext(ctx, m, z.Server)
	if err == nil && r.Truncated && cl.Net == "" {
		cl.Net = "tcp"
		if k := z.Key; k != nil {
			m.Extra = nil
			m.SetTsig(k.Name, k.Algorithm, 300, time.Now().Unix())
		}
		r, _, err = cl.ExchangeContext(ctx, m, z.Server)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", z.Server, err)
	}
	return r, nil
}

// update sends an UPDATE and returns its RCODE.
func (c *client) update(ctx context.Context, z *Zone, m *dns.Msg) (int, error) {
	r, err := c.ask(ctx, z, m)
	if err != nil {
		return 0, err
	}
	return r.Rcode, nil
}

// pointer asks what the pointer of an address is; empty: there is none.
func (c *client) pointer(ctx context.Context, z *Zone, addr netip.Addr) (string, error) {
	m := new(dns.Msg)
	m.SetQuestion(reverse(addr), dns.TypePTR)
	m.RecursionDesired = false
	r, err := c.ask(ctx, z, m)
	if err != nil {
		return "", err
	}
	if r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError {
		return "", &refusal{"query for " + reverse(addr), z.Server, r.Rcode}
	}
	for _, rr := range r.Answer {
		if p, ok := rr.(*dns.PTR); ok {
			return p.Ptr, nil
		}
	}
	return "", nil
}

func header(name string, typ uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: typ, Class: dns.ClassINET, Ttl: ttl}
}

// addrRecord is an A or an AAAA.
func addrRecord(name string, addr netip.Addr, ttl uint32) dns.RR {
	if addr.Is4() {
		return &dns.A{Hdr: header(name, dns.TypeA, ttl), A: net.IP(addr.AsSlice())}
	}
	return &dns.AAAA{Hdr: header(name, dns.TypeAAAA, ttl), AAAA: net.IP(addr.AsSlice())}
}

func idRecord(name, id string, ttl uint32) dns.RR {
	return &dns.DHCID{Hdr: header(name, dns.TypeDHCID, ttl), Digest: id}
}

// bare is a record of which only name and type count.
func bare(name string, typ uint16) []dns.RR {
	return []dns.RR{&dns.ANY{Hdr: header(name, typ, 0)}}
}

// attempts bounds the loop of RFC 4703 §5.3: "implementers SHOULD limit the total
// number of attempts for a single transaction".
const attempts = 3

// addForward is RFC 4703 §5.3.
func (c *client) addForward(ctx context.Context, z *Zone, name, id string, addr netip.Addr, ttl uint32) error {
	for range attempts {
		// §5.3.1: "a prerequisite the assertion that the FQDN does not exist".
		m := new(dns.Msg).SetUpdate(z.Name)
		m.NameNotUsed(bare(name, dns.TypeANY))
		m.Insert([]dns.RR{addrRecord(name, addr, ttl), idRecord(name, id, ttl)})
		code, err := c.update(ctx, z, m)
		switch {
		case err != nil:
			return err
		case code == dns.RcodeSuccess:
			return nil
		case code != dns.RcodeYXDomain:
			return &refusal{"add " + name, z.Server, code}
		}
		// §5.3.2: "The first prerequisite is that the FQDN exists. The second is
		// that the desired FQDN has attached to it a DHCID RR whose contents match".
		// A client has one IPv4 address under a name, and may have several of IPv6; those
		// that it has no more are removed when their leases end.
		m = new(dns.Msg).SetUpdate(z.Name)
		m.NameUsed(bare(name, dns.TypeANY))
		m.Used([]dns.RR{idRecord(name, id, 0)})
		if addr.Is4() {
			m.RemoveRRset([]dns.RR{addrRecord(name, addr, 0)})
		}
		m.Insert([]dns.RR{addrRecord(name, addr, ttl)})
		code, err = c.update(ctx, z, m)
		switch {
		case err != nil:
			return err
		case code == dns.RcodeSuccess:
			return nil
		case code == dns.RcodeNXRrset:
			return errConflict
		case code != dns.RcodeNameError:
			return &refusal{"replace " + name, z.Server, code}
		}
	}
	return &refusal{"add " + name, z.Server, dns.RcodeYXDomain}
}

// addPointer is RFC 4703 §5.4.
func (c *client) addPointer(ctx context.Context, z *Zone, name, id string, addr netip.Addr, ttl uint32) error {
	at := reverse(addr)
	m := new(dns.Msg).SetUpdate(z.Name)
	m.RemoveRRset(bare(at, dns.TypePTR))
	m.RemoveRRset(bare(at, dns.TypeDHCID))
	m.Insert([]dns.RR{&dns.PTR{Hdr: header(at, dns.TypePTR, ttl), Ptr: name}, idRecord(at, id, ttl)})
	return c.must(ctx, z, m, "add the pointer to "+name)
}

// removePointer is RFC 4703 §5.5: "The server's UPDATE request SHOULD assert that the
// domain name (PTRDNAME field) in the PTR record matches the FQDN of the client".
func (c *client) removePointer(ctx context.Context, z *Zone, name string, addr netip.Addr) error {
	at := reverse(addr)
	m := new(dns.Msg).SetUpdate(z.Name)
	m.Used([]dns.RR{&dns.PTR{Hdr: header(at, dns.TypePTR, 0), Ptr: name}})
	m.RemoveName(bare(at, dns.TypeANY))
	return c.must(ctx, z, m, "remove the pointer to "+name, dns.RcodeNXRrset, dns.RcodeNameError)
}

// removeForward is RFC 4703 §5.5, in its two steps. Without an id any DHCID will do;
// see the package's doc.
func (c *client) removeForward(ctx context.Context, z *Zone, name, id string, addr netip.Addr) error {
	ours := func(m *dns.Msg) {
		if id != "" {
			m.Used([]dns.RR{idRecord(name, id, 0)})
		} else {
			m.RRsetUsed(bare(name, dns.TypeDHCID))
		}
	}
	m := new(dns.Msg).SetUpdate(z.Name)
	ours(m)
	m.Remove([]dns.RR{addrRecord(name, addr, 0)})
	code, err := c.update(ctx, z, m)
	switch {
	case err != nil:
		return err
	case code == dns.RcodeNXRrset, code == dns.RcodeNameError:
		return nil // gone, or not ours: "the updater MUST NOT delete the FQDN"
	case code != dns.RcodeSuccess:
		return &refusal{"remove " + name, z.Server, code}
	}
	m = new(dns.Msg).SetUpdate(z.Name)
	ours(m)
	m.RRsetNotUsed(bare(name, dns.TypeA))
	m.RRsetNotUsed(bare(name, dns.TypeAAAA))
	m.RemoveName(bare(name, dns.TypeANY))
	return c.must(ctx, z, m, "remove "+name, dns.RcodeNXRrset, dns.RcodeYXRrset, dns.RcodeNameError)
}

// must sends an update that succeeds, or meets one of the RCODEs that say that there
// was nothing to do.
func (c *client) must(ctx context.Context, z *Zone, m *dns.Msg, what string, fine ...int) error {
	code, err := c.update(ctx, z, m)
	if err != nil || code == dns.RcodeSuccess {
		return err
	}
	for _, f := range fine {
		if code == f {
			return nil
		}
	}
	return &refusal{what, z.Server, code}
}
