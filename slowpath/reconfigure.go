// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp6"
)

// Notifier makes Reconfigure messages, and knows which clients have not obeyed:
// exchange6.Server.
type Notifier interface {
	Notify(p *policy6.Policy, what lease6.Prefix, msg uint8, now lease.Time) (exchange6.Notice, exchange6.Noticed)
	Await(client string, msg uint8)
	Awaits(client string) bool
	GiveUp(client string)
}

// Errors of Reconfigure that a caller may want to tell apart.
var (
	ErrReconfigureOff = errors.New("the configuration does not say dhcpv6: {reconfigure: true}")
	ErrRefused        = errors.New("its client has never said that it takes Reconfigure messages, or no longer does")
	ErrNoClientAddr   = errors.New("its client cannot be reached: it has no address of this server's, and is behind relay agents to which the way is not known")
)

// Reconfigure tells the client that has an address (length 128) or a delegated prefix
// to send a Renew, a Rebind or an Information-request (RFC 8415 §18.3.11). It returns
// when the message has been given to the kernel once; until the client obeys it is
// repeated, see pendingNotices. A client on a tagged VLAN of an interface cannot be reached:
// the kernel adds no tags.
func (s *Server) Reconfigure(ctx context.Context, what netip.Prefix, msg uint8) error {
	if !what.IsValid() || what.Addr().Is4() {
		return fmt.Errorf("%v is no IPv6 address or prefix", what)
	}
	f, ok := s.o.Exchange6.(Notifier)
	if !ok || s.o.Policy6 == nil {
		return ErrReconfigureOff
	}
	addr := what.Addr().As16()
	q := lease6.PrefixFrom(lease6.IP6From(addr[:]), uint8(what.Bits()))
	client, err := s.sendNotice(ctx, f, q, msg, "")
	if err != nil {
		if client != "" {
			f.GiveUp(client)
		}
		return err
	}
	s.counters.notices.Add(1)
	s.repeats.add(repeat{what: q, msg: msg, client: client, wait: s.o.NoticeTimeout, sent: 1})
	return nil
}

// sendNotice makes a notice and sends it; where who is given, to that client only. Once
// it has said who the client is, the client's message is awaited.
func (s *Server) sendNotice(ctx context.Context, f Notifier, what lease6.Prefix, msg uint8, who string) (client string, err error) {
	p := s.o.Policy6()
	// Here and not in serve: it may look at many leases.
	n, out := f.Notify(p, what, msg, lease.Time(s.o.Clock().Unix()))
	switch out {
	case exchange6.NoticeMade:
	case exchange6.NoticeNoLease:
		return "", ErrNoLease
	case exchange6.NoticeRefused:
		return "", ErrRefused
	case exchange6.NoticeNoWay:
		return "", ErrNoClientAddr
	case exchange6.NoticeNoReplay:
		return "", errors.New("the replay counter cannot be written")
	default:
		return "", ErrReconfigureOff
	}
	if who != "" && who != n.Client {
		return "", ErrNoLease
	}
	ports, err := s.portsTo6(p, &n)
	if err != nil {
		return "", err
	}
	f.Await(n.Client, msg) // its answer may be here before we are back
	done := make(chan error, 1)
	select {
	case s.orders <- order{func() error { return s.notify(p, &n, ports) }, done}:
		return n.Client, <-done
	case <-s.drained:
		return n.Client, net.ErrClosed
	case <-ctx.Done():
		return n.Client, ctx.Err()
	}
}

// notify sends a notice, in serve. Where several interfaces are of the client's link,
// one way is enough.
func (s *Server) notify(p *policy6.Policy, n *exchange6.Notice, ports []uint16) error {
	r := s.reply()
	defer func() { s.free = append(s.free, r) }()
	var failed []error
	for _, port := range ports {
		source := p.Source(port, lease6.IP6{}, n.To)
		if source.IsZero() {
			failed = append(failed, fmt.Errorf("the server has no address on %s", p.Ports[port].Name))
			continue
		}
		r.drop(frame.OK)
		r.V6, r.Message = true, n.Message
		r.Source6, r.Dest6, r.DestPort = source.As16(), n.To.As16(), dhcp6.ClientPort
		if n.Relayed {
			r.DestPort = dhcp6.ServerPort
		}
		if err := s.transmit(outgoing{r: r, port: port}); err != nil {
			failed = append(failed, fmt.Errorf("send on %s: %w", p.Ports[port].Name, err))
		}
	}
	r.drop(frame.OK)
	if len(failed) == len(ports) {
		return errors.Join(failed...)
	}
	return nil
}

// portsTo6 are the ports whose interfaces lead to a client: those of its link, or for
// an address the one that has its network, or where the kernel's route to it begins.
func (s *Server) portsTo6(p *policy6.Policy, n *exchange6.Notice) (ports []uint16, err error) {
	if policy6.LinkLocal(n.To) {
		for i := range p.Ports {
			if sub := p.Select(&policy6.Selector{Port: uint16(i)}); sub != nil && sub.Scope == n.Scope {
				ports = append(ports, uint16(i))
			}
		}
		if len(ports) == 0 {
			return nil, ErrNoWay
		}
		return ports, nil
	}
	for i := range p.Ports {
		for _, own := range p.Ports[i].Addrs {
			if lease6.PrefixFrom(own.IP6, own.Len).Contains(n.To) && own.Len > 0 {
				return []uint16{uint16(i)}, nil
			}
		}
	}
	// A UDP socket that is connected sends nothing, and has the source address of
	// the route.
	var from lease6.IP6
	err = s.o.In(func() error {
		d := net.Dialer{Timeout: time.Second}
		c, err := d.Dial("udp6", fmt.Sprintf("[%v]:%d", n.To, dhcp6.ClientPort))
		if err != nil {
			return err
		}
		from = lease6.IP6From(c.LocalAddr().(*net.UDPAddr).IP.To16())
		return c.Close()
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoWay, err)
	}
	for i := range p.Ports {
		for _, own := range p.Ports[i].Addrs {
			if own.IP6 == from {
				return []uint16{uint16(i)}, nil
			}
		}
	}
	return nil, ErrNoWay
}
