// SPDX-License-Identifier: Apache-2.0

package eth

// words adds the whole 8-byte words of b, as the machine loads them, in ones'
// complement. Go's compiler keeps a carry in a register, not in the flag, and
// takes four times as many instructions.
//
//go:noescape
func words(b []byte) uint64
