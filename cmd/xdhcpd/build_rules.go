// SPDX-License-Identifier: Apache-2.0

package main

import (
	"xdhcp/engine/policy"
	"xdhcp/internal/config"
)

var optionPlaces = map[config.OptionPlace]policy.OptionPlace{
	config.PlaceReservation: policy.PlaceReservation, config.PlaceClass: policy.PlaceClass, config.PlacePool: policy.PlacePool,
	config.PlaceSubnet: policy.PlaceSubnet, config.PlaceNetwork: policy.PlaceNetwork, config.PlaceTop: policy.PlaceGlobal,
}

// answerRules takes over what the configuration says about how answers are made.
func answerRules(spec *policy.Spec, cfg *config.Config) {
	for _, p := range cfg.OptionOrder {
		spec.OptionOrder = append(spec.OptionOrder, optionPlaces[p])
	}
	spec.BasicsOnly = cfg.WithoutList == config.WithoutListBasics
	spec.ClassOptionsInPlace, spec.FlexID = cfg.ClassOptionsInPlace, cfg.FlexID
	spec.NoEchoClientID = cfg.NoEchoClientID
	spec.EchoHostName = cfg.EchoHostName
	spec.SubnetSelection = cfg.SubnetSelection
}
