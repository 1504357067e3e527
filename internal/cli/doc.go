// Package cli implements the commands of ctl, one file each.
//
// # Guarantees
//
// Data goes to stdout, messages to stderr. The exit code is 0 on success, 1 for a negative result, and 2 for wrong usage or
// an error. Every error says what to do next. Flags are accepted before and after arguments. No command prints a secret or
// takes one on the command line. The JSON output is documented in docs/api.md and compared with it by the tests.
//
// docs/cli.md is generated from the commands by `make generate`; a test fails when it is out of date.
//
// The tests run the commands in process against a NATS server, the reference registry, and watchers and syncers of their own.
// Scripts in testdata/script cover the output of each command.
package cli
