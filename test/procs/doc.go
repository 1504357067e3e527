// Package procs runs odasync's programs, and the servers beside them, as real processes for tests and the demo.
//
// A Group starts processes from the folder of built programs and ends them in reverse order; what it did not start it
// never touches. Every process has a small environment of its own, so that nothing of the person's settings leaks in,
// writes its output to a file and keeps it for Await and Logged. Where a program is missing the error names the make
// target that builds it.
package procs
