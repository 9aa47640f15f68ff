// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// check of a file with 100,000 reservations, all of it: reading, checking, compiling.
// The aim is 2 s.
func BenchmarkCheck100k(b *testing.B) {
	for style, line := range map[string]string{
		"flow":  "      - {mac: \"02:00:00:%02x:%02x:%02x\", address: 10.%d.%d.%d, hostname: h%d}\n",
		"block": "      - mac: \"02:00:00:%02x:%02x:%02x\"\n        address: 10.%d.%d.%d\n        hostname: h%d\n",
	} {
		b.Run(style, func(b *testing.B) {
			var text strings.Builder
			text.WriteString("interfaces: [eth1]\nsubnets:\n")
			for i := range 100_000 {
				net, k := i/1000, i%1000+256
				if k == 256 {
					fmt.Fprintf(&text, "  - subnet: 10.%d.0.0/16\n    pools: [10.%d.200.0-10.%d.250.255]\n    reservations:\n", net, net, net)
				}
				fmt.Fprintf(&text, line, i>>16, i>>8&255, i&255, net, k>>8, k&255, i)
			}
			file := filepath.Join(b.TempDir(), "xdhcp.yaml")
			if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if code := run(context.Background(), []string{"check", "-c", file}, io.Discard, os.Stderr); code != 0 {
					b.Fatal(code)
				}
			}
		})
	}
}
