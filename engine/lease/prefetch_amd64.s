// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func prefetchRecord(p *record)
TEXT ·prefetchRecord(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	RET

// func prefetchCold(p *[coldSize]byte)
TEXT ·prefetchCold(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 39(AX)
	RET

// func prefetchShard(s *shard)
TEXT ·prefetchShard(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	RET
