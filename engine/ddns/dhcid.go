// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/miekg/dns"

	"xdhcp/engine/lease"
)

// Identifier types (RFC 4701 §3.3) and the digest type SHA-256 (§3.4).
const (
	dhcidHW       = 0
	dhcidClientID = 1
	dhcidDUID     = 2
	dhcidSHA256   = 1

	// clientIDType is that of a client identifier that carries a DUID: type, IAID
	// and then the DUID (RFC 4361 §6.1).
	clientIDType = 255
	offDUID      = 5
)

// An identity is what tells clients apart in the DNS: identifier type and identifier
// (RFC 4701 §3.3).
type identity struct {
	typ uint16
	id  []byte
}

// identity4 is that of an IPv4 lease. §3.3: the DUID where the client identifier has
// one, else the client identifier, else htype and chaddr.
func identity4(e *lease.Entry) identity {
	switch {
	case len(e.ClientID) > offDUID && e.ClientID[0] == clientIDType:
		return identity{dhcidDUID, e.ClientID[offDUID:]}
	case len(e.ClientID) > 0:
		return identity{dhcidClientID, e.ClientID}
	}
	return identity{dhcidHW, append([]byte{e.HType}, e.HW...)}
}

// dhcid is the digest of a client and its name, as the record holds it in base64
// (RFC 4701 §3.3): the identifier type, the digest type, and SHA-256 of the
// identifier and the name in canonical wire form (§3.5: lower case, no compression).
func (i identity) dhcid(fqdn string) string {
	var wire [256]byte
	n, err := dns.PackDomainName(dns.CanonicalName(fqdn), wire[:], 0, nil, false)
	if err != nil {
		return "" // not reached: names are proved when they are taken from the lease
	}
	h := sha256.New()
	h.Write(i.id)
	h.Write(wire[:n])
	out := binary.BigEndian.AppendUint16(nil, i.typ)
	out = append(out, dhcidSHA256)
	return base64.StdEncoding.EncodeToString(h.Sum(out))
}
