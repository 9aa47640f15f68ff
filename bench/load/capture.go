// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// Templates are client messages as frames, for tools that send frames and know
// nothing of DHCP: one frame of each kind for each client, all clients' first
// messages before any client's second. No server has been asked, so what a
// REQUEST or a renewal names is computed: client n has address or prefix n of the
// first pool.
type Templates struct {
	// Config says who the clients are. Pools[0] and Delegated[0] are what they
	// hold; ServerIDs[0], or else Server, is the identifier of the server.
	Config Config
	// Messages are the kinds, by the names that results have: discover (solicit),
	// request, renew, rebind, release. Default: the first.
	Messages []string
	// DelegatedLen is the length of the prefixes in Delegated[0]. Default 56.
	DelegatedLen int
	// ServerDUID is the identifier of a DHCPv6 server.
	ServerDUID []byte
	// Rate is how many frames a second the capture's times say. Default 1000.
	Rate float64
	// Start is the time of the first frame.
	Start time.Time
}

const (
	maxFrame = 2048
	// snapLen is what captures say of the longest frame.
	snapLen = 65535
)

// messages are the kinds in the order in which they were asked for.
func (t *Templates) messages(n *names) (ms []message, err error) {
	if len(t.Messages) == 0 {
		return []message{discover}, nil
	}
	for _, name := range t.Messages {
		m := slices.Index(n.messages[:], name)
		if m < 0 {
			return nil, fmt.Errorf("message %q: want one of %v", name, n.messages)
		}
		ms = append(ms, message(m))
	}
	return ms, nil
}

// Each calls f with each frame, which is valid until f returns, and its time.
func (t *Templates) Each(f func(at time.Time, frame []byte) error) error {
	cfg := t.Config
	if err := cfg.complete(cfg.LinkMAC); err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	s := newSim(&cfg, 0)
	ms, err := t.messages(s.proto.names())
	if err == nil && slices.ContainsFunc(ms, func(m message) bool { return m != discover }) {
		err = t.hold(s)
	}
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	rate := t.Rate
	if rate <= 0 {
		rate = 1000
	}
	b := make([]byte, maxFrame)
	sent := 0
	for k, m := range ms {
		for i := range s.clients {
			// A REQUEST goes on with its DISCOVER's transaction; all others are
			// transactions of their own.
			if m != request || k == 0 || ms[k-1] != discover || cfg.V6 {
				s.clients[i].count++
			}
			n := s.proto.write(uint32(i), m, b)
			if err := f(t.Start.Add(time.Duration(math.Round(float64(sent)/rate*1e9))), b[:n]); err != nil {
				return err
			}
			sent++
		}
	}
	return nil
}

// hold gives every client what its messages name.
func (t *Templates) hold(s *sim) error {
	switch p := s.proto.(type) {
	case *four:
		return t.hold4(p)
	case *six:
		return t.hold6(p)
	}
	return errors.New("no such protocol")
}

func (t *Templates) hold4(p *four) error {
	server := p.cfg.Server
	if len(p.cfg.ServerIDs) > 0 {
		server = p.cfg.ServerIDs[0]
	}
	if len(p.pools) == 0 || !server.Is4() {
		return errors.New("messages that name a lease need a pool and the server's identifier")
	}
	pool := p.pools[0]
	if len(p.clients)-1 > int(pool.last-pool.first) {
		return fmt.Errorf("%d clients: %v has no room for them", len(p.clients), p.cfg.Pools[0])
	}
	for i := range p.held {
		a := pool.first + uint32(i)
		p.held[i] = held4{lease: a, asked: a, server: u32(server)}
	}
	return nil
}

func (t *Templates) hold6(p *six) error {
	if len(t.ServerDUID) == 0 {
		return errors.New("messages that name a lease need the server's DUID")
	}
	p.servers = [][]byte{t.ServerDUID}
	length := t.DelegatedLen
	if length == 0 {
		length = 56
	}
	for kind, part := range [nIAs]struct {
		asked bool
		from  []netip.Prefix
		bits  int
		what  string
	}{ofNA: {p.cfg.NA, p.cfg.Pools, 128, "pool"}, ofPD: {p.cfg.PD, p.cfg.Delegated, length, "range of prefixes"}} {
		if !part.asked {
			continue
		}
		if len(part.from) == 0 {
			return fmt.Errorf("messages that name a lease need a %s", part.what)
		}
		from := part.from[0].Masked()
		room := part.bits - from.Bits()
		if room < 0 || room < 24 && len(p.clients) > 1<<room {
			return fmt.Errorf("%d clients: %v has no room for them", len(p.clients), from)
		}
		for i := range p.held {
			l := lease6{addr: nth(from.Addr(), part.bits, uint32(i)), len: uint8(part.bits)}
			p.held[i].lease[kind], p.held[i].asked[kind] = l, l
		}
	}
	return nil
}

// nth is prefix number n of a length, counted from a first one.
func nth(first netip.Addr, bits int, n uint32) (a [16]byte) {
	a = first.As16()
	hi, lo := binary.BigEndian.Uint64(a[:]), binary.BigEndian.Uint64(a[8:])
	shift := 128 - bits
	if shift < 64 {
		hi |= uint64(n) >> (64 - shift) // 0 for a shift of 0: n has 32 bits
		lo |= uint64(n) << shift
	} else {
		hi |= uint64(n) << (shift - 64)
	}
	binary.BigEndian.PutUint64(a[:], hi)
	binary.BigEndian.PutUint64(a[8:], lo)
	return a
}

// WritePcap writes the frames as a capture and returns how many there are.
func (t *Templates) WritePcap(w io.Writer) (n int, err error) {
	out := pcapgo.NewWriterNanos(w)
	if err := out.WriteFileHeader(snapLen, layers.LinkTypeEthernet); err != nil {
		return 0, err
	}
	err = t.Each(func(at time.Time, b []byte) error {
		n++
		return out.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(b), Length: len(b)}, b)
	})
	return n, err
}

// WriteTrafgen writes the frames as trafgen(8) takes them.
func (t *Templates) WriteTrafgen(w io.Writer) (n int, err error) {
	err = t.Each(func(_ time.Time, b []byte) error {
		n++
		line := []byte("{")
		for _, v := range b {
			line = fmt.Appendf(line, " 0x%02x,", v)
		}
		_, err := w.Write(append(line, " }\n"...))
		return err
	})
	return n, err
}
