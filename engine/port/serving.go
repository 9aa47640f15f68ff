// SPDX-License-Identifier: Apache-2.0

package port

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"xdhcp/bpf"
	"xdhcp/engine/worker"
	"xdhcp/engine/xsk"
)

// serving is what exists only while an interface is served.
type serving struct {
	program *bpf.Program // nil: served without XDP
	attach  bpf.Attachment
	queues  []queue
	// undo puts the NIC's settings back; nil if none was changed.
	undo func() error
	// steering is what the program steers.
	steering bpf.Steer
	// groups has the NIC deliver what is sent to the groups of DHCPv6; nil
	// where that is not served.
	groups *groups
}

type queue struct {
	id     int
	socket *xsk.Socket
	worker *worker.Worker
}

// open opens the queues and attaches the program into s. On an error the
// caller closes s.
func (p *Port) open(s *serving, facts Facts) error {
	n, err := rxQueues(p.o.Name)
	if err != nil {
		return err
	}
	if s.undo, err = keepTags(p.o.Name); err != nil {
		p.o.Log.Warn("frames with VLAN tags may be answered on the wrong network", "interface", p.o.Name, "why", err)
	} else if s.undo != nil {
		p.o.Log.Info("VLAN tag stripping is switched off while the interface is served", "interface", p.o.Name)
	}
	// Sockets first: a queue that cannot be had should fail before packets are
	// steered, and the sockets' frames say how long a packet may be.
	for id := range n {
		batch, err := p.batch(id)
		if err != nil {
			return err
		}
		socket, err := xsk.Open(xsk.Config{
			Ifindex: facts.Ifindex, Ifname: p.o.Name, Queue: id, Port: p.o.Index, Frames: p.o.Frames, Busy: p.o.Busy,
		})
		if err != nil {
			return err
		}
		s.queues = append(s.queues, queue{id: id, socket: socket, worker: worker.New(worker.Options{
			Batch: batch, Socket: socket, Handler: p.o.Handler(), Journal: p.o.Journal, Punter: p.o.Punter,
			Clock: p.o.Clock, Busy: p.o.Busy, ParkFrames: p.o.Frames / 4 * 3, Backlog: p.o.Frames / 4,
		})})
	}
	s.steering = p.steering()
	longest := s.queues[0].socket.Info().FrameSize - unix.XDP_PACKET_HEADROOM
	if s.program, err = bpf.Load(bpf.Options{Queues: n, Steer: s.steering, FrameMax: longest}); err != nil {
		return err
	}
	if err := p.serveFamilies(s, facts.Ifindex); err != nil {
		return err
	}
	if err := s.steer(p.o.Steer(facts)); err != nil {
		return err
	}
	for _, q := range s.queues {
		if err := s.program.Register(q.id, q.socket.FD()); err != nil {
			return fmt.Errorf("%s: %w", p.o.Name, err)
		}
	}
	s.attach, err = s.program.Attach(facts.Ifindex, p.o.Mode)
	return err
}

// steering is what is to be steered now.
func (p *Port) steering() (s bpf.Steer) {
	v4, v6 := p.o.Families()
	if v4 {
		s |= bpf.SteerV4
	}
	if v6 {
		s |= bpf.SteerV6
	}
	if p.o.VLANs || s == 0 { // Load takes 0 for its default
		s |= bpf.SteerVLAN
	}
	return s
}

// serveFamilies makes the program, and the NIC's filter, fit what is served now.
func (p *Port) serveFamilies(s *serving, ifindex int) (err error) {
	if s.program == nil {
		return nil // the sockets of the slow path join the groups
	}
	want := p.steering()
	switch v6 := want&bpf.SteerV6 != 0; {
	case v6 && s.groups == nil:
		if s.groups, err = joinGroups(ifindex); err != nil {
			return fmt.Errorf("%s: %w", p.o.Name, err)
		}
	case !v6 && s.groups != nil:
		s.groups.leave()
		s.groups = nil
	}
	if want == s.steering {
		return nil
	}
	s.steering = want
	return s.program.SetSteer(want)
}

func (s *serving) steer(addrs []netip.Prefix) error {
	if s.program == nil {
		return nil
	}
	return s.program.SetAddrs(addrs)
}

func (s *serving) mode() string {
	if s.program == nil {
		return "off"
	}
	return s.attach.Mode.String()
}

func (s *serving) zeroCopy() bool {
	for _, q := range s.queues {
		if ok, _ := q.socket.ZeroCopy(); !ok {
			return false
		}
	}
	return len(s.queues) > 0
}

// close undoes open, in the order in which packets stop flowing.
func (s *serving) close() error {
	var errs []error
	if s.program != nil {
		errs = append(errs, s.program.Detach())
	}
	for _, q := range s.queues {
		errs = append(errs, q.socket.Close())
	}
	if s.program != nil {
		errs = append(errs, s.program.Close())
	}
	if s.groups != nil {
		s.groups.leave()
	}
	if s.undo != nil {
		// The interface may be gone, and its settings with it.
		_ = s.undo()
	}
	return errors.Join(errs...)
}
