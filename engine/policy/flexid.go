// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"reflect"

	"github.com/expr-lang/expr"

	"xdhcp/engine/lease"
)

// HasFlexID says whether reservations may go by the value of an expression.
func (p *Policy) HasFlexID() bool { return p.flexID != nil }

// FlexID is the value of Spec.FlexID for a message, or nil. It allocates.
func (p *Policy) FlexID(c *lease.Client, giaddr lease.IP4, packet Packet) []byte {
	if p.flexID == nil || packet == nil {
		return nil
	}
	client := *c // what expressions see is on the heap; the caller's need not be
	f := Facts{Client: &client, Giaddr: giaddr, Packet: packet}
	v, _ := f.run(p.flexID).(string)
	if v == "" || len(v) > 255 {
		return nil
	}
	return []byte(v)
}

// CheckFlexID says what is wrong with an expression that is to yield octets.
func CheckFlexID(text string) error {
	_, err := compileAs(text, &exprEnv{}, expr.AsKind(reflect.String))
	return err
}

func (b *builder) addFlexID() {
	if b.spec.FlexID == "" {
		return
	}
	p, err := compileAs(b.spec.FlexID, &exprEnv{}, expr.AsKind(reflect.String))
	if err != nil {
		b.fail("flex-id: %w", err)
		return
	}
	b.p.flexID = p
}
