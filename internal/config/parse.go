// SPDX-License-Identifier: Apache-2.0

package config

// Parse reads the text of a configuration; file is its name in problems.
func Parse(file string, data []byte) (*Config, []Problem) {
	return nil, []Problem{{File: file, Msg: "the file says nothing"}}
}
