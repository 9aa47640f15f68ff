// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"encoding/binary"

	"xdhcp/engine/policy"
)

const (
	enterpriseMS  = 311
	subRogueReply = 95 // of option 17 with enterprise 311, [MS-DHCPE] §2.2.10.2
)

// RogueReply is the value of option 17 for a server that looks for rogue ones
// ([MS-DHCPE] §3.2.5.5): a text that ends with a zero byte; it is empty where
// nobody but rogue detection itself has authorized this server.
func (p *Policy) RogueReply() []byte { return p.rogueReply }

func (b *builder) addRogueReply() {
	text := ""
	if b.spec.Authorization == policy.AuthorizedByAdmin {
		if text = b.spec.AuthorizationName; text == "" {
			text = "authorized"
		}
	}
	if len(text) > 254 {
		b.fail("the name for rogue detection has %d bytes, more than 254", len(text))
		return
	}
	v := binary.BigEndian.AppendUint32(nil, enterpriseMS)
	v = binary.BigEndian.AppendUint16(v, subRogueReply)
	v = binary.BigEndian.AppendUint16(v, uint16(len(text)+1))
	b.p.rogueReply = append(append(v, text...), 0)
}

// ClassList is the user classes of the configuration as encoded options 15, one for
// each ([MS-DHCPE] §2.2.4). They are the classes that ask for one value of option
// 15 and nothing else.
func (p *Policy) ClassList() []byte { return p.classList }

func (b *builder) addClassList() {
	for i := range b.spec.Classes {
		c := &b.spec.Classes[i]
		m := c.Match
		if m == nil || m.By != policy.MatchUserClass || m.Prefix {
			continue
		}
		v := binary.BigEndian.AppendUint16(nil, uint16(len(m.Value)))
		v = append(v, m.Value...)
		v = append(v, make([]byte, -len(m.Value)&3)...)
		v = policy.AppendClassText(v, c.Name)
		v = policy.AppendClassText(v, c.Description)
		list := binary.BigEndian.AppendUint16(b.p.classList, optUserClass)
		list = binary.BigEndian.AppendUint16(list, uint16(2+len(v)))
		list = binary.BigEndian.AppendUint16(list, uint16(len(v)))
		b.p.classList = append(list, v...)
	}
}
