// SPDX-License-Identifier: Apache-2.0

//go:build !amd64 && !arm64

package policy

func prefetchSubnet(*Subnet) {}

func prefetchSet(*OptionSet) {}

func prefetchRange(*poolRange) {}

func prefetchSlot(*uint64) {}

func prefetchReservation(*Reservation) {}
