// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"xdhcp/engine/ddns"
	"xdhcp/engine/policy"
	"xdhcp/internal/config"
)

// updatesNames says whether names are put into the DNS.
func updatesNames(cfg *config.Config) bool { return len(cfg.DDNS.Zones) > 0 }

// fqdn says what clients are called and how options 81 and 39 (DHCPv6) are answered:
// that of what engine/ddns does.
func fqdn(cfg *config.Config, f *config.FQDN) policy.FQDNSpec {
	on := updatesNames(cfg)
	spec := policy.FQDNSpec{
		Ignore: f.Ignore, Suffix: f.Suffix, CompleteAll: f.CompleteAll, Lower: f.Lower, Characters: f.Characters, Instead: f.Instead,
		Generate: generates[f.Generate], Prefix: f.Prefix,
		// Where none of a subnet's names are updated, leases keep them so that
		// engine/ddns leaves them alone.
		Updates: on && !f.NoUpdate, Record: on, HostNames: on && cfg.DDNS.HostNames && !f.NoUpdate,
		OverrideClient: cfg.DDNS.OverrideClient, OverrideNoUpdate: cfg.DDNS.OverrideNoUpdate,
	}
	if f.OverrideClient != nil {
		spec.OverrideClient = *f.OverrideClient
	}
	if f.OverrideNoUpdate != nil {
		spec.OverrideNoUpdate = *f.OverrideNoUpdate
	}
	return spec
}

// fqdnOf is what a subnet says of its own; nil: nothing.
func fqdnOf(cfg *config.Config, s *config.Subnet, made map[*config.FQDN]*policy.FQDNSpec) *policy.FQDNSpec {
	if s.FQDN == nil {
		return nil
	}
	spec := made[s.FQDN]
	if spec == nil {
		f := fqdn(cfg, s.FQDN)
		spec = &f
		made[s.FQDN] = spec
	}
	return spec
}

var generates = map[config.Generate]policy.Generate{
	config.GenerateNever: policy.GenerateNever, config.GenerateAlways: policy.GenerateAlways,
	config.GenerateWhenPresent: policy.GenerateWhenPresent, config.GenerateWhenNotPresent: policy.GenerateWhenNotPresent,
}

func (s *server) newDDNS(cfg *config.Config) *ddns.Updater {
	if !updatesNames(cfg) {
		return nil
	}
	c := ddns.Config{TTL: cfg.DDNS.TTL}
	for _, z := range cfg.DDNS.Zones {
		zone := ddns.Zone{Name: z.Name, Server: z.Server}
		if z.Key != nil {
			key := ddns.Key(*z.Key)
			zone.Key = &key
		}
		c.Zones = append(c.Zones, zone)
	}
	return ddns.New(c, s.table, s.table6, s.journal.Clock().Now, s.log)
}

// namesBehind bounds the changes that wait to be looked at.
const namesBehind = 16 << 20

// followNames keeps the DNS until ctx ends.
func (s *server) followNames(ctx context.Context) {
	feed := s.journal.Follow(namesBehind)
	defer feed.Close()
	s.ddns.Run(ctx, feed)
}
