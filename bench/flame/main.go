// SPDX-License-Identifier: Apache-2.0

// Command flame reads what `go tool pprof -traces` prints and tells where the time
// went: a flame graph as one SVG file, and a table of the parts of a packet's way
// through xdhcpd. It needs no graphviz and no library.
//
//	go tool pprof -traces -unit ns bin/xdhcpd cpu.pprof | flame -svg flame.svg -messages 100000
//
// A sample belongs to the part that its innermost function of ours is in: the
// rules are in parts.go.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	svg := flag.String("svg", "", "write a flame graph into this `file`")
	messages := flag.Uint64("messages", 0, "how many `messages` were received: the table has nanoseconds for each")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *svg, *messages); err != nil {
		fmt.Fprintln(os.Stderr, "flame:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, svg string, messages uint64) error {
	stacks, err := readTraces(in)
	if err != nil {
		return err
	}
	printParts(out, stacks, messages)
	if svg == "" {
		return nil
	}
	f, err := os.Create(svg)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	writeSVG(w, stacks)
	if err := w.Flush(); err != nil {
		f.Close()
		return fmt.Errorf("%s: %w", svg, err)
	}
	return f.Close()
}
