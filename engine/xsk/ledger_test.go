// SPDX-License-Identifier: Apache-2.0

//go:build invariants || race

package xsk

import (
	"testing"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
)

func TestDoubleOwnershipPanics(t *testing.T) {
	for name, misuse := range map[string]func(*Socket, *fakeKernel, frame.Frame){
		"freed twice": func(s *Socket, _ *fakeKernel, f frame.Frame) {
			s.Free([]frame.Frame{f, f})
		},
		"freed after it was sent": func(s *Socket, _ *fakeKernel, f frame.Frame) {
			s.Send([]frame.Frame{f})
			s.Free([]frame.Frame{f})
		},
		"sent after it was freed": func(s *Socket, _ *fakeKernel, f frame.Frame) {
			s.Free([]frame.Frame{f})
			s.Send([]frame.Frame{f})
		},
		"sent twice": func(s *Socket, _ *fakeKernel, f frame.Frame) {
			s.Send([]frame.Frame{f, f})
		},
		"received while the worker has it": func(s *Socket, k *fakeKernel, f frame.Frame) {
			k.rx.kernelPut(unix.XDPDesc{Addr: f.Addr, Len: uint32(len(f.Data))})
			s.Recv(make([]frame.Frame, 1))
		},
		"completed without having been sent": func(s *Socket, k *fakeKernel, f frame.Frame) {
			k.comp.kernelPut(f.Addr)
			s.Recv(make([]frame.Frame, 1))
		},
		"from another socket's memory": func(s *Socket, _ *fakeKernel, f frame.Frame) {
			f.Addr = uint64(len(s.umem))
			s.Free([]frame.Frame{f})
		},
		"resliced at the front": func(s *Socket, _ *fakeKernel, f frame.Frame) {
			f.Data = f.Data[1:]
			s.Send([]frame.Frame{f})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, k := heapSocket()
			f := take(t, s, k, 1)
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			misuse(s, k, f)
		})
	}
}
