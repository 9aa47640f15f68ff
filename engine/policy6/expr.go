// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"encoding/binary"
	"sync"

	"github.com/expr-lang/expr/vm"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

// An exprEnv is what an expression sees: the language is that of engine/policy,
// over
//
//	option(16)          the value of an option as text, byte for byte; "" if it is not there
//	exists(16)          whether it is there
//	relay(0, 18)        an option of a relay agent, 0 is the one next to the client
//	suboption(s, 1)     an option in an encapsulated value
//	substring(s, 0, 4)  part of a text
//	hex(s), unhex("0a") bytes as hexadecimal digits and back
//	number(s)           up to eight bytes as a number, big endian
//	duid, mac           of the client; mac is "" where nobody tells
//	link, peer          link-address and peer-address as text, "::": none
//	known               whether the client has a reservation on the link
//
// The functions are bound once, as making them allocates.
type exprEnv struct {
	policy.ExprTools
	Option func(int) string         `expr:"option"`
	Exists func(int) bool           `expr:"exists"`
	Relay  func(int, int) string    `expr:"relay"`
	Sub    func(string, int) string `expr:"suboption"`
	DUID   string                   `expr:"duid"`
	MAC    string                   `expr:"mac"`
	Link   string                   `expr:"link"`
	Peer   string                   `expr:"peer"`
	Known  bool                     `expr:"known"`

	facts *Facts
	vm    vm.VM
}

var exprEnvs = sync.Pool{New: func() any { return newExprEnv() }}

func newExprEnv() *exprEnv {
	e := &exprEnv{ExprTools: policy.NewExprTools()}
	e.Option = func(code int) string {
		v, _ := e.option(code)
		return string(v)
	}
	e.Exists = func(code int) bool {
		_, ok := e.option(code)
		return ok
	}
	e.Relay = func(level, code int) string {
		if e.facts == nil || code < 0 || code > 1<<16-1 {
			return ""
		}
		v, _ := e.facts.Packet.RelayOption(level, uint16(code))
		return string(v)
	}
	e.Sub = func(s string, code int) string {
		for o := []byte(s); len(o) >= 4; {
			end := 4 + int(binary.BigEndian.Uint16(o[2:]))
			if end > len(o) {
				break
			}
			if int(binary.BigEndian.Uint16(o)) == code {
				return string(o[4:end])
			}
			o = o[end:]
		}
		return ""
	}
	return e
}

func (e *exprEnv) option(code int) ([]byte, bool) {
	if e.facts == nil || code < 0 || code > 1<<16-1 {
		return nil, false
	}
	return e.facts.Packet.Option(uint16(code))
}

func compileExpr(text string) (*vm.Program, error) { return policy.CompileExpr(text, &exprEnv{}) }

// CheckExpr says what is wrong with an expression.
func CheckExpr(text string) error {
	_, err := compileExpr(text)
	return err
}

// value is an expression's value. What cannot be evaluated is not true.
func (f *Facts) value(p *vm.Program) bool {
	e := exprEnvs.Get().(*exprEnv)
	defer exprEnvs.Put(e)
	e.facts = f
	e.DUID = string(f.Client.DUID)
	e.MAC = ""
	if ll := f.Client.LinkLayer; len(ll) > 2 {
		e.MAC = string(ll[2:])
	}
	e.Link, e.Peer = f.Link.String(), "::"
	if len(f.Client.Peer) == 16 {
		e.Peer = lease6.IP6From(f.Client.Peer).String()
	}
	e.Known = f.Reservation != nil
	v, err := e.vm.Run(p, e)
	e.facts = nil
	yes, _ := v.(bool)
	return err == nil && yes
}
