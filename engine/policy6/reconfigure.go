// SPDX-License-Identifier: Apache-2.0

package policy6

import "crypto/sha256"

// minSecret is the least length of a secret that keys are derived from.
const minSecret = 16

// Reconfigure says whether clients may be sent Reconfigure messages.
func (p *Policy) Reconfigure() bool { return p.reconfigure != nil }

// addReconfigure prepares the two keys of the HMAC (RFC 2104 §2).
func (b *builder) addReconfigure() {
	secret := b.spec.ReconfigureSecret
	if secret == nil {
		return
	}
	if len(secret) < minSecret {
		b.fail("the secret for Reconfigure has %d bytes, fewer than %d", len(secret), minSecret)
		return
	}
	if len(secret) > sha256.BlockSize {
		sum := sha256.Sum256(secret)
		secret = sum[:]
	}
	keys := &[2][64]byte{}
	for i, pad := range [...]byte{0x36, 0x5c} {
		copy(keys[i][:], secret)
		for j := range keys[i] {
			keys[i][j] ^= pad
		}
	}
	b.p.reconfigure = keys
}

// ReconfigureKey is the key of a client (RFC 8415 §20.4.2: "128 bits long and MUST
// be a cryptographically strong random or pseudorandom number"): HMAC-SHA-256 of its
// DUID with the server's secret. So it need not be kept with the lease, and is the
// same again after a restart. It is the HMAC of crypto/hmac without its allocations.
func (p *Policy) ReconfigureKey(duid []byte) (key [16]byte) {
	var in [64 + 256]byte
	n := copy(in[:], p.reconfigure[0][:])
	n += copy(in[n:], duid)
	inner := sha256.Sum256(in[:n])
	var out [64 + sha256.Size]byte
	copy(out[:], p.reconfigure[1][:])
	copy(out[64:], inner[:])
	sum := sha256.Sum256(out[:])
	return [16]byte(sum[:])
}
