// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 && !arm64

package prefetch

// Line fetches nothing here.
func Line[T any](*T) {}

// Lines fetches nothing here.
func Lines[T any](*T, int) {}

// Bytes fetches nothing here.
func Bytes([]byte) {}
