// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the finished program from outside: xdhcpd in a network
// namespace, real DHCP clients and relays in others, and frames that the tests
// write themselves where no client sends such a thing. It has tests only.
package e2e
