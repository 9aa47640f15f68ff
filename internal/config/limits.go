// SPDX-License-Identifier: Apache-2.0

package config

// LimitPer says what the leases of a limit have in common.
type LimitPer uint8

const (
	LimitMAC     LimitPer = iota // the hardware address
	LimitCircuit                 // sub-option 1 of option 82
	LimitRemote                  // sub-option 2 of option 82
	LimitClass                   // the class itself
)

func (l LimitPer) String() string { return word(limitWords, uint8(l)) }

var limitWords = []string{"mac", "circuit-id", "remote-id", "class"}

// A Limit bounds how many addresses are leased at once to clients that have the
// same MAC, line or class.
type Limit struct {
	Per   LimitPer
	Max   uint32
	Class string // restricts the limit to its members; with LimitClass it is what is limited
	At    Place
}

// maxLimits is what a message may cost: each limit is looked up for it.
const maxLimits = 8

var limitKeys = keySet{
	known:  []string{"per", "max", "class"},
	others: map[string]string{"by": "per", "limit": "max", "address-limit": "max", "leases": "max"},
}

// limits takes the bounds on leases. That their classes can be counted after a
// restart is looked at when all classes are known (countable).
func (c *checker) limits(p *path, n *node, cfg *Config) []Limit {
	var out []Limit
	items := c.items(p, n)
	if len(items) > maxLimits {
		c.fail(p, items[maxLimits], "is one limit more than the %d that are possible", maxLimits)
	}
	for i, el := range items {
		p := item(p, n, i)
		if !c.isMap(p, el, &limitKeys) {
			continue
		}
		l := Limit{At: el.place}
		if v := el.get("per"); v == nil {
			c.fail(p.at("per"), el, "is missing: %s", oneOf(limitWords))
			continue
		} else {
			l.Per = LimitPer(c.word(p.at("per"), v, limitWords))
		}
		if v := el.get("max"); v == nil {
			c.fail(p.at("max"), el, "is missing: how many leases?")
		} else {
			l.Max = uint32(c.number(p.at("max"), v, 1, 1<<32-1))
		}
		if v := el.get("class"); v != nil {
			l.Class, _ = c.scalar(p.at("class"), v, "the name of a class")
			c.refer(p.at("class"), v, l.Class)
			c.countable(p.at("class"), v, l.Class, cfg)
		} else if l.Per == LimitClass {
			c.fail(p.at("class"), el, "is missing: which class is limited?")
		}
		for _, other := range out {
			if other.Per == l.Per && other.Class == l.Class {
				c.fail(p, el, "there is such a limit already, in %s", line(other.At))
			}
		}
		out = append(out, l)
	}
	return out
}

// countable refuses a class that looks at what a lease does not remember: its
// leases could not be counted after a restart.
func (c *checker) countable(p *path, n *node, class string, cfg *Config) {
	for i := range cfg.Classes {
		if cl := &cfg.Classes[i]; cl.Name == class && cl.Match != nil {
			if m := cfg.forgets(cl.Match, 0); m != "" {
				c.fail(p, n, "leases of class %s (%s) cannot be counted after a restart: it looks at %s, which a lease does not remember "+
					"(it remembers mac, client-id, option 82, and whether there is a reservation)", class, line(cl.At), m)
			}
		}
	}
}

// forgets names what of a match a lease does not remember, or nothing.
func (cfg *Config) forgets(m *Match, depth int) string {
	switch m.By {
	case MatchMAC, MatchClientID, MatchCircuitID, MatchRemoteID, MatchSubscriberID, MatchRelayID, MatchKnown:
		return ""
	case MatchAll, MatchAny, MatchNot:
		for i := range m.Of {
			if s := cfg.forgets(&m.Of[i], depth); s != "" {
				return s
			}
		}
		return ""
	case MatchClass:
		if depth > len(cfg.Classes) {
			return "" // a circle, which is refused as such
		}
		for i := range cfg.Classes {
			if cl := &cfg.Classes[i]; cl.Name == m.Name && cl.Match != nil {
				return cfg.forgets(cl.Match, depth+1)
			}
		}
		return ""
	}
	return forgotten[m.By]
}

// forgotten are the keys of matches that a lease does not remember.
var forgotten = map[MatchBy]string{
	MatchExpression: "an expression", MatchVendorClass: "vendor-class", MatchUserClass: "user-class", MatchVendorID: "vendor-id",
	MatchRelay: "relay", MatchArchitecture: "architecture", MatchLink: "interface or vlan",
}
