// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"

	"xdhcp/engine/policy6"
)

// lenAuth is the length of an Authentication option of the reconfigure key protocol:
// protocol, algorithm, RDM, replay detection, type, value (RFC 8415 §20.4.1, §21.11).
const lenAuth = 3 + 8 + 1 + 16

const (
	authKey    = 1 // "Reconfigure key value (used in the Reply message)"
	authDigest = 2 // "HMAC-MD5 digest of the message (used in the Reconfigure message)"
)

func auth(to *[lenAuth]byte, replay uint64, typ uint8, value []byte) {
	to[0], to[1], to[2] = 3, 1, 0
	binary.BigEndian.PutUint64(to[3:], replay)
	to[11] = typ
	copy(to[12:], value)
}

// AppendReconfigure appends the Reconfigure message that makes a client send a Renew,
// a Rebind or an Information-request (RFC 8415 §18.3.11). replay is greater than in
// every message before; the caller keeps it over restarts. The message goes to the
// client's address, or in a Relay-reply message through its relay agents. False: the
// policy has no keys, or msg is none of the three.
func AppendReconfigure(to []byte, p *policy6.Policy, duid []byte, msg uint8, replay uint64) ([]byte, bool) {
	if !p.Reconfigure() || len(duid) == 0 || msg != Renew && msg != Rebind && msg != InformationRequest {
		return to, false
	}
	start := len(to)
	option := func(code uint16, value []byte) {
		to = binary.BigEndian.AppendUint16(to, code)
		to = binary.BigEndian.AppendUint16(to, uint16(len(value)))
		to = append(to, value...)
	}
	to = append(to, Reconfigure, 0, 0, 0) // "sets the 'transaction-id' field to 0"
	option(optClientID, duid)
	option(optServerID, p.ServerID)
	option(optReconfigureMsg, []byte{msg})
	var room [lenAuth]byte
	auth(&room, replay, authDigest, nil) // "the HMAC-MD5 field … is set to 0 for the HMAC-MD5 computation"
	option(optAuth, room[:])
	key := p.ReconfigureKey(duid)
	mac := hmac.New(md5.New, key[:])
	mac.Write(to[start:])
	copy(to[len(to)-16:], mac.Sum(nil))
	return to, true
}
