// SPDX-License-Identifier: Apache-2.0

// Reflector measures how many frames per second one core can receive from a
// veth and send back, by each of the ways that a Go program has. It is the
// limit that figures of the server stand beside.
//
//	go run ./bench/reflector [-rounds 3] [-time 1s] [-warmup 300ms] [-only own] [-cores 0,1]
//
//	 namespace of the generator            namespace of the reflector
//	 core 0                                core 1
//	 BPF_PROG_TEST_RUN, live frames ─────► veth ── XDP ──► contestant ─┐
//	 XDP: compare, count, drop ◄────────── veth ◄──────────────────────┘
//
// All contestants get the same frames: 350 bytes, Ethernet, IPv4, UDP, a
// number at both ends of the payload. A reflected frame is correct if its MAC
// addresses, IP addresses and ports are exchanged, its length is right, both
// numbers agree and it has not come back before; otherwise it is wrong. A
// frame that was overwritten while it waited for transmission is wrong.
//
// The generator offers as much as its core can, several times of what any
// contestant can take, so what is measured is behaviour under overload.
// Receiving work (the veth's NAPI) runs on the generator's core. Where the
// work for a reflected frame runs is the kernel's choice, and matters: the
// column "own core" says which share of it fell on the contestant's core.
//
// Contestants take turns, so that a busy spell of the machine hits all of
// them. Each row is the median round, with the correct frames of the best and
// the wrong frames of the worst. "CPU/frame" is processor time of the
// contestant's thread for each correct frame, system calls and all; it suffers
// least from other people's load, and for one that spins it includes the wait.
//
// On a shared machine read the ratios. Needs root and a kernel of 5.18 or
// later; uses network namespaces of its own and leaves nothing behind.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "how often each contestant is measured")
	flag.DurationVar(&o.time, "time", time.Second, "how long each time")
	flag.DurationVar(&o.warmup, "warmup", 300*time.Millisecond, "how long it runs before that")
	flag.StringVar(&o.only, "only", "", "run only contestants whose name contains this")
	cores := flag.String("cores", "0,1", "the generator's and the reflector's core")
	flag.Parse()
	if _, err := fmt.Sscanf(strings.ReplaceAll(*cores, ",", " "), "%d %d", &o.genCore, &o.ownCore); err != nil {
		fmt.Fprintf(os.Stderr, "reflector: -cores %q: want two numbers, as 0,1\n", *cores)
		os.Exit(2)
	}
	if err := run(os.Stdout, o); err != nil {
		fmt.Fprintf(os.Stderr, "reflector: %v\n", err)
		os.Exit(1)
	}
}
