// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// The language of MatchExpr is that of github.com/expr-lang/expr, over
//
//	option(60)          the value of an option as text, byte for byte; "" if it is not there
//	exists(60)          whether it is there
//	relay(1)            a sub-option of option 82
//	suboption(s, 1)     a sub-option of an encapsulated value such as option 43
//	substring(s, 0, 4)  part of a text: from a place (negative: from the end), so many bytes
//	hex(s), unhex("0a") bytes as hexadecimal digits and back
//	number(s)           up to eight bytes as a number, big endian
//	header("ciaddr")    a field of the header as octets: xid, secs, flags, ciaddr, yiaddr,
//	                    siaddr, giaddr; src and dst, the addresses of the packet
//	dotted(s)           octets of an address as text; decimal(n), a number
//	signed(s), long(n)  as number, with a sign; a number as four octets
//	hexpairs(s, ":")    hex with something between the octets
//	part(s, ".-", 2)    the second part of s between any of these
//	mac, giaddr         chaddr; the relay agent's address as text, "0.0.0.0": none
//	htype               hardware type
//	known               whether the client has a reservation on the link
//
// with lower, upper, len, trim and split; no loops. For example
//
//	option(60) matches "^docsis[23]" and relay(1) endsWith ":17"
//
// Why this library and not google/cel-go: it has no dependency of its own, where
// CEL brings protocol buffers and ANTLR into the binary; texts are byte strings,
// as options are, where CEL keeps bytes and text apart; it checks types when the
// configuration is read; and a program can be bounded: without the looping
// builtins, its length bounds its time. CEL's advantages, a standard and
// evaluation over protocol buffers, are none here.
type expression struct {
	atom    uint16
	program *vm.Program
}

// ExprTools are the functions of the language that do not look at the message.
type ExprTools struct {
	Substring func(string, int, int) string `expr:"substring"`
	Hex       func(string) string           `expr:"hex"`
	Unhex     func(string) (string, error)  `expr:"unhex"`
	Number    func(string) int              `expr:"number"`
	ExprTexts
}

// NewExprTools binds them.
func NewExprTools() ExprTools {
	return ExprTools{
		ExprTexts: newExprTexts(),
		Substring: substring,
		Hex:       func(s string) string { return hex.EncodeToString([]byte(s)) },
		Unhex: func(s string) (string, error) {
			v, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
			return string(v), err
		},
		Number: func(s string) int {
			var room [8]byte
			if len(s) > len(room) {
				s = s[len(s)-len(room):]
			}
			copy(room[len(room)-len(s):], s)
			return int(binary.BigEndian.Uint64(room[:]))
		},
	}
}

// An exprEnv is what a program sees. The functions are bound once, as making
// them allocates.
type exprEnv struct {
	ExprTools
	Option func(int) string         `expr:"option"`
	Exists func(int) bool           `expr:"exists"`
	Relay  func(int) string         `expr:"relay"`
	Sub    func(string, int) string `expr:"suboption"`
	Header func(string) string      `expr:"header"`
	MAC    string                   `expr:"mac"`
	Giaddr string                   `expr:"giaddr"`
	HType  int                      `expr:"htype"`
	Known  bool                     `expr:"known"`

	facts *Facts
	vm    vm.VM
}

var exprEnvs = sync.Pool{New: func() any { return newExprEnv() }}

func newExprEnv() *exprEnv {
	e := &exprEnv{ExprTools: NewExprTools()}
	e.Header = func(name string) string {
		if e.facts == nil {
			return ""
		}
		return e.facts.header(name)
	}
	e.Option = func(code int) string {
		if e.facts == nil || code < 0 || code > 255 {
			return ""
		}
		v, _ := e.facts.Packet.Option(uint8(code))
		return string(v)
	}
	e.Exists = func(code int) bool {
		if e.facts == nil || code < 0 || code > 255 {
			return false
		}
		_, ok := e.facts.Packet.Option(uint8(code))
		return ok
	}
	e.Relay = func(code int) string {
		if e.facts == nil || code < 0 || code > 255 {
			return ""
		}
		if v := SubOption(e.facts.Client.Relay, uint8(code)); v != nil {
			return string(v[2:])
		}
		return ""
	}
	e.Sub = func(s string, code int) string {
		if v := SubOption([]byte(s), uint8(code)); v != nil && code >= 0 && code <= 255 {
			return string(v[2:])
		}
		return ""
	}
	return e
}

// substring is n bytes of s from start on, or what there is of them. A start
// before the beginning counts from the end; a negative n goes backwards from
// start. It is what Kea's substring does.
func substring(s string, start, n int) string {
	if start < -len(s) || start >= len(s) {
		return ""
	}
	if start < 0 {
		start += len(s)
	}
	if n < 0 {
		begin := max(start+n, 0)
		return s[begin:start]
	}
	return s[start : start+min(n, len(s)-start)]
}

func compileExpr(text string) (*vm.Program, error) { return CompileExpr(text, &exprEnv{}) }

// CompileExpr compiles an expression whose names are the fields of env.
func CompileExpr(text string, env any) (*vm.Program, error) {
	return compileAs(text, env, expr.AsBool())
}

func compileAs(text string, env any, as expr.Option) (*vm.Program, error) {
	options := []expr.Option{
		expr.Env(env), as, expr.DisableAllBuiltins(), expr.MaxNodes(1000),
	}
	for _, name := range []string{"lower", "upper", "len", "trim", "split"} {
		options = append(options, expr.EnableBuiltin(name))
	}
	var loops noLoops
	p, err := expr.Compile(text, append(options, expr.Patch(&loops))...)
	if err == nil && loops.found != "" {
		err = fmt.Errorf("%s: there are no loops here", loops.found)
	}
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", text, err)
	}
	return p, nil
}

// noLoops finds what would repeat a part of the program.
type noLoops struct{ found string }

func (l *noLoops) Visit(n *ast.Node) {
	switch x := (*n).(type) {
	case *ast.PredicateNode:
		l.found = x.String()
	case *ast.BinaryNode:
		if x.Operator == ".." {
			l.found = x.String()
		}
	}
}

// CheckExpr says what is wrong with an expression.
func CheckExpr(text string) error {
	_, err := compileExpr(text)
	return err
}

// value is an expression's value. What cannot be evaluated, such as unhex of
// what is not hexadecimal, is not true.
func (f *Facts) value(p *vm.Program) bool {
	yes, _ := f.run(p).(bool)
	return yes
}

// run is what a program yields, nil where that is nothing.
func (f *Facts) run(p *vm.Program) any {
	e := exprEnvs.Get().(*exprEnv)
	defer exprEnvs.Put(e)
	e.facts = f
	e.MAC = string(f.Client.HW)
	e.HType = int(f.Client.HType)
	e.Giaddr = f.Giaddr.String()
	e.Known = f.Reservation != nil
	v, err := e.vm.Run(p, e)
	e.facts = nil
	if err != nil {
		return nil
	}
	return v
}
