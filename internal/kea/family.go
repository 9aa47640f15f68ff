// SPDX-License-Identifier: Apache-2.0

package kea

import "xdhcp/internal/option"

// A family is what differs between Kea's two servers where the rest is the same:
// the names of things and the width of option codes.
type family struct {
	top         string // the object, and the name of its rules in keys.tsv
	subnets     string // the key of their lists
	network     string // names of rules
	subnet      string
	class       string
	space       string // of options
	ours        option.Space
	std         *optDefs
	maxCode     int
	v6          bool
	identifiers []string // of reservations, in Kea's order
}

var (
	family4 = &family{
		top: "Dhcp4", subnets: "subnet4", network: "network", subnet: "subnet", class: "class",
		space: space4, ours: option.DHCP4, std: stdDefs, maxCode: 254, identifiers: keaIdentifiers,
	}
	family6 = &family{
		top: "Dhcp6", subnets: "subnet6", network: "network6", subnet: "subnet6", class: "class6",
		space: space6, ours: option.DHCP6, std: stdDefs6, maxCode: 65535, v6: true, identifiers: []string{"hw-address", "duid", "flex-id"},
	}
)
