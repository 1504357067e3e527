// Package procs runs odasync's programs, and the servers beside them, as real processes for tests and the demo.
//
// A [Group] starts processes from the folder of built programs, and stops those that it started in reverse order. A process has a
// small environment of its own, independent of the user's settings. Its output is written to a file and kept for [Process.Await]
// and [Process.Logged]. When a program is missing, the error names the make target that builds it.
package procs
