// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func prefetchRecord(p *record)
TEXT ·prefetchRecord(SB), NOSPLIT, $0-8
	MOVD p+0(FP), R0
	PRFM (R0), PLDL1KEEP
	RET

// func prefetchCold(p *[coldSize]byte)
TEXT ·prefetchCold(SB), NOSPLIT, $0-8
	MOVD p+0(FP), R0
	PRFM (R0), PLDL1KEEP
	ADD  $39, R0
	PRFM (R0), PLDL1KEEP
	RET

// func prefetchShard(s *shard)
TEXT ·prefetchShard(SB), NOSPLIT, $0-8
	MOVD s+0(FP), R0
	PRFM (R0), PLDL1KEEP
	PRFM 64(R0), PLDL1KEEP
	RET
