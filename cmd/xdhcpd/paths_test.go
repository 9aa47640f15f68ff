// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/frame"
)

var update = flag.Bool("update", false, "rewrite the table of README.md")

// A request is one that people ask about: which path answers it?
type request struct {
	what  string
	frame func(a *answerer) []byte
}

func asks(what string, typ dhcpv4.MessageType, mods ...dhcpv4.Modifier) request {
	return request{what, func(a *answerer) []byte { return a.frame(clientMessage(a, 1, typ, mods...), nil) }}
}

func fromAddress(ip string) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) { m.ClientIPAddr = net.ParseIP(ip) }
}

func behind(mods ...dhcpv4.Modifier) dhcpv4.Modifier {
	return func(m *dhcpv4.DHCPv4) {
		m.GatewayIPAddr = []byte{192, 0, 2, 9}
		for _, mod := range mods {
			mod(m)
		}
	}
}

// Two parts of one option: the library writes only whole ones.
func twoParts(a *answerer) []byte {
	m := clientMessage(a, 1, dhcpv4.MessageTypeDiscover, optionIs(12, strings.Repeat("h", 255)+"ost"))
	return a.frame(m, nil)
}

const pathsYAML = `
interfaces: [eth1]
classes:
  - {name: windows, match: {vendor-class: MSFT 5.0}, options: {vendor-specific: {microsoft-disable-netbios: 2}}}
  - {name: modems, match: {expression: 'option(60) matches "^docsis[23]"'}, options: {log-servers: 192.0.2.9}}
options: {160: "hex:` + "REPEAT" + `"}
subnets:
  - subnet: 192.0.2.0/24
    pools: [{range: 192.0.2.100-192.0.2.199, bootp: true}]
    options: {routers: 192.0.2.254}
    reservations: [{mac: "02:00:00:00:00:07", address: 192.0.2.7}]
`

// pathsConfig has a class with an expression only for requests that are about one: with
// it, every message depends on it.
func pathsConfig(expression bool) string {
	text := strings.Replace(pathsYAML, "REPEAT", strings.Repeat("00", 700), 1)
	if !expression {
		lines := strings.Split(text, "\n")
		text = strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, "modems") }), "\n")
	}
	return text
}

var (
	inPlace = []request{
		asks("DISCOVER, with any parameter request list or none", dhcpv4.MessageTypeDiscover, listOf(1, 3, 6)),
		asks("REQUEST after an offer, after a reboot", dhcpv4.MessageTypeRequest, optionIs(50, "\xc0\x00\x02\x64"), optionIs(54, "\xc0\x00\x02\x01"), listOf(1)),
		asks("REQUEST to renew or rebind", dhcpv4.MessageTypeRequest, fromAddress("192.0.2.100"), listOf(1)),
		asks("INFORM", dhcpv4.MessageTypeInform, fromAddress("192.0.2.100"), listOf(1)),
		asks("behind a relay agent, with option 82", dhcpv4.MessageTypeDiscover, behind(optionIs(82, "\x01\x03abc")), listOf(1)),
		asks("`MSFT 5.0` and other classes that matchers decide", dhcpv4.MessageTypeDiscover, optionIs(60, "MSFT 5.0"), listOf(1, 43)),
		asks("with a client identifier, a host name, a FQDN", dhcpv4.MessageTypeDiscover, optionIs(61, "\x00abc"), optionIs(12, "h"), optionIs(81, "\x00\x00\x00h"), listOf(1)),
		asks("PXE and UEFI clients (options 93, 94, 97)", dhcpv4.MessageTypeDiscover, optionIs(60, "PXEClient"), optionIs(93, "\x00\x07"), optionIs(94, "\x01\x03\x10"), optionIs(97, "\x000123456789abcdef"), listOf(1)),
		{"clients with a reservation", func(a *answerer) []byte {
			return a.frame(clientMessage(a, 7, dhcpv4.MessageTypeDiscover, listOf(1)), nil)
		}},
		asks("DECLINE and RELEASE, which have no answer", dhcpv4.MessageTypeRelease, fromAddress("192.0.2.100"), optionIs(54, "\xc0\x00\x02\x01")),
	}
	punted = []request{
		asks("options in the file or sname field (option 52)", dhcpv4.MessageTypeDiscover, optionIs(52, "\x01")),
		{"an option in several parts (RFC 3396)", twoParts},
		asks("an answer longer than the client takes in one piece (option 57): split and overloaded", dhcpv4.MessageTypeDiscover, listOf(160)),
		asks("options that change an answer and are rare: 90, 220, 250, site-specific ones", dhcpv4.MessageTypeDiscover, optionIs(90, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")),
		{"BOOTP", func(a *answerer) []byte {
			m := clientMessage(a, 1, dhcpv4.MessageTypeDiscover)
			delete(m.Options, 53)
			return a.frame(m, nil)
		}},
		{"an IPv4 header with options", func(a *answerer) []byte {
			m := clientMessage(a, 1, dhcpv4.MessageTypeDiscover)
			return a.frame(m, []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 1}})
		}},
		asks("classes that an expression decides, reservations by flex-id", dhcpv4.MessageTypeDiscover, optionIs(60, "docsis3")),
		asks("LEASEQUERY (RFC 4388)", dhcpv4.MessageType(10), behind(optionIs(61, "\x00abc"))),
	}
)

// The table in the README is what the code does: each of its requests is tried, and each
// Reason for the slow path has one.
func TestPaths(t *testing.T) {
	var b strings.Builder
	b.WriteString("| request | path | counted as |\n| --- | --- | --- |\n")
	run := func(r request) frame.Reason {
		a := answers(t, pathsConfig(strings.Contains(r.what, "expression")))
		if strings.Contains(r.what, "renew") || strings.Contains(r.what, "RELEASE") {
			a.ask(1, dhcpv4.MessageTypeRequest, optionIs(50, "\xc0\x00\x02\x64"), optionIs(54, "\xc0\x00\x02\x01"), listOf(1))
		}
		_, why := a.handle(r.frame(a))
		return why
	}
	for _, r := range inPlace {
		why := run(r)
		if why != frame.OK && why != frame.Released {
			t.Errorf("%s: %v", r.what, why)
		}
		fmt.Fprintf(&b, "| %s | fast | `%v`: %s |\n", r.what, why, why.Sentence())
	}
	tried := map[frame.Reason]bool{}
	for _, r := range punted {
		why := run(r)
		if tried[why] = true; !strings.HasPrefix(why.String(), "punt_") {
			t.Errorf("%s: %v", r.what, why)
		}
		fmt.Fprintf(&b, "| %s | slow | `%v`: %s |\n", r.what, why, why.Sentence())
	}
	for r := range frame.NumReasons {
		if strings.HasPrefix(r.String(), "punt_") && !tried[r] {
			t.Errorf("%v: no request of the table has it", r)
		}
	}
	const file, begin, end = "../../README.md", "<!-- begin paths -->\n", "<!-- end paths -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("README.md has no place for the table")
	}
	want := before + begin + b.String() + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Error("the table of README.md is not what the code does: make docs")
	}
}
