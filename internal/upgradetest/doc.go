// Package upgradetest runs nodes of two builds on one Redis, the present one and
// that of the previous minor version: side by side, and replaced one by one under
// load. It has nothing but tests.
//
// The previous version is built from the history of the repository, so the tests
// need a clone that has it. CONTRIBUTING.md says when its commit changes.
package upgradetest
