// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// limit is what bench/reflector has found: frames a second that one core can
// receive and send back, with nothing in between.
type limit struct {
	table  string
	frames float64 // of our rings in poll mode, the median round
}

// reflect measures the limit.
func (r *run) reflect() {
	out, err := exec.CommandContext(r.ctx, r.reflector, "-only", "own rings").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "compare: %s: %v: %s\n", r.reflector, err, out)
		return
	}
	r.limit.table = strings.TrimSpace(string(out))
	for line := range strings.Lines(r.limit.table) {
		if rest, ok := strings.CutPrefix(line, "own rings, poll"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				r.limit.frames, _ = strconv.ParseFloat(f[0], 64) // 0: no ratio
			}
		}
	}
}
