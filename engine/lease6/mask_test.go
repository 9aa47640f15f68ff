// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// A prefix is what net/netip says that it is.
func TestPrefixFrom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 129 {
		for range 20 {
			a := IP6{rnd.Uint64(), rnd.Uint64()}
			want, err := netip.AddrFrom16(a.As16()).Prefix(n)
			if err != nil {
				t.Fatal(err)
			}
			if got := PrefixFrom(a, uint8(n)); got.As16() != want.Addr().As16() || int(got.Len) != n {
				t.Errorf("%v/%d: %v", a, n, got)
			}
		}
	}
}
