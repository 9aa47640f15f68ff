// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/internal/wire/dhcp4"
)

// Forcer makes DHCPFORCERENEWs: exchange.Server.
type Forcer interface {
	ForceRenew(p *policy.Policy, q *exchange.Query, port uint16, addr lease.IP4, now lease.Time, a *exchange.Answer) ([exchange.LenNonce]byte, exchange.Renewal)
}

// ForceRenew writes to r a DHCPFORCERENEW for the client of addr (RFC 3203, RFC
// 6704), for the kernel to route from a socket on the port.
func (c *Codec) ForceRenew(f Forcer, p *policy.Policy, port uint16, addr lease.IP4, now lease.Time, r *Reply) exchange.Renewal {
	r.drop(frame.OK)
	key, out := f.ForceRenew(p, &c.q, port, addr, now, &c.a)
	if out != exchange.RenewalMade {
		return out
	}
	// There is no request: its fields are those of a message to nobody.
	req := make(dhcp4.Msg, dhcp4.OffOptions, 512)
	req.SetHardware(c.a.Lease.HType, c.a.Lease.HW)
	req.SetCookie()
	rand.Read(req.XIDBytes())
	c.q.PRL, c.q.MaxSize, c.q.VendorClass, c.q.Client.Relay = nil, 0, nil, nil
	r.grow()
	c.encode(r, req, &Meta{}, 0)
	sign(r.Message, key)
	return out
}

// sign is RFC 6704 §3.1.3: "computes the HMAC-MD5 over the entire DHCP Forcerenew
// message, including the Authentication option; the HMAC-MD5 field in the
// Authentication option is set to zero for the HMAC-MD5 computation".
func sign(m dhcp4.Msg, key [exchange.LenNonce]byte) {
	var o dhcp4.Options
	_ = o.Scan(m) // of our own making
	auth, _ := o.Get(m, dhcp4.OptAuthentication)
	digest := auth[len(auth)-exchange.LenNonce:]
	h := hmac.New(md5.New, key[:])
	h.Write(m)
	copy(digest, h.Sum(nil))
}

// order is something that serve is asked to do between two packets.
type order struct {
	do   func() error
	done chan<- error
}

// Errors of ForceRenew that a caller may want to tell apart.
var (
	ErrNoLease  = errors.New("nobody has a lease of it")
	ErrForceOff = errors.New("the configuration does not say forcerenew: true")
	ErrNoWay    = errors.New("no served interface leads to it")
)

// ForceRenew tells the client of an address to renew its lease. It returns when the
// message has been given to the kernel; that the client obeys is seen in its lease.
// A client on a tagged VLAN of an interface cannot be reached: the kernel adds no
// tags.
func (s *Server) ForceRenew(ctx context.Context, a netip.Addr) error {
	if !a.Is4() {
		return fmt.Errorf("%v is not an IPv4 address", a)
	}
	b := a.As4()
	addr := lease.IP4From(b[:])
	port, err := s.portTo(addr)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	select {
	case s.orders <- order{func() error { return s.force(port, addr) }, done}:
	case <-s.drained:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-done
}

// force is ForceRenew in serve.
func (s *Server) force(port uint16, addr lease.IP4) error {
	f, ok := s.o.Exchange.(Forcer)
	if !ok {
		return ErrForceOff
	}
	r := s.reply()
	defer func() { s.free = append(s.free, r) }()
	switch s.codec.ForceRenew(f, s.o.Policy(), port, addr, lease.Time(s.o.Clock().Unix()), r) {
	case exchange.RenewalMade:
	case exchange.RenewalNoLease:
		return ErrNoLease
	case exchange.RenewalNoAddress:
		return errors.New("the server has no address there")
	case exchange.RenewalNoReplay:
		return errors.New("the replay counter cannot be written")
	default:
		return ErrForceOff
	}
	if err := s.transmit(outgoing{r: r, port: port}); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	s.counters.forced.Add(1)
	return nil
}

// portTo is the port whose interface leads to an address: it has the address's
// network, or the kernel's route to it begins there.
func (s *Server) portTo(addr lease.IP4) (uint16, error) {
	p := s.o.Policy()
	for i := range p.Ports {
		for _, own := range p.Ports[i].Addrs {
			if mask := lease.IP4(uint64(lease.Infinite) << (32 - own.Bits)); own.Bits > 0 && addr&mask == own.IP&mask {
				return uint16(i), nil
			}
		}
	}
	// A UDP socket that is connected sends nothing, and has the source address of
	// the route.
	var from lease.IP4
	err := s.o.In(func() error {
		d := net.Dialer{Timeout: time.Second}
		c, err := d.Dial("udp4", fmt.Sprintf("%v:%d", addr, dhcp4.ClientPort))
		if err != nil {
			return err
		}
		from = lease.IP4From(c.LocalAddr().(*net.UDPAddr).IP.To4())
		return c.Close()
	})
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoWay, err)
	}
	for i := range p.Ports {
		for _, own := range p.Ports[i].Addrs {
			if own.IP == from {
				return uint16(i), nil
			}
		}
	}
	return 0, ErrNoWay
}
