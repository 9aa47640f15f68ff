// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Config says which names are kept where.
type Config struct {
	Zones []Zone
	// TTL of the records in seconds. 0: a third of the lease, at least ten minutes
	// (RFC 4702 §5: "SHOULD NOT exceed 1/3 of the client's lease time").
	TTL uint32
	// Timeout is how long a server has to answer; 0: 3 s.
	Timeout time.Duration
	// Queue bounds the addresses that wait; 0: 65536.
	Queue int
	// Workers is how many updates are under way at once; 0: 4.
	Workers int
	// Backoff is the pause before the second try, which doubles from then on; 0: 2 s.
	Backoff time.Duration
	// Tries is how often an address is tried; 0: 12 (an hour).
	Tries int
}

func (c Config) orDefault() Config {
	if c.Timeout == 0 {
		c.Timeout = 3 * time.Second
	}
	if c.Queue == 0 {
		c.Queue = 1 << 16
	}
	if c.Workers == 0 {
		c.Workers = 4
	}
	if c.Backoff == 0 {
		c.Backoff = 2 * time.Second
	}
	if c.Tries == 0 {
		c.Tries = 12
	}
	return c
}

// A Zone is a zone and its primary server.
type Zone struct {
	Name   string // example.net, 2.0.192.in-addr.arpa, 8.b.d.0.1.0.0.2.ip6.arpa
	Server string // address and port
	Key    *Key   // nil: updates are not signed
}

// A Key signs updates (TSIG, RFC 8945).
type Key struct {
	Name      string
	Algorithm string // as in hmac-sha256
	Secret    string // base64
}

// zones finds a name's zone.
type zones []Zone

func newZones(zs []Zone) zones {
	out := make(zones, len(zs))
	for i, z := range zs {
		z.Name = dns.CanonicalName(z.Name)
		if z.Key != nil {
			k := *z.Key
			k.Name, k.Algorithm = dns.CanonicalName(k.Name), dns.CanonicalName(k.Algorithm)
			z.Key = &k
		}
		out[i] = z
	}
	return out
}

// find is the zone with the longest name that a name lies in; nil: none.
func (zs zones) find(name string) (best *Zone) {
	name = dns.CanonicalName(name)
	for i := range zs {
		z := &zs[i]
		if dns.IsSubDomain(z.Name, name) && (best == nil || len(z.Name) > len(best.Name)) {
			best = z
		}
	}
	return best
}

// reverse is the name of an address in the tree of pointers.
func reverse(a netip.Addr) string {
	name, _ := dns.ReverseAddr(a.String()) // of our own making
	return name
}

// A target is what a lease wants the DNS to say.
type target struct {
	name    string // fully qualified; empty: nothing
	forward bool   // the address record is ours as well
}

// targetOf reads the host name of a lease; see the package's doc.
func targetOf(host []byte) (t target) {
	s := string(host)
	if !strings.Contains(s, ".") {
		return target{}
	}
	if _, ok := dns.IsDomainName(s); !ok {
		return target{}
	}
	return target{name: dns.Fqdn(s), forward: strings.HasSuffix(s, ".")}
}

// same says whether two names are the same.
func same(a, b string) bool { return dns.CanonicalName(a) == dns.CanonicalName(b) }
