// SPDX-License-Identifier: Apache-2.0

package main

import (
	"xdhcp/engine/policy"
	"xdhcp/internal/config"
)

var limitsPer = map[config.LimitPer]policy.LimitBy{
	config.LimitMAC: policy.LimitMAC, config.LimitCircuit: policy.LimitCircuit,
	config.LimitRemote: policy.LimitRemote, config.LimitClass: policy.LimitClass,
}

func limits(ls []config.Limit) []policy.LimitSpec {
	var out []policy.LimitSpec
	for _, l := range ls {
		out = append(out, policy.LimitSpec{By: limitsPer[l.Per], Max: l.Max, Class: l.Class})
	}
	return out
}
