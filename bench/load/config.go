// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// MAC is an Ethernet address.
type MAC = [eth.LenMAC]byte

const (
	// MaxClients leaves eight bits of a transaction's number for the
	// client's own count of exchanges.
	MaxClients = 1 << 24

	defaultTimeout = time.Second // after it ISC's tools count a drop
)

var (
	defaultFirstMAC = MAC{0x02, 0x0d, 0, 0, 0, 0}
	broadcastMAC    = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// Tag is one VLAN tag of the clients' frames. With a Count the clients are
// spread over that many VLANs.
type Tag struct {
	First uint16 // VLAN id
	Count uint16 // 0 means 1
}

// Config says who the clients are and what they expect.
type Config struct {
	// Clients is how many there are, at most MaxClients.
	Clients int
	// FirstMAC is the hardware address of the first; the others count up from
	// it in the last four bytes. Default 02:0d:00:00:00:00.
	FirstMAC MAC

	// V6 makes them clients of DHCPv6. Each has a DUID of its hardware address
	// (DUID-LL, RFC 8415 §11.4), and asks for an address (IA_NA) unless PD is set
	// and NA is not, and for a prefix (IA_PD) if PD is set.
	V6     bool
	NA, PD bool

	// Relays are the addresses (giaddr; link-address of DHCPv6) that the clients
	// are behind, in turn, each client with an option 82 or an Interface-ID of
	// its own. None: clients broadcast themselves.
	Relays []netip.Addr
	// Server is where relays send to. The unicasts of clients go to the server
	// identifier that they were given. DHCPv6 relays without it send to all
	// servers (ff05::1:3).
	Server netip.Addr
	// LinkMAC is the source of relayed frames and of relayed clients' unicasts:
	// the router's. Default: the interface's address, from Transport.
	LinkMAC MAC
	// ServerMAC is where unicasts go. Default: broadcast.
	ServerMAC MAC
	// Tags are VLAN tags, outer first, at most two.
	Tags []Tag
	// Broadcast sets the broadcast flag (RFC 2131 §4.1).
	Broadcast bool
	// ClientID sends option 61, the hardware type and address.
	ClientID bool

	// ServerIDs are the server identifiers that are right. None: whatever the
	// OFFER says, but the same through an exchange. DHCPv4 only.
	ServerIDs []netip.Addr
	// Pools hold every address that is right. None: any address.
	Pools []netip.Prefix
	// Delegated hold every prefix that is right, likewise.
	Delegated []netip.Prefix
	// Require lists options that every OFFER and ACK must have beside message
	// type, server identifier and lease time (RFC 2131 §4.3.1, table 3).
	Require []uint8

	// Waits is how long to wait for an answer after each try; after the last
	// one the exchange is lost. Default: one try, one second. RFCWaits is what
	// clients do.
	Waits []time.Duration
	// Jitter makes each wait up to so much longer or shorter.
	Jitter time.Duration

	// OnAck is told every ACK for one of the clients, whether or not it still
	// waits for it, on the generator's thread.
	OnAck func(Ack)
	// AfterBatch is called on the generator's thread after each batch of
	// received frames that had ACKs; an error ends the run. A Recorder writes
	// its file here.
	AfterBatch func() error
}

// RFCWaits are the delays of RFC 2131 §4.1, to be randomized by RFCJitter, so that
// clients which an outage has brought into step do not stay so.
var RFCWaits = []time.Duration{4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, 64 * time.Second}

// RFCJitter is the random second of RFC 2131 §4.1.
const RFCJitter = time.Second

// Ack is a lease that the server has acknowledged.
type Ack struct {
	At     time.Time // received
	Addr   netip.Addr
	Prefix netip.Prefix // instead of Addr, where a prefix was delegated
	MAC    MAC
	Lease  uint32 // seconds
}

// complete checks the configuration and fills in what was left to default.
func (c *Config) complete(link MAC) error {
	if c.Clients < 1 || c.Clients > MaxClients {
		return fmt.Errorf("%d clients: want 1 to %d", c.Clients, MaxClients)
	}
	if c.FirstMAC == (MAC{}) {
		c.FirstMAC = defaultFirstMAC
	}
	if c.FirstMAC[0]&1 != 0 {
		return fmt.Errorf("first hardware address % x is a group address", c.FirstMAC)
	}
	if c.LinkMAC == (MAC{}) {
		c.LinkMAC = link
	}
	if c.ServerMAC == (MAC{}) {
		c.ServerMAC = broadcastMAC
	}
	if err := c.completeFamily(); err != nil {
		return err
	}
	if len(c.Tags) > eth.MaxTags {
		return fmt.Errorf("%d VLAN tags: want at most %d", len(c.Tags), eth.MaxTags)
	}
	for i := range c.Tags {
		t := &c.Tags[i]
		t.Count = max(t.Count, 1)
		if t.First < 1 || int(t.First)+int(t.Count)-1 > 4094 {
			return fmt.Errorf("VLANs %d to %d: want 1 to 4094", t.First, int(t.First)+int(t.Count)-1)
		}
	}
	if len(c.Waits) == 0 {
		c.Waits = []time.Duration{defaultTimeout}
	}
	for _, w := range c.Waits {
		if w-c.Jitter <= 0 || c.Jitter < 0 {
			return fmt.Errorf("a wait of %v, give or take %v", w, c.Jitter)
		}
	}
	return nil
}

// completeFamily checks what is of DHCPv4 or of DHCPv6.
func (c *Config) completeFamily() error {
	family, fits := "IPv4", netip.Addr.Is4
	if c.V6 {
		family, fits = "IPv6", func(a netip.Addr) bool { return a.Is6() && !a.Is4In6() }
		c.NA = c.NA || !c.PD
	}
	switch {
	case !c.V6 && (c.NA || c.PD || len(c.Delegated) > 0):
		return errors.New("IA_NA, IA_PD and prefixes are of DHCPv6")
	case c.V6 && (len(c.ServerIDs) > 0 || c.Broadcast || c.ClientID):
		return errors.New("server identifiers, the broadcast flag and option 61 are of DHCPv4")
	case len(c.Relays) > 0 && !c.V6 && !c.Server.Is4():
		return errors.New("relays need the server's IPv4 address")
	case c.V6 && c.Server.IsValid() && !fits(c.Server):
		return fmt.Errorf("server %v: want an IPv6 address", c.Server)
	}
	for _, a := range c.Relays {
		if !fits(a) || a.IsUnspecified() {
			return fmt.Errorf("relay %v: want an %s address", a, family)
		}
	}
	for _, a := range c.ServerIDs {
		if !fits(a) {
			return fmt.Errorf("server identifier %v: want an %s address", a, family)
		}
	}
	for _, p := range slices.Concat(c.Pools, c.Delegated) {
		if !fits(p.Addr()) {
			return fmt.Errorf("pool %v: want an %s prefix", p, family)
		}
	}
	for _, code := range c.Require {
		if !c.V6 && (code == dhcp4.OptPad || code == dhcp4.OptEnd) {
			return fmt.Errorf("option %d cannot be required", code)
		}
	}
	return nil
}

// u32 is an IPv4 address in host order.
func u32(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// addr4 is the address of a number in host order.
func addr4(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// xids makes the transaction numbers: unique to a client and, as long as its
// count has not come round, to the exchange; they look random, and tell
// afterwards whose they were.
type xids struct{ shift uint }

const (
	xidMul = 0x9e3779b1 // odd, so that the multiplication has an inverse
	xidInv = 0x0e8b2f51 // xidMul * xidInv = 1 modulo 2³²
)

func newXIDs(clients int) xids { return xids{32 - uint(bits.Len(uint(clients-1)))} }

func (x xids) make(client, count uint32) uint32 {
	return uint32((uint64(client)<<x.shift | uint64(count)&(1<<x.shift-1)) * xidMul)
}

// split tells the client and the last bits of its count.
func (x xids) split(xid uint32) (client, count uint32) {
	v := uint64(xid * xidInv)
	return uint32(v >> x.shift), uint32(v & (1<<x.shift - 1))
}

// current says whether xid is the one of the client's exchange with this count.
func (x xids) current(xid, client, count uint32) bool { return xid == x.make(client, count) }
