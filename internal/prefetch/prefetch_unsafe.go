// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package prefetch

import "unsafe"

// This file has unsafe for one thing: an instruction takes any address.

// Line fetches the line in which *p begins.
func Line[T any](p *T) { line(unsafe.Pointer(p)) }

// Lines fetches n lines from that on.
func Lines[T any](p *T, n int) { lines(unsafe.Pointer(p), n) }

// Bytes fetches the lines in which b lies.
//
//go:noescape
func Bytes(b []byte)

//go:noescape
func line(p unsafe.Pointer)

//go:noescape
func lines(p unsafe.Pointer, n int)
