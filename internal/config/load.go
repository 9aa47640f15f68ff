// SPDX-License-Identifier: Apache-2.0

// Package config reads the server's configuration file.
//
// A file goes through three stages, each a type of its own:
//
//	text ──read──► node (YAML, with places) ──check──► Config (validated, encoded)
//
// Load returns either a Config or every mistake of the file at once, each with
// its line, its column and, where a name was misspelt, the name that was meant.
// What the file may say is in reference.yaml, which is also a test fixture, and
// in docs/config.md. What the server cannot do yet is refused, never ignored.
//
// The package knows nothing of the engine: cmd/xdhcpd turns a Config into
// engine values.
package config

import "os"

// Load reads the file at path. When it returns problems, the Config is nil.
func Load(path string) (*Config, []Problem) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, []Problem{{File: path, Msg: err.Error()}}
	}
	return Parse(path, data)
}
