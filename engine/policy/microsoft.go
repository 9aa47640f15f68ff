// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"unicode/utf16"
)

const (
	subRogueReply = 95 // of option 43, [MS-DHCPE] §2.2.2.5
	optUserClass  = 77 // RFC 3004, [MS-DHCPE] §2.2.6
)

// RogueReply is the value of option 43 for a server that looks for rogue ones
// ([MS-DHCPE] §3.2.5.4): a text that ends with a zero byte; it is empty where
// nobody but rogue detection itself has authorized this server.
func (p *Policy) RogueReply() []byte { return p.rogueReply }

func (b *builder) addRogueReply() {
	text := ""
	if b.spec.Authorization == AuthorizedByAdmin {
		if text = b.spec.AuthorizationName; text == "" {
			text = "authorized"
		}
	}
	if len(text) > 252 {
		b.fail("the name for rogue detection has %d bytes, more than 252", len(text))
		return
	}
	b.p.rogueReply = append([]byte{subRogueReply, uint8(len(text) + 1)}, text...)
	b.p.rogueReply = append(b.p.rogueReply, 0)
}

// ClassList is the user classes of the configuration as encoded options 77, one
// for each ([MS-DHCPE] §2.2.6.2). They are the classes that ask for one value of
// option 77 and nothing else.
func (p *Policy) ClassList() []byte { return p.classList }

func (b *builder) addClassList() {
	for i := range b.spec.Classes {
		c := &b.spec.Classes[i]
		m := c.match()
		if m == nil || m.By != MatchUserClass || m.Prefix {
			continue
		}
		v := binary.BigEndian.AppendUint16(nil, uint16(len(m.Value)))
		v = append(v, m.Value...)
		v = append(v, make([]byte, -len(m.Value)&3)...)
		v = AppendClassText(v, c.Name)
		v = AppendClassText(v, c.Description)
		if len(v) > 255 {
			// Rather a list without its description than no list.
			v = v[:len(v)-2-textLen(c.Description)]
			v = AppendClassText(v, "")
		}
		if len(v) <= 255 {
			b.p.classList = append(append(b.p.classList, optUserClass, uint8(len(v))), v...)
		}
	}
}

// AppendClassText writes a text as UTF-16 with a zero at its end, behind its length
// in bytes: the example of §4.
func AppendClassText(v []byte, text string) []byte {
	v = binary.BigEndian.AppendUint16(v, uint16(textLen(text)))
	for _, u := range utf16.Encode([]rune(text)) {
		v = binary.BigEndian.AppendUint16(v, u)
	}
	return append(v, 0, 0)
}

func textLen(text string) int { return 2 * (len(utf16.Encode([]rune(text))) + 1) }
