// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func prefetchSubnet(s *Subnet)
TEXT ·prefetchSubnet(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	RET

// func prefetchSet(o *OptionSet)
TEXT ·prefetchSet(SB), NOSPLIT, $0-8
	MOVQ o+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchRange(r *poolRange)
TEXT ·prefetchRange(SB), NOSPLIT, $0-8
	MOVQ r+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchSlot(e *uint64)
TEXT ·prefetchSlot(SB), NOSPLIT, $0-8
	MOVQ e+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchReservation(r *Reservation)
TEXT ·prefetchReservation(SB), NOSPLIT, $0-8
	MOVQ r+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	RET
