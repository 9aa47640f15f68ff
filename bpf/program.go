// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
)

// Steer is a set of kinds of frames that are steered.
type Steer = dhcpSteer

const (
	SteerV4 = dhcpSteerSteerV4 // DHCPv4
	SteerV6 = dhcpSteerSteerV6 // DHCPv6
	// SteerVLAN is frames of these kinds behind one or two VLAN tags.
	SteerVLAN = dhcpSteerSteerVlan
)

const (
	defaultQueues   = 64
	defaultFrameMax = 1792 // what a chunk of 2048 bytes holds behind its headroom
)

// Options says how Load prepares the program.
type Options struct {
	// Queues is the number of receive queues that can have a socket.
	// 0 means 64.
	Queues int
	// Steer is what is steered at first. 0 means SteerV4|SteerVLAN.
	Steer Steer
	// FrameMax is the length of the longest frame that is steered; longer
	// ones would be lost in the ring. 0 means 1792, at most 65535.
	FrameMax int
	// VerifierLog makes an error of Load carry the verifier's whole log.
	VerifierLog bool

	// singleBuffer loads the variant for kernels before 5.18.
	singleBuffer bool
}

// Program is the loaded XDP program and its maps.
type Program struct {
	objs   dhcpObjects
	queues int

	mu    sync.Mutex // guards what follows and the contents of the address maps
	link  link.Link
	addrs map[netip.Addr]struct{}
}

// Load loads the program into the kernel. It receives nothing until Attach.
func Load(opts Options) (*Program, error) {
	if opts.Queues == 0 {
		opts.Queues = defaultQueues
	}
	if opts.Steer == 0 {
		opts.Steer = SteerV4 | SteerVLAN
	}
	if opts.FrameMax == 0 {
		opts.FrameMax = defaultFrameMax
	}
	if opts.Queues < 0 || opts.Queues > 1<<16 {
		return nil, fmt.Errorf("bpf: %d queues are out of range", opts.Queues)
	}
	if opts.FrameMax < 0 || opts.FrameMax > 0xffff {
		return nil, fmt.Errorf("bpf: frame length %d is out of range", opts.FrameMax)
	}
	// Kernels before 5.11 account maps against RLIMIT_MEMLOCK.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("bpf: lift the limit on locked memory: %w", err)
	}

	spec, err := loadDhcp()
	if err != nil {
		return nil, fmt.Errorf("bpf: read the embedded object: %w", err)
	}
	spec.Maps[dhcpMapXsks].MaxEntries = uint32(opts.Queues)
	if !opts.singleBuffer {
		// The helper came with frames in several buffers, in Linux 5.18.
		err := features.HaveProgramHelper(ebpf.XDP, asm.FnXdpGetBuffLen)
		opts.singleBuffer = errors.Is(err, ebpf.ErrNotSupported)
	}
	if opts.singleBuffer {
		spec.Programs[dhcpProgXdhcpSteer].Flags = 0
	}
	for name, value := range map[string]any{
		dhcpVarSteering:    uint32(opts.Steer),
		dhcpVarFrameMax:    uint32(opts.FrameMax),
		dhcpVarMultiBuffer: !opts.singleBuffer,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("bpf: set %s: %w", name, err)
		}
	}

	p := &Program{queues: opts.Queues, addrs: map[netip.Addr]struct{}{}}
	if err := spec.LoadAndAssign(&p.objs, nil); err != nil {
		var ve *ebpf.VerifierError
		if opts.VerifierLog && errors.As(err, &ve) {
			return nil, fmt.Errorf("bpf: load: %w\n%+v", err, ve)
		}
		return nil, fmt.Errorf("bpf: load: %w", err)
	}
	return p, nil
}

// Close detaches the program, so that the kernel gets the frames again, and
// releases it.
func (p *Program) Close() error {
	return errors.Join(p.Detach(), p.objs.Close())
}

// Register hands the DHCP frames of a queue to the AF_XDP socket fd from now
// on. The kernel takes a socket that is closed out again.
func (p *Program) Register(queue, fd int) error {
	if err := p.checkQueue(queue); err != nil {
		return err
	}
	if err := p.objs.Xsks.Put(uint32(queue), uint32(fd)); err != nil {
		return fmt.Errorf("bpf: register socket for queue %d: %w", queue, err)
	}
	return nil
}

// Unregister gives the frames of a queue back to the kernel. It is no error
// when the queue has no socket.
func (p *Program) Unregister(queue int) error {
	if err := p.checkQueue(queue); err != nil {
		return err
	}
	if err := p.objs.Xsks.Delete(uint32(queue)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("bpf: unregister socket of queue %d: %w", queue, err)
	}
	return nil
}

func (p *Program) checkQueue(queue int) error {
	if queue < 0 || queue >= p.queues {
		return fmt.Errorf("bpf: queue %d is not below %d", queue, p.queues)
	}
	return nil
}

// SetSteer changes what is steered, while frames flow.
func (p *Program) SetSteer(s Steer) error {
	if err := p.objs.Steering.Set(uint32(s)); err != nil {
		return fmt.Errorf("bpf: set steering: %w", err)
	}
	return nil
}

// SetAddrs sets our addresses: packets to these and to the broadcast address
// of their IPv4 subnets are for us, beside those to the limited broadcast and
// to the groups of DHCPv6 servers. It replaces the addresses of an earlier
// call; one that is in both sets is at no time missing.
func (p *Program) SetAddrs(addrs []netip.Prefix) error {
	want := make(map[netip.Addr]struct{}, 2*len(addrs))
	for _, a := range addrs {
		if !a.IsValid() {
			return errors.New("bpf: invalid address")
		}
		want[a.Addr().Unmap().WithZone("")] = struct{}{}
		if b, ok := broadcast(a); ok {
			want[b] = struct{}{}
		}
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	for a := range want {
		if _, ok := p.addrs[a]; ok {
			continue
		}
		if err := p.addrMap(a).Put(a.AsSlice(), uint8(1)); err != nil {
			return fmt.Errorf("bpf: add address %v: %w", a, err)
		}
		p.addrs[a] = struct{}{}
	}
	for a := range p.addrs {
		if _, ok := want[a]; ok {
			continue
		}
		if err := p.addrMap(a).Delete(a.AsSlice()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("bpf: remove address %v: %w", a, err)
		}
		delete(p.addrs, a)
	}
	return nil
}

func (p *Program) addrMap(a netip.Addr) *ebpf.Map {
	if a.Is4() {
		return p.objs.Addrs4
	}
	return p.objs.Addrs6
}

// broadcast is the directed broadcast address of an IPv4 subnet. A /31 has
// none (RFC 3021), nor has a single address.
func broadcast(p netip.Prefix) (netip.Addr, bool) {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}, false
	}
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b), true
}
