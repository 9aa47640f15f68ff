// SPDX-License-Identifier: Apache-2.0

package option

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Infinite is the number of seconds that means for ever (RFC 2131 §3.3).
const Infinite uint32 = 1<<32 - 1

var units = []struct {
	name    byte
	seconds uint64
}{{'w', 7 * 86400}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}

// ParseSeconds reads a time: a number of seconds, a sum such as 1d12h or
// 52m30s (units w, d, h, m, s, the larger first), or the word infinite.
func ParseSeconds(s string) (uint32, error) {
	if s == "infinite" || s == "infinity" {
		return Infinite, nil
	}
	var total uint64
	rest, from := s, 0
	for rest != "" {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		v, err := strconv.ParseUint(rest[:n], 10, 32)
		if errors.Is(err, strconv.ErrRange) {
			return 0, fmt.Errorf("%s is more than 136 years: write infinite if that is meant", s)
		}
		if err != nil {
			return 0, notTime(s)
		}
		rest = rest[n:]
		if rest == "" {
			if total > 0 || from > 0 { // as in 1h30: minutes or seconds?
				return 0, fmt.Errorf("%q ends without a unit: w, d, h, m or s", s)
			}
			total = v
			break
		}
		i := from
		for i < len(units) && units[i].name != rest[0] {
			i++
		}
		if i == len(units) {
			return 0, notTime(s)
		}
		from = i + 1
		total += v * units[i].seconds
		rest = rest[1:]
	}
	if s == "" {
		return 0, notTime(s)
	}
	if total >= uint64(Infinite) {
		return 0, fmt.Errorf("%s is more than 136 years: write infinite if that is meant", s)
	}
	return uint32(total), nil
}

func notTime(s string) error {
	return fmt.Errorf("%q is not a time: write seconds, or a sum such as 1d12h or 52m30s, or infinite", s)
}

// FormatSeconds writes a time as ParseSeconds reads it.
func FormatSeconds(n uint32) string {
	if n == Infinite {
		return "infinite"
	}
	if n == 0 {
		return "0"
	}
	var b strings.Builder
	v := uint64(n)
	for _, u := range units {
		if q := v / u.seconds; q > 0 {
			fmt.Fprintf(&b, "%d%c", q, u.name)
			v -= q * u.seconds
		}
	}
	return b.String()
}
