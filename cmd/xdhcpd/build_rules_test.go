// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/internal/config"
)

// places are all places of an option in a file, the strongest first: [MS-DHCPE]
// §1.4, those for a class before those for everybody.
var places = []string{
	"reservation+class", "pool+class", "subnet+class", "shared-network+class", "top+class",
	"reservation", "class", "pool", "subnet", "shared-network", "top",
}

// fileWith is a configuration that has lines for an options block at each place.
func fileWith(more string, at map[string]string) string {
	in := func(place string) string {
		var lines []string
		if v := at[place]; v != "" {
			lines = append(lines, v)
		}
		if v := at[place+"+class"]; v != "" {
			lines = append(lines, "class-options: {c: {"+strings.TrimSuffix(strings.TrimPrefix(v, "options: {"), "}")+"}}")
		}
		if lines == nil {
			return ""
		}
		return ", " + strings.Join(lines, ", ")
	}
	top := ""
	for _, l := range strings.Split(strings.TrimPrefix(in("top"), ", "), "}, ") {
		if l = strings.TrimSpace(l); l != "" {
			top += l + strings.Repeat("}", strings.Count(l, "{")-strings.Count(l, "}")) + "\n"
		}
	}
	return more + "\ninterfaces: [eth1]\n" + top +
		"classes: [{name: c, match: {mac: 02:00:00:00:00:01}" + in("class") + "}]\n" +
		"shared-networks: [{name: n" + in("shared-network") + ", subnets: [{subnet: 192.0.2.0/24" + in("subnet") + ",\n" +
		"  pools: [{range: 192.0.2.10-192.0.2.20" + in("pool") + "}],\n" +
		"  reservations: [{mac: 02:00:00:00:00:01, address: 192.0.2.15" + in("reservation") + "}]}]}]\n"
}

// optionOf is what client 1 gets as an option, and whether it gets any.
func optionOf(t *testing.T, text string, code uint8, prl []byte) (string, bool) {
	t.Helper()
	cfg, problems := config.Parse("f", []byte(text))
	if cfg == nil {
		t.Fatalf("%v in\n%s", problems, text)
	}
	p, err := compile(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := lease.Client{HType: 1, HW: []byte{2, 0, 0, 0, 0, 1}}
	s := &p.Subnets[0]
	r := s.Reservation(&client)
	var m policy.Membership
	p.Classify(&policy.Facts{Client: &client, Reservation: r}, &m)
	_, base, _ := s.Place(0xc000020f)
	o := p.ForClasses(r.Options(base), &m.In)
	var room policy.Codes
	for _, c := range o.Select(prl, &room) {
		if c == code {
			v, _ := o.Get(code)
			return string(v), true
		}
	}
	return "", false
}

// Of any two places that have an option, the first of the list wins.
func TestOptionPrecedence(t *testing.T) {
	for i, a := range places {
		for _, b := range places[i+1:] {
			text := fileWith("", map[string]string{a: "options: {tftp-server-name: " + a + "}", b: "options: {tftp-server-name: " + b + "}"})
			if got, _ := optionOf(t, text, 66, []byte{66}); got != a {
				t.Errorf("%s and %s: %q wins", a, b, got)
			}
		}
	}
}

// The order of the places is the file's, and those for a class follow it too.
func TestOptionOrder(t *testing.T) {
	const kea = "option-order: [reservation, pool, subnet, shared-network, class, top]"
	order := []string{
		"reservation+class", "pool+class", "subnet+class", "shared-network+class", "top+class",
		"reservation", "pool", "subnet", "shared-network", "class", "top",
	}
	for i, a := range order {
		for _, b := range order[i+1:] {
			text := fileWith(kea, map[string]string{a: "options: {tftp-server-name: " + a + "}", b: "options: {tftp-server-name: " + b + "}"})
			if got, _ := optionOf(t, text, 66, []byte{66}); got != a {
				t.Errorf("%s and %s: %q wins", a, b, got)
			}
		}
	}
}

// With class-options-rank: place, those for a class come right before the others of
// their place, as in Kea.
func TestClassOptionsInPlace(t *testing.T) {
	const kea = "option-order: [reservation, pool, subnet, shared-network, class, top]\nclass-options-rank: place"
	order := []string{
		"reservation+class", "reservation", "pool+class", "pool", "subnet+class", "subnet", "shared-network+class", "shared-network",
		"class", "top+class", "top",
	}
	for i, a := range order {
		for _, b := range order[i+1:] {
			text := fileWith(kea, map[string]string{a: "options: {tftp-server-name: " + a + "}", b: "options: {tftp-server-name: " + b + "}"})
			if got, _ := optionOf(t, text, 66, []byte{66}); got != a {
				t.Errorf("%s and %s: %q wins", a, b, got)
			}
		}
	}
}

// never-send at any place withholds what another one gives, also what is always
// sent and what clients get without being configured.
func TestNeverSend(t *testing.T) {
	plain := places[5:]
	for _, never := range plain {
		for _, given := range plain {
			if given == never {
				continue
			}
			text := fileWith("", map[string]string{
				given: "options: {tftp-server-name: x}, always-send: [tftp-server-name]", never: "never-send: [tftp-server-name]",
			})
			if v, ok := optionOf(t, text, 66, []byte{66}); ok {
				t.Errorf("given at %s, never sent at %s: %q is sent", given, never, v)
			}
		}
		if _, ok := optionOf(t, fileWith("", map[string]string{never: "never-send: [subnet-mask]"}), 1, []byte{1}); ok {
			t.Errorf("never-send at %s: the subnet mask is sent", never)
		}
	}
	routes := "options: {classless-static-routes: [10.0.0.0/8 via 192.0.2.1]}"
	for _, name := range []string{"classless-static-routes", "ms-classless-static-routes"} {
		if _, ok := optionOf(t, fileWith("", map[string]string{"top": routes, "subnet": "never-send: [" + name + "]"}), 249, []byte{249}); ok {
			t.Errorf("never-send of %s: 249 is sent", name)
		}
	}
}

// always-send goes to clients that do not ask; without-list says what those get
// that send no list at all.
func TestAlwaysSendAndWithoutList(t *testing.T) {
	for _, tt := range []struct {
		more, always string
		prl          []byte
		want         bool
	}{
		{"", "", []byte{6}, false},
		{"", "", []byte{66}, true},
		{"", "", nil, true},
		{"", ", always-send: [66]", []byte{6}, true},
		{"without-list: basics", "", nil, false},
		{"without-list: basics", "", []byte{66}, true},
		{"without-list: basics", ", always-send: [66]", nil, true},
	} {
		text := fileWith(tt.more, map[string]string{"subnet": "options: {tftp-server-name: x}" + tt.always})
		if _, ok := optionOf(t, text, 66, tt.prl); ok != tt.want {
			t.Errorf("%q, %q, list %v: sent %v", tt.more, tt.always, tt.prl, ok)
		}
	}
	for _, code := range []uint8{1, 3, 6, 15} {
		text := fileWith("without-list: basics", map[string]string{"subnet": "options: {routers: 192.0.2.1, domain-name-servers: 192.0.2.2, domain-name: x}"})
		if _, ok := optionOf(t, text, code, nil); !ok {
			t.Errorf("option %d is one of the basics", code)
		}
	}
}

// Every option of the tables that a configuration can set can be given by its
// name, as octets.
func TestEveryOptionReachesTheClient(t *testing.T) {
	for code := 1; code < 255; code++ {
		if config.RefusedOption(uint8(code)) != "" {
			continue
		}
		text := fileWith("", map[string]string{"subnet": fmt.Sprintf(`options: {%d: "hex:01:02:03:04"}`, code)})
		if v, ok := optionOf(t, text, uint8(code), []byte{uint8(code)}); !ok || v != "\x01\x02\x03\x04" {
			t.Errorf("option %d: %q", code, v)
		}
	}
}

func TestAnswerRulesReachTheEngine(t *testing.T) {
	cfg, problems := config.Parse("f", []byte(fileWith("echo-client-id: false\nsubnet-selection: true\nlimits: [{per: mac, max: 1}]", nil)))
	if cfg == nil {
		t.Fatal(problems)
	}
	p, err := compile(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !p.NoEchoClientID || !p.SubnetSelection || !p.HasLimits() {
		t.Errorf("%v %v %v", p.NoEchoClientID, p.SubnetSelection, p.HasLimits())
	}
	for per := config.LimitMAC; per <= config.LimitClass; per++ {
		if by, ok := limitsPer[per]; !ok || int(by) != int(per) {
			t.Errorf("%v is %v", per, by)
		}
	}
}
