// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
)

// big is a file with n reservations in m subnets.
func big(n, m int, style string) []byte {
	var b strings.Builder
	b.WriteString("interfaces: [eth1]\nsubnets:\n")
	for i := range m {
		fmt.Fprintf(&b, "  - subnet: 10.%d.%d.0/21\n    pools: [10.%d.%d.0-10.%d.%d.250]\n    exclude: [10.%d.%d.0]\n    options: {routers: [10.%d.%d.251]}\n    reservations:\n",
			i>>5, i<<3&255, i>>5, i<<3&255, i>>5, i<<3&255+7, i>>5, i<<3&255, i>>5, i<<3&255+7)
		for j := range n / m {
			k := i*(n/m) + j
			mac := fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", k>>24, k>>16&255, k>>8&255, k&255)
			a := i<<11 + j + 1
			addr := fmt.Sprintf("10.%d.%d.%d", a>>16, a>>8&255, a&255)
			switch style {
			case "flow":
				fmt.Fprintf(&b, "      - {mac: \"%s\", address: %s, hostname: h%d}\n", mac, addr, k)
			case "block":
				fmt.Fprintf(&b, "      - mac: %s\n        address: %s\n        hostname: h%d\n", mac, addr, k)
			case "parser": // what runs leave to the YAML parser
				fmt.Fprintf(&b, "      - {mac: \"%s\", address: %s, hostname:\th%d}\n", mac, addr, k)
			}
		}
	}
	return []byte(b.String())
}

// The aim is a check of 100 k reservations in 2 s.
func BenchmarkParse100k(b *testing.B) {
	for _, style := range []string{"flow", "block", "parser"} {
		b.Run(style, func(b *testing.B) {
			text := big(100_000, 100, style)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, problems := Parse("f", text); problems != nil {
					b.Fatal(problems[0])
				}
			}
		})
	}
}

func BenchmarkParse5000Subnets(b *testing.B) {
	text := big(5000, 5000, "flow")
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Parse("f", text); problems != nil {
			b.Fatal(problems[0])
		}
	}
}

// A file in which everything is wrong is not slower in the order of its size.
func BenchmarkProblems100k(b *testing.B) {
	text := []byte(strings.ReplaceAll(string(big(100_000, 100, "flow")), "hostname: h", "hostname: _ h"))
	text = []byte(strings.ReplaceAll(string(text), "mac: \"02", "mac: \"03"))
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Parse("f", text); len(problems) < 100_000 {
			b.Fatal(len(problems))
		}
	}
}
