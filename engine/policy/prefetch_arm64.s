// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func prefetchSubnet(s *Subnet)
TEXT ·prefetchSubnet(SB), NOSPLIT, $0-8
	MOVD s+0(FP), R0
	PRFM (R0), PLDL1KEEP
	PRFM 64(R0), PLDL1KEEP
	RET

// func prefetchSet(o *OptionSet)
TEXT ·prefetchSet(SB), NOSPLIT, $0-8
	MOVD o+0(FP), R0
	PRFM (R0), PLDL1KEEP
	RET

// func prefetchRange(r *poolRange)
TEXT ·prefetchRange(SB), NOSPLIT, $0-8
	MOVD r+0(FP), R0
	PRFM (R0), PLDL1KEEP
	RET

// func prefetchSlot(e *uint64)
TEXT ·prefetchSlot(SB), NOSPLIT, $0-8
	MOVD e+0(FP), R0
	PRFM (R0), PLDL1KEEP
	RET

// func prefetchReservation(r *Reservation)
TEXT ·prefetchReservation(SB), NOSPLIT, $0-8
	MOVD r+0(FP), R0
	PRFM (R0), PLDL1KEEP
	PRFM 64(R0), PLDL1KEEP
	RET
