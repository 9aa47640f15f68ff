// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strconv"
	"strings"
)

// A History says how much is kept of who had which address when.
type History struct {
	Off  bool
	Keep uint32 // seconds for which what is over is kept
	Size int64  // bytes on disk at most; the oldest goes first
}

// Defaults of History.
const (
	DefaultHistoryKeep = 366 * 24 * 3600
	DefaultHistorySize = 8 << 30

	// leastHistory is room for a few runs of some thousand leases.
	leastHistory = 64 << 20
)

var historyKeys = keySet{
	known:  []string{"keep", "size"},
	others: map[string]string{"retention": "keep", "max-size": "size"},
}

func (c *checker) history(p *path, n *node) History {
	h := History{Keep: DefaultHistoryKeep, Size: DefaultHistorySize}
	if n.kind == scalarNode {
		if s, _ := c.scalar(p, n, "off, or a map"); strings.EqualFold(s, "off") || s == "false" {
			h.Off = true
			return h
		}
	}
	if !c.isMap(p, n, &historyKeys) {
		return h
	}
	if v := n.get("keep"); v != nil {
		h.Keep = c.limited(p.at("keep"), v, h.Keep)
	}
	if v := n.get("size"); v != nil {
		h.Size = c.bytes(p.at("size"), v, h.Size)
		if h.Size < leastHistory {
			c.fail(p.at("size"), v, "is too small: at least 64MiB")
		}
	}
	return h
}

// bytes reads a size such as 500MiB or 8GiB.
func (c *checker) bytes(p *path, n *node, def int64) int64 {
	s, ok := c.scalar(p, n, "a size")
	if !ok {
		return def
	}
	for shift, unit := range map[uint]string{20: "MiB", 30: "GiB", 40: "TiB"} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			if v, err := strconv.ParseInt(digits, 10, 64-1-int(shift)); err == nil && v >= 0 {
				return v << shift
			}
		}
	}
	c.fail(p, n, "%q is not a size: write a number with MiB, GiB or TiB, as in 8GiB", s)
	return def
}
