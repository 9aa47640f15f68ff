// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 && !arm64

package lease

func prefetchRecord(*record) {}

func prefetchShard(*shard) {}

func prefetchCold(*[coldSize]byte) {}
