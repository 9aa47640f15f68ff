// SPDX-License-Identifier: Apache-2.0

package option

// layouts spells out what the type column of the tables says in words, or
// without the names by which the parts of a record are written. A layout that
// ends in [] replaces the array column too.
var layouts = map[Space]map[uint16]string{
	DHCP4: {
		21:  "rec(ipv4 address, ipv4 mask)[]",
		33:  "rec(ipv4 to, ipv4 via)[]",
		43:  "tlv8(dhcp4.msft|text)",
		61:  "rec(u8 type, bytes id)",
		63:  "tlv8",
		77:  "len8(bytes)[]", // RFC 3004 §4
		78:  "rec(bool mandatory, ipv4[] addresses)",
		79:  "rec(bool mandatory, str scopes)",
		81:  "rec(u8 flags, u8 rcode1, u8 rcode2, name81 name)",
		82:  "tlv8(dhcp4.agent)",
		83:  "rec(u16 functions, u16 dd-access, u16 admin, u32 security, ipv4[] servers)",
		88:  "fqdn[]", // RFC 4280 §4.2: must not be compressed
		90:  "rec(u8 protocol, u8 algorithm, u8 rdm, u64 replay, bytes info)",
		97:  "rec(u8 type, bytes16 uuid)",
		99:  "rec(u8 what, str2 country, tlv8 elements)",
		119: "fqdnc[]", // RFC 3397 §2: should be compressed
		120: "hosts",
		121: "route[]",
		122: "tlv8(dhcp4.cablelabs)",
		123: "bytes16", // RFC 6225 §2.1: fields that are not whole octets
		124: "rec(u32 enterprise, len8(len8(bytes)[]) data)[]",
		125: "rec(u32 enterprise, len8(tlv8) options)[]",
		139: "tlv8(dhcp4.mos)",
		140: "tlv8(dhcp4.mos-names)",
		141: "fqdnc[]",      // RFC 6011 §4: encoded as option 119
		143: "len16(url)[]", // RFC 8572 §8.3
		144: "bytes16",
		146: "rec(u8 preference, ipv4 primary, ipv4 secondary, fqdn[] domains)",
		151: "rec(u8 code, str message)",
		159: "rec(u8 offset, psid psid)",
		158: "len8(ipv4[])[]",                                                                              // RFC 7291 §4.1
		162: "len16(rec(u16 priority, len8(fqdn) name, len8(ipv4[]) addresses?, bytes service-params?))[]", // RFC 9463 §5.1
		175: "tlv8(dhcp4.vendor|text)",
		212: "rec(u8 mask-length, prefix16 prefix, ipv4[] relays)", // RFC 5969 §7.1.1
		220: "rec(u8 flags, tlv8 options)",
		221: "rec(u8 type, bytes id)",
		249: "route[]", // [MS-DHCPE] 2.2.8: exactly as RFC 3442
	},
	Agent4: {
		9:   "rec(u32 enterprise, len8(bytes) data)[]",
		151: "rec(u8 type, bytes id)",
	},
	MSFT4: {
		95:  "strz",
		221: "ipv4le",
		223: "count8(ipv6)",
	},
	DHCP6: {
		5:   "rec(ipv6 address, u32 preferred, u32 valid, opts options)",
		11:  "rec(u8 protocol, u8 algorithm, u8 rdm, u64 replay, bytes info)",
		13:  "rec(u16 code, str message)",
		16:  "rec(u32 enterprise, tuple[] data)",
		17:  "rec(u32 enterprise, tlv16 options)",
		26:  "rec(u32 preferred, u32 valid, prefix16 prefix, opts options)",
		36:  "rec(u8 what, str2 country, tlv8 elements)",
		37:  "rec(u32 enterprise, bytes id)",
		39:  "rec(u8 flags, name name)",
		44:  "rec(u8 type, ipv6 link, opts options)",
		47:  "rec(ipv6 peer, bytes message)",
		54:  "tlv16(dhcp6.mos)",
		55:  "tlv16(dhcp6.mos-names)",
		56:  "tlv16(dhcp6.ntp)",
		63:  "bytes16",
		67:  "rec(u8 length, bytes subnet-id)",
		68:  "rec(u8 type, bytes id)",
		71:  "prefix16",
		74:  "rec(ipv6 server, u8 preference, fqdn[] domains)",
		78:  "rec(u16 priority, u16 weight, u8 transport, u16 port, ipv6 address, bytes realm)",
		79:  "rec(u16 type, bytes address)",
		84:  "rec(u8 flags, opts options)",
		85:  "rec(u8 label, u8 precedence, prefix prefix)",
		89:  "rec(u8 flags, u8 ea-length, prefix4 ipv4-prefix, prefix ipv6-prefix, opts options)",
		92:  "rec(ipv4 address, prefix prefix, opts options)",
		93:  "rec(u8 offset, psid psid)",
		98:  "rec(u8 prefix4-length, u8 prefix6-length, u8 ea-length, u8 flags, ipv4 prefix4, ipv6 prefix6)",
		99:  "rec(u8 flags, u8 traffic-class, u16 mtu)",
		104: "bytes", // RFC 7774 §2: fields that are not whole octets
		113: "rec(prefix asm, prefix ssm, prefix unicast)",
		129: "rec(u32 time, bytes key)",
		136: "len16(url)[]", // RFC 8572 §8.3
		138: "rec(u32 iaid, u32 t1, u32 t2, opts options)",
		139: "rec(u16 type, len16(bytes) address, u32 extra, u32 valid, opts options)",
		140: "rec(u8 quadrant, u8 preference)[]",
		144: "rec(u16 priority, len16(fqdn) name, len16(ipv6[]) addresses?, bytes service-params?)",
		146: "bytes", // RFC 9527: not read
		147: "bytes",
	},
	MSFT6: {
		95: "strz",
	},
	"dhcp6.duid": {
		1: "rec(u16 hwtype, u32 time, bytes address)",
		2: "rec(u32 enterprise, bytes id)",
		3: "rec(u16 hwtype, bytes address)",
	},
}

// renamed are names of the tables that are not names.
var renamed = map[Space]map[uint16]string{
	DHCP4: {160: "captive-portal-7710", 177: "packetcable"},
}

// aliases are other names in use: those of the design page, and those of Kea
// and ISC where they differ from the tables.
var aliases = map[Space]map[string]uint16{
	DHCP4: {
		"vendor-specific": 43, "domain-search-list": 119, "classless-static-route": 121, "static-route": 33,
		"cookie-servers": 8, "resource-location-servers": 11, "boot-size": 13, "merit-dump": 14,
		"swap-servers": 16, "default-tcp-keepalive-interval": 38, "ieee802-3-encapsulation": 36,
		"trailer-encapsulation-flag": 34, "router-solicitation": 32, "netbios-dd-server": 45,
		"x-display-manager": 49, "dhcp-requested-address": 50, "dhcp-lease-time": 51,
		"dhcp-option-overload": 52, "dhcp-message-type": 53, "dhcp-server-identifier": 54,
		"dhcp-parameter-request-list": 55, "dhcp-message": 56, "dhcp-max-message-size": 57,
		"dhcp-renewal-time": 58, "dhcp-rebinding-time": 59, "dhcp-client-identifier": 61,
		"nwip-domain-name": 62, "nisplus-domain-name": 64, "mobile-ip-home-agent": 68,
		"smtp-server": 69, "pop-server": 70, "pop-servers": 70, "nntp-server": 71, "www-server": 72,
		"finger-server": 73, "irc-server": 74, "streettalk-server": 75,
		"streettalk-directory-assistance-server": 76, "fqdn": 81, "dhcp-agent-options": 82,
		"authenticate": 90, "client-system": 93, "uuid-guid": 97, "uap-servers": 98, "geoconf-civic": 99,
		"pcode": 100, "tcode": 101, "ipv6-only-preferred": 108, "netinfo-server-address": 112,
		"netinfo-server-tag": 113, "v4-captive-portal": 114, "auto-config": 116,
		"vivco-suboptions": 124, "vivso-suboptions": 125, "pana-agent": 136,
		"tftp-server-address": 150, "pcp-server": 158, "option-6rd": 212, "conf-file": 209, "path-prefix": 210,
		"reboot-time": 211, "ms-classless-static-route": 249, "wpad": 252,
	},
	DHCP6: {
		"name-servers": 23, "domain-search": 24, "information-refresh-time": 32, "vendor-specific": 17,
		"bootfile-param": 60, "new-posix-timezone": 41, "new-tzdb-timezone": 42, "captive-portal": 103,
		"v6-captive-portal": 103, "sip-server-dns": 21, "sip-server-addr": 22, "nisp-domain-name": 30,
		"fqdn": 39, "sntp-servers": 31, "bcmcs-server-dns": 33, "bcmcs-server-addr": 34, "ntp-servers": 56,
		"solmax-rt": 82, "pcp-server": 86, "dhcpv4-message": 87, "dhcp4o6-server-addr": 88, "mud-url": 112,
		"prefix64": 113, "dnr": 144,
	},
}

// timed are the options that hold a number of seconds: they may be written as
// durations.
var timed = map[Space][]uint16{
	DHCP4: {24, 35, 38, 51, 58, 59, 91, 108, 152, 153, 154, 155, 211},
	DHCP6: {32, 46, 82, 83, 100, 101, 102},
}

// bounds are limits that are narrower than the type, from the text of the RFC.
var bounds = map[Space]map[uint16][2]uint64{
	DHCP4: {
		22: {576, 65535}, // RFC 2132 §4.4
		23: {1, 255},     // §4.5
		25: {68, 65535},  // §4.7
		26: {68, 65535},  // §5.1
		37: {1, 255},     // §7.1
		46: {1, 8},       // §8.7
		57: {576, 65535}, // §9.10
		// RFC 2563 §2: 0 and 1 only
		116: {0, 1},
	},
	MSFT4: {1: {0, 2}, 2: {0, 1}},
	DHCP6: {
		32: {600, 1<<32 - 1}, // RFC 8415 §21.23, IRT_MINIMUM
		82: {60, 86400},      // §21.24
		83: {60, 86400},      // §21.25
	},
}
