// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
)

// OptionPlace is where options stand.
type OptionPlace uint8

const (
	PlaceReservation OptionPlace = iota
	PlaceClass
	PlacePool
	PlaceSubnet
	PlaceNetwork
	PlaceTop
)

func (o OptionPlace) String() string { return word(placeWords, uint8(o)) }

// WithoutList says what a client gets that asks for no options by name.
type WithoutList uint8

const (
	WithoutListEverything WithoutList = iota // RFC 2131 §4.3.1: what is configured
	WithoutListBasics                        // options 1, 3, 6, 15 and what is always sent
)

func (w WithoutList) String() string { return word(withoutWords, uint8(w)) }

var (
	placeWords   = []string{"reservation", "class", "pool", "subnet", "shared-network", "top"}
	withoutWords = []string{"everything", "basics"}
	rankWords    = []string{"first", "place"} // of class-options: before all others, or of its place
)

// answerRules takes the keys of the top level that say how answers are made.
func (c *checker) answerRules(root *path, n *node, cfg *Config) {
	if v := n.get("option-order"); v != nil {
		cfg.OptionOrder = c.optionOrder(root.at("option-order"), v)
	}
	if v := n.get("without-list"); v != nil {
		cfg.WithoutList = WithoutList(c.word(root.at("without-list"), v, withoutWords))
	}
	if v := n.get("class-options-rank"); v != nil {
		cfg.ClassOptionsInPlace = c.word(root.at("class-options-rank"), v, rankWords) == 1
	}
	if v := n.get("flex-id"); v != nil {
		cfg.FlexID, _ = c.scalar(root.at("flex-id"), v, "an expression")
		cfg.FlexIDAt, c.hasFlexID = v.place, true
	}
	if v := n.get("echo-client-id"); v != nil {
		cfg.NoEchoClientID = !c.boolean(root.at("echo-client-id"), v)
	}
	if v := n.get("echo-host-name"); v != nil {
		cfg.EchoHostName = c.boolean(root.at("echo-host-name"), v)
	}
	if v := n.get("subnet-selection"); v != nil {
		cfg.SubnetSelection = c.boolean(root.at("subnet-selection"), v)
	}
}

// optionOrder takes all places, each once.
func (c *checker) optionOrder(p *path, n *node) []OptionPlace {
	var out []OptionPlace
	for i, el := range c.items(p, n) {
		p := item(p, n, i)
		before := len(c.problems)
		place := OptionPlace(c.word(p, el, placeWords))
		if len(c.problems) > before {
			return out
		}
		if slices.Contains(out, place) {
			c.fail(p, el, "%s is there twice", place)
			return out
		}
		out = append(out, place)
	}
	var missing []string
	for i, w := range placeWords {
		if !slices.Contains(out, OptionPlace(i)) {
			missing = append(missing, w)
		}
	}
	if slices.IsSorted(out) && missing == nil {
		return nil
	}
	if missing != nil {
		c.fail(p, n, "lacks %s: every place has its rank", strings.Join(missing, ", "))
	}
	return out
}
