// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func prefetchRecord(p *record)
TEXT ·prefetchRecord(SB), NOSPLIT, $0-8
	MOVD p+0(FP), R0
	PRFM (R0), PLDL1KEEP
	PRFM 64(R0), PLDL1KEEP
	RET
