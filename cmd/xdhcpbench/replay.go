// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"xdhcp/bench/load"
)

type replayCmd struct {
	linkFlags `embed:""`

	File      string        `arg:"" help:"A capture (pcap or pcapng) of Ethernet. What servers have sent in it, and what is not DHCP, is left out."`
	Rate      float64       `short:"r" help:"Messages a second. Default: the recorded pace." xor:"pace"`
	Speed     float64       `help:"Times the recorded pace." xor:"pace" default:"1"`
	Times     int           `help:"How often to send it all." default:"1"`
	Duration  time.Duration `short:"d" help:"End after this time at the latest." default:"1m"`
	Wait      time.Duration `help:"How long to wait for answers after the last message." default:"1s"`
	ServerMAC string        `name:"server-mac" help:"New destination of the frames that went to one station." placeholder:"MAC"`
}

// Run sends the capture.
func (c *replayCmd) Run(e *env) error {
	p := load.Replay{Rate: c.Rate, Speed: c.Speed, Times: c.Times, Duration: c.Duration, Wait: c.Wait, Core: c.Core}
	if c.ServerMAC != "" {
		var err error
		if p.ServerMAC, err = parseMAC(c.ServerMAC); err != nil {
			return fmt.Errorf("--server-mac: %w", err)
		}
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	rec, err := load.ReadCapture(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	t, err := c.open()
	if err != nil {
		return err
	}
	defer t.Close()
	r, err := p.Run(e.ctx, rec, t)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%s: %d messages of clients in %v, %d other frames\n", c.File, rec.Len(), short(rec.Duration()), rec.Others)
	fmt.Fprintf(e.stdout, "sent %d in %.2f s, %.0f a second, at most %v late, over %s: %s\n",
		r.Sent, r.Took.Seconds(), float64(r.Sent)/max(r.Took.Seconds(), 1e-9), short(r.MaxLag), t.Info().How, byName(r.Messages))
	fmt.Fprintf(e.stdout, "answers %d: %s\n", r.Answered, byName(r.Answers))
	if r.TooLong > 0 {
		fmt.Fprintf(e.stdout, "%d messages were too long for a frame and have not been sent\n", r.TooLong)
	}
	if r.Drops > 0 {
		fmt.Fprintf(e.stdout, "%d answers were lost by the socket\n", r.Drops)
	}
	return nil
}

// byName lists counts.
func byName(counts map[string]uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
