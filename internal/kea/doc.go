// SPDX-License-Identifier: Apache-2.0

// Package kea reads configurations of Kea's two servers, for DHCPv4 and DHCPv6,
// and says the same in ours.
//
//	text ──parse──► value (JSON, with places) ──convert──► YAML ──config.Parse──► config.Config
//
// The YAML is the only output: `xdhcpd import kea` prints it, `xdhcpd serve -c
// kea-dhcp4.conf` has it parsed, so that both mean the same. Every line of it
// knows the place in Kea's file that it was made from; what internal/config has
// to say about a line is said about that place.
//
// There are three kinds of things to report. A mistake is what Kea refuses too.
// Something that is not carried changes what clients are answered, and is a
// comment in the output. A warning is about what has no meaning here, such as
// loggers. Kea's defaults that are not ours are written out.
//
// The source for names, types and defaults is the reference manual of Kea 2.2
// to 3.0; the tests run kea-dhcp4 -t and kea-dhcp6 -t, where they are installed,
// over their inputs.
package kea
