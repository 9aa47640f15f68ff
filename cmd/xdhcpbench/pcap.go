// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"xdhcp/bench/load"
)

type pcapCmd struct {
	identityFlags `embed:""`

	File         string   `arg:"" help:"Where to write: a capture, or, where the name ends in .cfg, what trafgen reads."`
	Message      []string `short:"m" help:"Kinds of message, one of each for each client: discover (or solicit), request, renew, rebind, release. Default: the first. All but that name the client's address, the first of --pool (and of --delegated) plus its number." placeholder:"KIND"`
	Rate         float64  `short:"r" help:"Messages a second, by the times in the capture." default:"1000"`
	LinkMAC      string   `name:"link-mac" help:"Source of relayed frames." default:"02:0d:ff:00:00:01" placeholder:"MAC"`
	DelegatedLen int      `name:"delegated-len" help:"Length of the prefixes of --delegated that clients name." default:"56"`
	ServerDUID   string   `name:"server-duid" help:"The DHCPv6 server's DUID, in hexadecimal digits." placeholder:"HEX"`
}

// Run writes the file.
func (c *pcapCmd) Run(e *env) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	if cfg.LinkMAC, err = parseMAC(c.LinkMAC); err != nil {
		return fmt.Errorf("--link-mac: %w", err)
	}
	t := load.Templates{Config: cfg, Messages: c.Message, DelegatedLen: c.DelegatedLen, Rate: c.Rate, Start: time.Now()}
	if t.ServerDUID, err = hex.DecodeString(strings.ReplaceAll(c.ServerDUID, ":", "")); err != nil {
		return fmt.Errorf("--server-duid: %w", err)
	}
	write := t.WritePcap
	if filepath.Ext(c.File) == ".cfg" {
		write = t.WriteTrafgen
	}
	n := 0
	err = writeFile(c.File, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		if n, err = write(b); err != nil {
			return err
		}
		return b.Flush()
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%d frames in %s\n", n, c.File)
	return nil
}
