// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 && !arm64

package fastpath

func prefetchTags(*[ways]uint64) {}

func prefetchLine(*line) {}
