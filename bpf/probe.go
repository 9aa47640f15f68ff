// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Probe reports what XDP and AF_XDP need and this process or this kernel
// lacks, in one sentence that names it. It tries each feature instead of
// asking for the kernel's version, since distributions port features back and
// leave others out, and it leaves nothing attached.
func Probe() error {
	// Before 5.11 the probes would fail for want of lockable memory. Where
	// this fails, they say why better.
	_ = rlimit.RemoveMemlock()
	for _, p := range []struct {
		what string
		try  func() error
	}{
		{"AF_XDP sockets (CONFIG_XDP_SOCKETS, Linux 4.18)", haveSocket},
		{"socket maps for XDP (BPF_MAP_TYPE_XSKMAP, CONFIG_XDP_SOCKETS, Linux 4.18)", func() error { return features.HaveMapType(ebpf.XSKMap) }},
		{"XDP programs (CONFIG_BPF_SYSCALL, Linux 4.8)", func() error { return features.HaveProgramType(ebpf.XDP) }},
		{"bpf_link for XDP (Linux 5.9)", haveLink},
	} {
		if err := explain(p.what, p.try(), missingCaps()); err != nil {
			return err
		}
	}
	return nil
}

// explain makes the sentence out of a probe's error.
func explain(what string, err error, missing []string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM) && len(missing) > 0:
		return fmt.Errorf("XDP needs %s, which this process lacks: run as root, or grant CAP_BPF, CAP_NET_ADMIN and CAP_NET_RAW",
			strings.Join(missing, " and "))
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("XDP is forbidden here although the capabilities are there (%w): "+
			"a seccomp filter, a container or user namespace, or kernel lockdown refuses %s", unix.EPERM, what)
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("XDP is not usable: this kernel lacks %s", what)
	}
	return fmt.Errorf("XDP is not usable: probe for %s: %w", what, err)
}

// haveSocket opens an AF_XDP socket; that takes CAP_NET_RAW.
func haveSocket() error {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return ebpf.ErrNotSupported
	}
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// haveLink asks for a link on the loopback interface in native mode, which its
// driver does not have. A kernel that knows such links gets as far as the
// driver; an older one says that the request is invalid.
func haveLink() error {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name:         "xdhcp_probe",
		Type:         ebpf.XDP,
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
		License:      "Dual BSD/GPL",
	})
	if err != nil {
		return err
	}
	defer prog.Close()

	const loopback = 1 // its index in every namespace
	l, err := link.AttachXDP(link.XDPOptions{Program: prog, Interface: loopback, Flags: link.XDPDriverMode})
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, syscall.EINVAL):
		return ebpf.ErrNotSupported
	case errors.Is(err, unix.EPERM):
		return err
	}
	return nil
}

// missingCaps names the capabilities of the three that are not effective.
func missingCaps() []string {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return nil
	}
	has := func(c uint) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }
	var missing []string
	// CAP_SYS_ADMIN includes CAP_BPF, for kernels before 5.8.
	if !has(unix.CAP_BPF) && !has(unix.CAP_SYS_ADMIN) {
		missing = append(missing, "CAP_BPF")
	}
	if !has(unix.CAP_NET_ADMIN) {
		missing = append(missing, "CAP_NET_ADMIN")
	}
	if !has(unix.CAP_NET_RAW) {
		missing = append(missing, "CAP_NET_RAW")
	}
	return missing
}
