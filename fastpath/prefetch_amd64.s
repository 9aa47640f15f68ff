// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func prefetchTags(p *[ways]uint64)
TEXT ·prefetchTags(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchLine(p *line)
TEXT ·prefetchLine(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	PREFETCHT0 128(AX)
	RET
