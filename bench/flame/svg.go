// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"hash/fnv"
	"html"
	"io"
	"maps"
	"slices"
	"strings"
)

// node is a function called by the functions on the way to it.
type node struct {
	name     string
	ns       int64
	children map[string]*node
}

func tree(stacks []stack) (root *node, depth int) {
	root = &node{name: "all", children: map[string]*node{}}
	for i := range stacks {
		s := &stacks[i]
		root.ns += s.ns
		at := root
		for _, f := range slices.Backward(s.funcs) {
			next := at.children[f]
			if next == nil {
				next = &node{name: f, children: map[string]*node{}}
				at.children[f] = next
			}
			next.ns += s.ns
			at = next
		}
		depth = max(depth, len(s.funcs))
	}
	return root, depth
}

// Sizes in pixels.
const (
	svgWidth  = 1400
	svgRow    = 17
	svgLetter = 6.5
	svgLeast  = 0.3 // narrower boxes are left out
)

// writeSVG draws a box for each function, as wide as its time, above its caller.
// A viewer shows name and share of what the pointer is on (title).
func writeSVG(w io.Writer, stacks []stack) {
	root, depth := tree(stacks)
	height := (depth+1)*svgRow + 10
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="monospace" font-size="11">`+"\n",
		svgWidth, height, svgWidth, height)
	draw(w, root, root.ns, 0, float64(height-svgRow-5))
	fmt.Fprintln(w, "</svg>")
}

func draw(w io.Writer, n *node, total int64, x, y float64) {
	width := float64(n.ns) / float64(max(total, 1)) * svgWidth
	if width < svgLeast {
		return
	}
	name := html.EscapeString(n.name)
	fmt.Fprintf(w, `<g><title>%s: %.2f %%</title><rect x="%.1f" y="%.0f" width="%.1f" height="%d" fill="%s"/>`,
		name, 100*float64(n.ns)/float64(max(total, 1)), x, y, max(width-0.5, 0.2), svgRow-1, color(n.name))
	if letters := int((width - 4) / svgLetter); letters >= 3 {
		short := n.name[strings.LastIndex(n.name, "/")+1:]
		fmt.Fprintf(w, `<text x="%.1f" y="%.0f">%s</text>`, x+2, y+svgRow-5, html.EscapeString(short[:min(len(short), letters)]))
	}
	fmt.Fprintln(w, "</g>")
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		c := n.children[name]
		draw(w, c, total, x, y-svgRow)
		x += float64(c.ns) / float64(max(total, 1)) * svgWidth
	}
}

// color is warm for ours, blue for system calls, grey for Go's own; a package has
// always the same.
func color(name string) string {
	pkg := name
	if i := strings.LastIndex(name, "/"); i >= 0 {
		if j := strings.Index(name[i:], "."); j >= 0 {
			pkg = name[:i+j]
		}
	} else if j := strings.Index(name, "."); j >= 0 {
		pkg = name[:j]
	}
	h := fnv.New32a()
	h.Write([]byte(pkg))
	v := int(h.Sum32() % 50)
	switch {
	case strings.Contains(pkg, "syscall") || strings.HasSuffix(pkg, "sys/unix"):
		return fmt.Sprintf("rgb(%d,%d,235)", 130+v, 170+v)
	case strings.HasPrefix(pkg, "xdhcp"):
		return fmt.Sprintf("rgb(245,%d,%d)", 130+2*v, 60+v)
	}
	return fmt.Sprintf("rgb(%d,%d,%d)", 190+v, 190+v, 190+v)
}
