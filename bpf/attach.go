// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
)

// Mode is where on a frame's way the program runs.
type Mode uint8

const (
	// Auto tries Native, then Generic.
	Auto Mode = iota
	// Native runs in the driver, before the kernel allocates a packet.
	Native
	// Generic runs in the network stack, with any driver.
	Generic
)

// String names the mode as the configuration does.
func (m Mode) String() string {
	switch m {
	case Auto:
		return "auto"
	case Native:
		return "native"
	case Generic:
		return "generic"
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}

// Attachment says how the program came to be attached.
type Attachment struct {
	// Mode is Native or Generic.
	Mode Mode
	// Why says why the mode is not Native, with the driver's error.
	Why string
}

// ErrInUse is wrapped by an Attach that finds another XDP program on the
// interface.
var ErrInUse = errors.New("another XDP program is attached")

// busyFor is how long Attach waits for a program that is on its way out: the
// kernel removes that of a killed process some time after the process.
const (
	busyFor   = time.Second
	busyCheck = 10 * time.Millisecond
)

// Attach puts the program on an interface of the current network namespace.
// It stays until Detach, Close, or the end of the process or the interface.
func (p *Program) Attach(ifindex int, mode Mode) (Attachment, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link != nil {
		return Attachment{}, errors.New("bpf: attach: already attached")
	}
	name, err := waitUnused(ifindex)
	if err != nil {
		return Attachment{}, err
	}

	var why string
	if mode != Generic {
		err := p.attach(ifindex, link.XDPDriverMode)
		if err == nil {
			return Attachment{Mode: Native}, nil
		}
		if mode == Native || !driverError(err) {
			return Attachment{}, attachError(name, ifindex, Native, err)
		}
		why = explainNative(err)
	} else {
		why = "generic mode is configured"
	}
	if err := p.attach(ifindex, link.XDPGenericMode); err != nil {
		return Attachment{}, attachError(name, ifindex, Generic, err)
	}
	return Attachment{Mode: Generic, Why: why}, nil
}

// Detach takes the program off its interface, if it is on one; it may be
// attached again.
func (p *Program) Detach() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link == nil {
		return nil
	}
	err := p.link.Close()
	p.link = nil
	if err != nil {
		return fmt.Errorf("bpf: detach: %w", err)
	}
	return nil
}

func (p *Program) attach(ifindex int, flags link.XDPAttachFlags) error {
	l, err := link.AttachXDP(link.XDPOptions{
		Program: p.objs.XdhcpSteer, Interface: ifindex, Flags: flags,
	})
	if err != nil {
		return err
	}
	p.link = l
	return nil
}

// waitUnused waits until the interface has no XDP program, for at most
// busyFor, and returns the interface's name.
func waitUnused(ifindex int) (string, error) {
	for deadline := time.Now().Add(busyFor); ; time.Sleep(busyCheck) {
		l, err := netlink.LinkByIndex(ifindex)
		if err != nil {
			return "", fmt.Errorf("bpf: attach to interface %d: %w", ifindex, err)
		}
		name, x := l.Attrs().Name, l.Attrs().Xdp
		if x == nil || !x.Attached {
			return name, nil
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("bpf: attach to %s: %w: %s; end what has put it there",
				name, ErrInUse, describe(x.ProgId))
		}
	}
}

// describe names a program by id, and by name where that can be read.
func describe(id uint32) string {
	prog, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return fmt.Sprintf("id %d", id)
	}
	defer prog.Close()
	info, err := prog.Info()
	if err != nil || info.Name == "" {
		return fmt.Sprintf("id %d", id)
	}
	return fmt.Sprintf("id %d, %q", id, info.Name)
}

// attachError names the interface, and the other program where the kernel
// says there is one: it may have come since we looked.
func attachError(name string, ifindex int, mode Mode, err error) error {
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EEXIST) {
		if _, inUse := waitUnused(ifindex); inUse != nil {
			return inUse
		}
	}
	return fmt.Errorf("bpf: attach to %s in %v mode: %w%s", name, mode, err, hint(err))
}

// driverError tells errors that come from the driver, so that generic mode may
// do, from those that it would meet as well.
func driverError(err error) bool {
	for _, e := range []error{
		syscall.EPERM, syscall.EACCES, syscall.EBUSY, syscall.EEXIST, syscall.ENODEV, syscall.EBADF,
	} {
		if errors.Is(err, e) {
			return false
		}
	}
	return true
}

// explainNative turns a driver's error into a reason.
func explainNative(err error) string {
	text := err.Error()
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text = errno.Error()
	}
	return "native: " + text + hint(err)
}

// hint says what a driver's error means as a rule. Drivers agree on few codes,
// so the error's own text always stands before it.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.EOPNOTSUPP):
		return " (the driver has no native XDP, or not in this configuration)"
	case errors.Is(err, syscall.ERANGE), errors.Is(err, syscall.E2BIG):
		return " (as a rule: the MTU is too large)"
	case errors.Is(err, syscall.EINVAL):
		return " (as a rule: the MTU is too large, or an offload such as LRO is on)"
	case errors.Is(err, syscall.ENOSPC):
		return " (as a rule: too few receive queues)"
	case errors.Is(err, syscall.ENOMEM):
		return " (as a rule: too few hardware queues for XDP)"
	}
	return ""
}
