// Package progress shows how far long work is: as a bar on a terminal, and elsewhere as a line every ten seconds, with the rate and
// the time that is left.
package progress
