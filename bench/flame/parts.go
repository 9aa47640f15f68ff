// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// rules name the part of a packet's way that a function is of, by the beginning of
// its name. The first that fits counts. internal/wire is in none: reading a header
// is a part of whoever reads it.
var rules = []struct{ prefix, part string }{
	{"xdhcp/engine/xsk.(*Socket).Flush", "tx: system calls that transmit"},
	{"xdhcp/engine/xsk.(*Socket).Send", "tx: ring"},
	{"xdhcp/engine/xsk.(*Socket).Alloc", "tx: ring"},
	{"xdhcp/engine/xsk.(*Socket).Wait", "rx: waiting"},
	{"xdhcp/engine/xsk.", "rx: ring"},
	{"xdhcp/fastpath.(*Handler).parse", "parse"},
	{"xdhcp/fastpath.(*parsed)", "parse"},
	{"xdhcp/fastpath.(*six).parse", "parse"},
	{"xdhcp/fastpath.(*six).ask", "parse"},
	{"xdhcp/fastpath.(*Handler).Prepare", "look ahead"},
	{"xdhcp/fastpath.(*Handler).look", "look ahead"},
	{"xdhcp/fastpath.(*Handler).take", "look ahead"},
	{"xdhcp/fastpath.(*Handler).Handle", "fast path, the rest"},
	{"xdhcp/fastpath.(*Handler).encode", "build"},
	{"xdhcp/fastpath.(*Handler).keep", "build"},
	{"xdhcp/fastpath.(*Handler).options", "build"},
	{"xdhcp/fastpath.(*Handler).address", "build"},
	{"xdhcp/fastpath.(*six).encode", "build"},
	{"xdhcp/fastpath.(*six).putIA", "build"},
	{"xdhcp/fastpath.(*cache)", "build"},
	{"xdhcp/fastpath.fixed", "build"},
	{"xdhcp/fastpath.header", "build"},
	{"xdhcp/fastpath.", "fast path, the rest"},
	{"xdhcp/engine/policy", "policy"},
	{"xdhcp/engine/exchange", "decision"},
	{"xdhcp/engine/lease.", "lease"},
	{"xdhcp/engine/lease6.", "lease"},
	{"xdhcp/engine/lease/tagindex", "lease"},
	{"xdhcp/engine/journal.(*historian)", "journal: history"},
	{"xdhcp/engine/journal/history", "journal: history"},
	{"xdhcp/engine/journal.(*committer)", "journal: write and sync"},
	{"xdhcp/engine/journal/vfs", "journal: write and sync"},
	{"xdhcp/engine/journal", "journal: append and wake"},
	{"xdhcp/engine/worker.", "worker"},
	{"xdhcp/slowpath.", "slow path"},
	{"xdhcp/", "other"},
}

// shared are functions that several parts use: whose they are, their caller says.
var shared = []string{"xdhcp/internal/", "xdhcp/engine/xsk.(*system)"}

// part is where a stack's time belongs.
func part(s *stack) string {
	for _, f := range s.funcs {
		if slices.ContainsFunc(shared, func(p string) bool { return strings.HasPrefix(f, p) }) {
			continue
		}
		for _, r := range rules {
			if strings.HasPrefix(f, r.prefix) {
				return r.part
			}
		}
	}
	return "Go's runtime: scheduler, timers, memory"
}

// printParts prints the table.
func printParts(w io.Writer, stacks []stack, messages uint64) {
	total := int64(0)
	by := map[string]int64{}
	for i := range stacks {
		total += stacks[i].ns
		by[part(&stacks[i])] += stacks[i].ns
	}
	names := make([]string, 0, len(by))
	for name := range by {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b)) })
	each := func(ns int64) string {
		if messages == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f", float64(ns)/float64(messages))
	}
	fmt.Fprintf(w, "| part | CPU | ns a message |\n| --- | ---: | ---: |\n")
	for _, name := range names {
		fmt.Fprintf(w, "| %s | %.1f %% | %s |\n", name, 100*float64(by[name])/float64(max(total, 1)), each(by[name]))
	}
	fmt.Fprintf(w, "| all of it, %.2f s for %d messages | 100 %% | %s |\n", float64(total)/1e9, messages, each(total))
}
