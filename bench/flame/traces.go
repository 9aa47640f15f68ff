// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// stack is one call stack of the profile, innermost function first, and the time
// that was spent in it.
type stack struct {
	ns    int64
	funcs []string
}

// readTraces reads the output of go tool pprof -traces -unit ns:
//
//	-----------+---------------
//	10000000ns   runtime.futex
//	             runtime.futexwakeup (inline)
//
// Before the first line of dashes is a header.
func readTraces(in io.Reader) (stacks []stack, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20) // names of generic functions are long
	began := false
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), " (inline)")
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "-----------+"):
			began = true
		case !began || len(fields) == 0 || strings.HasSuffix(fields[0], ":"): // labels, as "key: value"
		case line[0] != ' ' || isTime(fields[0]):
			ns, err := strconv.ParseInt(strings.TrimSuffix(fields[0], "ns"), 10, 64)
			if err != nil || len(fields) < 2 {
				return nil, fmt.Errorf("line %d: %q: want nanoseconds and a function (-unit ns)", n, line)
			}
			stacks = append(stacks, stack{ns, []string{strings.Join(fields[1:], " ")}})
		case len(stacks) == 0:
			return nil, fmt.Errorf("line %d: %q: a caller of nothing", n, line)
		default:
			s := &stacks[len(stacks)-1]
			s.funcs = append(s.funcs, strings.Join(fields, " "))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(stacks) == 0 {
		return nil, fmt.Errorf("no samples: was there any load?")
	}
	return stacks, nil
}

// isTime: short times are indented.
func isTime(s string) bool {
	digits, ok := strings.CutSuffix(s, "ns")
	_, err := strconv.ParseInt(digits, 10, 64)
	return ok && err == nil
}
