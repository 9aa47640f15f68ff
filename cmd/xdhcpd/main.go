// SPDX-License-Identifier: Apache-2.0

// Command xdhcpd is a DHCPv4 and DHCPv6 server whose packets go through AF_XDP.
//
//	xdhcpd serve -c xdhcp.yaml     serve in the foreground
//	xdhcpd check -c xdhcp.yaml     report every mistake of a configuration
//	xdhcpd import kea FILE         print what a configuration of Kea is in ours
//	xdhcpd status                  ask the running server how it is
//	xdhcpd leases                  list the leases
//	xdhcpd history ADDRESS         who had it, and when
//	xdhcpd forcerenew ADDRESS      tell its client to renew the lease now
//	xdhcpd reconfigure PREFIX      the same for an address or prefix of DHCPv6
//	xdhcpd state verify, repair    look after the state directory
//	xdhcpd version
package main

import (
	"context"
	"io"

	"xdhcp/internal/cli"
)

// version is set by the linker (Makefile).
var version = "unknown"

// exitError ends the program with a status and, if it says anything, a message.
type exitError struct {
	code int
	msg  string
}

func (e *exitError) Error() string { return e.msg }
func (e *exitError) ExitCode() int { return e.code }

// commands are the command line. Each command has a file of its own.
type commands struct {
	Serve      serveCmd      `cmd:"" help:"Serve DHCP in the foreground."`
	Check      checkCmd      `cmd:"" help:"Check a configuration file and report every mistake."`
	Import     importCmd     `cmd:"" help:"Turn the configuration of another server into one of xdhcpd's."`
	Status     statusCmd     `cmd:"" help:"Ask the running server how it is."`
	Leases     leasesCmd     `cmd:"" help:"The leases, whether or not a server runs."`
	Watch      watchCmd      `cmd:"" help:"Print what becomes of leases, as it becomes durable: one JSON object per line."`
	History    historyCmd    `cmd:"" help:"Who had an address, or which addresses a client had, and when."`
	ForceRenew forceRenewCmd `cmd:"" name:"forcerenew" help:"Tell clients of the running server to renew their leases now."`
	Reconf     reconfCmd     `cmd:"" name:"reconfigure" help:"Tell clients of DHCPv6 of the running server to renew, to rebind, or to ask for their options."`
	State      stateCmd      `cmd:"" help:"Verify or repair a state directory."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// stateDir is the option that names a state directory.
type stateDir struct {
	State string `help:"State directory: the leases and the control socket." default:"/var/lib/xdhcp" placeholder:"DIR"`
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
	p := cli.Program{Name: "xdhcpd", Description: "A DHCP server for the edge of internet providers, over AF_XDP.",
		Grammar: &commands{}, Env: &env{ctx: ctx, stdout: stdout, stderr: stderr}}
	return p.Run(args, stdout, stderr)
}
