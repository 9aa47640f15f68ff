// SPDX-License-Identifier: Apache-2.0

//go:build !amd64

package eth

func words(b []byte) uint64 { return wordsGo(b) }
