// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func words(b []byte) uint64
//
// LEAQ and DECQ leave the carry alone, so it goes round with the loop.
TEXT ·words(SB), NOSPLIT, $0-32
	MOVQ b_base+0(FP), SI
	MOVQ b_len+8(FP), CX
	XORL AX, AX
	SHRQ $3, CX
	MOVQ CX, DX
	ANDQ $7, CX
	SHRQ $3, DX
	TESTQ DX, DX // clears the carry
	JZ   rest

lines:
	ADCQ 0(SI), AX
	ADCQ 8(SI), AX
	ADCQ 16(SI), AX
	ADCQ 24(SI), AX
	ADCQ 32(SI), AX
	ADCQ 40(SI), AX
	ADCQ 48(SI), AX
	ADCQ 56(SI), AX
	LEAQ 64(SI), SI
	DECQ DX
	JNZ  lines
	ADCQ $0, AX

rest:
	TESTQ CX, CX
	JZ   done

one:
	ADCQ (SI), AX
	LEAQ 8(SI), SI
	DECQ CX
	JNZ  one
	ADCQ $0, AX

done:
	MOVQ AX, ret+24(FP)
	RET
