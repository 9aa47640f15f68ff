// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

var errAddress = errors.New("neither 4 nor 16 octets of an address")

// ExprTexts are the functions of the language that make text of octets and take it
// apart. They do what those of Kea do that are named beside them.
type ExprTexts struct {
	Dotted   func(string) (string, error)     `expr:"dotted"`   // addrtotext: an address as people write it
	Decimal  func(int) string                 `expr:"decimal"`  // uint8totext and the like
	Signed   func(string) int                 `expr:"signed"`   // as number, of a value with a sign
	Long     func(int) string                 `expr:"long"`     // a number as four octets
	HexPairs func(string, string) string      `expr:"hexpairs"` // hexstring: with something between the octets
	Part     func(string, string, int) string `expr:"part"`     // split: the nth part between any of some octets
}

func newExprTexts() ExprTexts {
	return ExprTexts{
		Dotted: func(s string) (string, error) {
			a, ok := netip.AddrFromSlice([]byte(s))
			if !ok {
				return "", errAddress
			}
			return a.String(), nil
		},
		Decimal: strconv.Itoa,
		Signed: func(s string) int {
			if s == "" {
				return 0
			}
			n := 0
			if s[0] >= 0x80 {
				n = -1
			}
			for i := max(0, len(s)-8); i < len(s); i++ {
				n = n<<8 | int(s[i])
			}
			return n
		},
		Long:     func(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) },
		HexPairs: hexPairs,
		Part:     part,
	}
}

func hexPairs(s, between string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(hex.EncodeToString([]byte{s[i]}))
	}
	return b.String()
}

// part is the nth piece of s, from 1, where s is cut at each of the octets in at;
// "" if there are fewer.
func part(s, at string, n int) string {
	for ; n > 1; n-- {
		i := cut(s, at)
		if i == len(s) {
			return ""
		}
		s = s[i+1:]
	}
	if n < 1 {
		return ""
	}
	return s[:cut(s, at)]
}

// cut is where the first of the octets in at is, or the end.
func cut(s, at string) int {
	for i := range len(s) {
		if strings.IndexByte(at, s[i]) >= 0 {
			return i
		}
	}
	return len(s)
}

// A HeaderPacket is a Packet that also knows the fields of its header by the names
// of RFC 2131 table 1: xid, ciaddr, yiaddr, siaddr and so on, as octets.
type HeaderPacket interface {
	Packet
	Header(name string) []byte
}

// header is a field of the message's header, or its source or destination address.
func (f *Facts) header(name string) string {
	four := func(a uint32) string { return string(binary.BigEndian.AppendUint32(nil, a)) }
	switch name {
	case "src":
		return four(uint32(f.Src))
	case "dst":
		return four(uint32(f.Dst))
	case "giaddr":
		return four(uint32(f.Giaddr))
	}
	if p, ok := f.Packet.(HeaderPacket); ok {
		return string(p.Header(name))
	}
	return ""
}
