// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"xdhcp/engine/xsk"
)

// printLosses tells which frames a queue's rings have lost, if there are any, and
// what an operator would do about them.
func printLosses(w io.Writer, r *xsk.Stats) {
	for _, l := range []struct {
		n    uint64
		what string
	}{
		{r.KernelRxRingFull, "received and lost: the rx ring was full, the worker is overloaded"},
		{r.KernelRxDropped, "received and lost: no frame was free, or it was too large"},
		{r.KernelRxInvalid, "received and lost: the fill ring had a wrong address"},
		{r.Refused, "replies lost: shorter than Ethernet or longer than their frame"},
		{r.Busy, "replies lost: the kernel could not transmit, as without carrier"},
		{r.KernelTxInvalid, "replies lost: the tx ring had a wrong descriptor"},
		{r.Bad, "descriptors outside the memory"},
	} {
		if l.n > 0 {
			fmt.Fprintf(w, "    %d\t%s\n", l.n, l.what)
		}
	}
}
