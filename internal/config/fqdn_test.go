// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

// What a subnet says of names lies over its shared network, and that over the top.
func TestNamesBelow(t *testing.T) {
	cfg := mustParse(t, `
interfaces: [eth1]
fqdn: {suffix: example.net, lower-case: true, characters: "A-Za-z0-9.-"}
shared-networks:
  - name: street
    fqdn: {suffix: street.example.net, generate: when-not-present, generated-prefix: host}
    subnets:
      - {subnet: 10.1.0.0/24, pools: [10.1.0.10], fqdn: {update: false, override-client: true, suffix: ""}}
      - {subnet: 10.2.0.0/24, pools: [10.2.0.10]}
subnets:
  - {subnet: 10.3.0.0/24, pools: [10.3.0.10], fqdn: {complete: all, instead: "-", characters: ""}}
  - {subnet: 10.4.0.0/24, pools: [10.4.0.10]}
`)
	a, b := cfg.Networks[0].Subnets[0].FQDN, cfg.Networks[0].Subnets[1].FQDN
	if b.Suffix != "street.example.net" || !b.Lower || b.Generate != GenerateWhenNotPresent || b.Prefix != "host" || b.NoUpdate || b.OverrideClient != nil {
		t.Errorf("of the network: %+v", b)
	}
	if a.Suffix != "" || !a.Lower || a.Prefix != "host" || !a.NoUpdate || a.OverrideClient == nil || !*a.OverrideClient || a.OverrideNoUpdate != nil {
		t.Errorf("of the subnet: %+v", a)
	}
	if c := cfg.Subnets[0].FQDN; c.Suffix != "example.net" || !c.CompleteAll || c.Instead != '-' || c.Characters != nil {
		t.Errorf("without a network: %+v", c)
	}
	if cfg.Subnets[1].FQDN != nil {
		t.Errorf("%+v", cfg.Subnets[1].FQDN)
	}
	set := cfg.FQDN.Characters
	for c, want := range map[byte]bool{'A': true, 'z': true, '5': true, '.': true, '-': true, '_': false, ' ': false, 0xe4: false, '/': false} {
		if got := set[c>>6]>>(c&63)&1 != 0; got != want {
			t.Errorf("%q: %v", c, got)
		}
	}
}
