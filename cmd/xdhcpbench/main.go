// SPDX-License-Identifier: Apache-2.0

// Command xdhcpbench offers load to a DHCP server and checks and measures its
// answers.
//
//	xdhcpbench run -i eth1 …      one load: a rate, a number under way, or all at once
//	xdhcpbench ramp -i eth1 …     the highest rate at a drop limit, and a plot
//	xdhcpbench stub -i eth1 …     a server without state, to measure the generator itself
//	xdhcpbench flood -i eth1 …    millions of frames a second, of garbage or of DISCOVERs
//	xdhcpbench pcap FILE …        the clients' messages as a capture, for tools that send frames
//	xdhcpbench replay FILE -i …   send the clients' messages of a capture, count the answers
package main

import (
	"context"
	"io"

	"xdhcp/internal/cli"
)

// commands are the command line. Each command has a file of its own.
type commands struct {
	Run    runCmd    `cmd:"" help:"Offer one load and report."`
	Ramp   rampCmd   `cmd:"" help:"Find the highest rate at a drop limit."`
	Stub   stubCmd   `cmd:"" help:"Answer clients without any state."`
	Flood  floodCmd  `cmd:"" help:"Send frames that nobody answers, as many as one core can."`
	Pcap   pcapCmd   `cmd:"" help:"Write clients' messages as a capture, for tools that send frames."`
	Replay replayCmd `cmd:"" help:"Send the clients' messages of a capture and count the answers."`
}

// env is what commands see of the world.
type env struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
}

func main() { cli.Main(run) }

// run is main without the process: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := cli.Program{Name: "xdhcpbench", Description: "A load generator for DHCP servers that checks the answers.",
		Grammar: &commands{}, Env: &env{ctx: ctx, stdout: stdout, stderr: stderr}}
	return p.Run(args, stdout, stderr)
}
