// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 && !arm64

package prefetch

// Word fetches nothing here.
func Word(*uint64) {}

// Bytes fetches nothing here.
func Bytes([]byte) {}
