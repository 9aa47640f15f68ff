// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/hex"
	"strings"
	"time"

	"xdhcp/engine/lease"
)

// Lease is a lease as operators see it. Bytes are lower-case hexadecimal.
type Lease struct {
	Address  string    `json:"address"`
	State    string    `json:"state,omitempty"`
	MAC      string    `json:"mac,omitempty"`
	ClientID string    `json:"client_id,omitempty"`
	Host     string    `json:"host,omitempty"`
	Start    time.Time `json:"start,omitzero"`   // when the binding began
	Expires  time.Time `json:"expires,omitzero"` // zero: never
	CLTT     time.Time `json:"cltt,omitzero"`    // client's last transaction
	Circuit  string    `json:"circuit_id,omitempty"`
	Remote   string    `json:"remote_id,omitempty"`
	Lease6
}

// Sub-options of option 82 (RFC 3046 §2.0).
const (
	circuitID = 1
	remoteID  = 2
)

// LeaseOf describes a record of the lease table.
func LeaseOf(e *lease.Entry) Lease {
	l := Lease{
		Address:  e.Addr.String(),
		State:    e.Status.String(),
		MAC:      colons(e.HW),
		ClientID: hex.EncodeToString(e.ClientID),
		Host:     strings.ToValidUTF8(string(e.Host), "\uFFFD"),
		Start:    wall(e.Start),
		CLTT:     wall(e.CLTT),
	}
	if e.Expires != lease.Never {
		l.Expires = wall(e.Expires)
	}
	for rest := e.Relay; len(rest) >= 2 && len(rest) >= 2+int(rest[1]); rest = rest[2+int(rest[1]):] {
		value := hex.EncodeToString(rest[2 : 2+int(rest[1])])
		switch rest[0] {
		case circuitID:
			l.Circuit = value
		case remoteID:
			l.Remote = value
		}
	}
	return l
}

func wall(t lease.Time) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(int64(t), 0).UTC()
}

// colons writes bytes as a hardware address.
func colons(b []byte) string {
	var s strings.Builder
	for i := range b {
		if i > 0 {
			s.WriteByte(':')
		}
		s.WriteString(hex.EncodeToString(b[i : i+1]))
	}
	return s.String()
}
