// SPDX-License-Identifier: Apache-2.0

// Package bpf loads and attaches the XDP program that steers DHCP for this
// server into AF_XDP sockets (dhcp.bpf.c, which says what it steers).
//
//	NIC queue n ─► xdhcp_steer ─┬ for us, socket registered for n ─► xsks[n]
//	                            └ anything else ───────────────────► kernel
//
// A Program belongs to one interface: queue numbers index its socket map. The
// owner loads it, tells it our addresses, registers a socket per queue and
// attaches it; from then on the maps may change while frames flow. It is
// attached by a bpf_link, which the kernel removes with the process, so that
// after a crash the interface serves on without us.
//
// Methods are safe for concurrent use. Attach and Probe must be called in the
// interface's network namespace.
//
// It needs Linux 5.9 (bpf_link for XDP). Before 5.18 frames come in one buffer
// only, so drivers refuse it large MTUs in native mode, and the verifier asks
// for CAP_PERFMON beside the three capabilities that Probe names.
//
// The objects dhcp_bpf{el,eb}.o and their Go side are generated and committed;
// go generate needs clang and llvm-strip only. Types shared with C come from
// the object's type information, never copied by hand.
package bpf

//go:generate go tool bpf2go -target bpfel,bpfeb -cflags "-Wall -Wextra -Werror" dhcp dhcp.bpf.c
