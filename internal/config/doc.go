// Package config loads the configuration of a process from environment variables and an optional file .env.
//
// Each package owns a [Section]: a struct whose fields have env and help tags, and a Validate that reports every problem at
// once. [Load] fills the sections; [Variables] lists their variables for help texts and docs.
//
// # Guarantees
//
// Every problem names the variable, its value and what is allowed. The value of a [Secret] appears in no error, log line or
// JSON; a secret may also come from the file that <NAME>_FILE names.
package config
