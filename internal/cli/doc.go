// Package cli implements the commands of ctl, one file each.
//
// # Guarantees
//
// Data goes to stdout, messages to stderr. The exit code is 0 on success, 1 for a negative result, and 2 for wrong usage or
// an error. Every error says what to do next. Flags are accepted before and after arguments. No command prints a secret or
// takes one on the command line. The JSON output is documented in docs/api.md and compared with it by the tests.
//
// What has a purpose of its own is in packages below: cmdline the order of flags, render the formats of output, progress the bars,
// check the checks of `ctl test`, remedy what to check where a server cannot be used, completion the scripts for shells. Contexts
// are in internal/contexts.
//
// docs/cli.md is generated from the commands by `make generate`; a test fails when it is out of date.
//
// The tests run the commands in process against a NATS server, the reference registry, and watchers and syncers of their own.
// Scripts in testdata/script cover the output of each command.
package cli
